#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/secret.h>
#include <base/text.h>

#include "broker/core/access_index.h"
#include "broker/core/access_news.h"
#include "broker/core/access_steps.h"
#include "broker/core/hub_state.h"
#include "broker/core/kube_path.h"
#include "broker/core/ledger.h"
#include "broker/core/ledger_record.h"
#include "broker/core/member_objects.h"
#include "broker/core/member_sweeps.h"
#include "broker/core/request.h"
#include "broker/core/request_nonce.h"
#include "broker/core/rights.h"
#include "broker/core/store.h"
#include "broker/core/sweep_budget.h"
#include "support/fake_clock.h"
#include "support/json_pattern.h"
#include "support/sample_request.h"
#include "support/scripted_port.h"

#define MEMBER "fleet-system/member-1"

enum { INTERVAL_MS = 3600 * 1000, GAP_MS = 60 * 1000, OBJECTS_OF_ONE = 4, SCOPES = 5 };

static struct fake_clock clock_;
static struct scripted_port *port;
static struct access_index index_;
static struct hub_state seen;
static struct access_settings settings;
static struct secret key;
static struct member_sweeps *sweeps;
static struct json *on_member; /* lists by the plural of their kind, as are ON_HUB */
static struct json *on_hub;
static char *told; /* reasons, each with a blank behind it */

static void wake(void *context)
{
	(void)context;
}

static void hear(void *context, const struct access_news *news)
{
	struct text text = text_with_max(10000);

	(void)context;
	assert_string_equal(access_news_key(news), MEMBER);
	text_appendf(&text, "%s%s ", told ? told : "", news->reason);
	memory_free(told);
	told = text_take(&text);
}

static void set_member(const char *uid)
{
	scripted_port_set_member(
		port, MEMBER,
		&(struct member_facts){.state = uid ? MEMBER_READY : MEMBER_UNREACHABLE,
				       .uid = uid});
}

static int setup(void **state)
{
	cleanup_json struct json *profile = json_pattern_parse("{'metadata':{'uid':'profile-1'}}");

	(void)state;
	fake_clock_init(&clock_);
	port = scripted_port_new();
	set_member("cluster-1");
	access_index_init(&index_, &clock_.clock, wake, NULL);
	hub_state_init(&seen);
	hub_state_put(&seen, &KUBE_CLUSTER_PROFILES, MEMBER, profile);
	key = secret_from_bytes("0123456789abcdef0123456789abcdef", 32);
	settings = (struct access_settings){.hub_id = "hub-1",
					    .namespace = "credbroker-system",
					    .identity_namespace = "credbroker-identities",
					    .nonce_key = &key,
					    .sweep_interval_ms = INTERVAL_MS};
	on_member = json_object_new();
	on_hub = json_object_new();
	sweeps = member_sweeps_new(&(struct member_sweeps_config){
		.hub = scripted_port_hub(port),
		.executor = scripted_port_executor(port),
		.clock = &clock_.clock,
		.settings = &settings,
		.seen = &seen,
		.index = &index_,
		.tell = hear,
	});
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scripted_port_free(port);
	member_sweeps_free(sweeps);
	access_index_done(&index_);
	hub_state_done(&seen);
	secret_done(&key);
	json_free(on_member);
	json_free(on_hub);
	memory_free(TAKE_PTR(told));
	return 0;
}

static void append(struct json *lists, const char *plural, const struct json *item)
{
	struct json *list = (struct json *)json_find(lists, plural);

	json_append_copy(list ? list : json_add_array(lists, plural), item);
}

/* The record of request NUMBER. The caller's. */
static struct ledger *ledger_of(int number, const struct request *request)
{
	struct ledger *ledger = sample_request_ledger(request);
	char text[64];

	snprintf(text, sizeof(text), "request-%d", number);
	memory_free(ledger->uid);
	ledger->uid = memory_text(text);
	memory_free(ledger->nonce);
	request_nonce(&key, settings.hub_id, ledger->uid, text);
	ledger->nonce = memory_text(text);
	return ledger;
}

static void add_to_member(const struct ledger *ledger, const struct rights *rights, size_t index,
			  const char *changes)
{
	cleanup_json struct json *made = member_object_render(ledger, index, rights);
	cleanup_json struct json *patch = json_pattern_parse(changes);
	cleanup_json struct json *item = json_pattern_merge(made, patch);
	struct json *metadata = json_dup(json_find(item, "metadata"));
	char uid[64];

	snprintf(uid, sizeof(uid), "%s-%zu", ledger->uid, index);
	json_add_string(metadata, "uid", uid);
	json_add_string(metadata, "resourceVersion", "7");
	json_add(item, "metadata", metadata);
	append(on_member, ledger->objects[index].resource->plural, item);
}

/* What was made for request NUMBER stands on the member. */
static void add_stray(int number, const char *changes)
{
	struct request *request = sample_request("{}");
	struct rights *rights = sample_request_rights(request);
	struct ledger *ledger = ledger_of(number, request);

	assert_int_equal(ledger->object_count, OBJECTS_OF_ONE);
	for (size_t i = 0; i < OBJECTS_OF_ONE; i++)
		add_to_member(ledger, rights, i, changes);
	ledger_free(ledger);
	rights_free(rights);
	request_free(request);
}

static void add_to_hub(const char *plural, const char *item_text)
{
	cleanup_json struct json *item = json_pattern_parse(item_text);

	append(on_hub, plural, item);
}

/* Answers the oldest call, a LIST, with what stands there. */
static void answer_list(void)
{
	const struct scripted_call *call = scripted_port_oldest(port);
	const struct json *lists = call->on_member ? on_member : on_hub;
	cleanup_json struct json *page =
		json_pattern_parse("{'metadata':{'resourceVersion':'7'},'items':[]}");
	cleanup_free char *plural = NULL;
	const char *end = strchr(call->path, '?');
	const char *begin = end;

	assert_string_equal(call->verb, "LIST");
	while (begin[-1] != '/')
		begin--;
	plural = memory_bytes(begin, (size_t)(end - begin));
	if (json_find(lists, plural))
		json_add_copy(page, "items", json_find(lists, plural));
	scripted_port_answer(port, call, 200, NULL, page);
}

/* Lets time pass until a call is made; returns how much. */
static int64_t await_call(void)
{
	int64_t begun_ms = clock_.monotonic_ms;

	while (scripted_port_waiting(port) == 0) {
		int64_t due_ms = member_sweeps_next_due_ms(sweeps);

		assert_true(due_ms >= 0);
		if (due_ms > clock_.monotonic_ms)
			fake_clock_advance(&clock_, due_ms - clock_.monotonic_ms);
		member_sweeps_run(sweeps);
	}
	return clock_.monotonic_ms - begun_ms;
}

/* The member's lists, up to the last one. */
static void answer_member(void)
{
	while (scripted_port_waiting(port) > 0 && scripted_port_oldest(port)->on_member &&
	       strcmp(scripted_port_oldest(port)->verb, "LIST") == 0)
		answer_list();
}

static void answer_hub(void)
{
	await_call();
	assert_false(scripted_port_oldest(port)->on_member);
	answer_list();
	answer_list();
}

/* A whole sweep, up to the first deletion, if there is one. */
static void sweep(void)
{
	await_call();
	answer_member();
	answer_hub();
	answer_member();
}

static bool is_deleting(void)
{
	return scripted_port_waiting(port) > 0 &&
	       strcmp(scripted_port_oldest(port)->verb, "DELETE") == 0;
}

/* Every deletion is of that very object, as it was listed. Returns how many. */
static int answer_deletions(void)
{
	cleanup_json struct json *pattern =
		json_pattern_parse("{'preconditions':{'uid':'request-*','resourceVersion':'7'}}");
	cleanup_json struct json *status = json_object_new();
	cleanup_text struct text why = text_with_max(1000);
	int count = 0;

	for (; is_deleting(); count++) {
		assert_true(json_pattern_matches(pattern, scripted_port_oldest(port)->body, &why));
		scripted_port_answer(port, scripted_port_oldest(port), 200, NULL, status);
	}
	return count;
}

static void assert_nothing_happens(void)
{
	assert_int_equal(scripted_port_waiting(port), 0);
	assert_null(told);
}

static void member_sweeps__delete_what_is_neither_there_nor_on_record(void **state)
{
	static const char *const order[] = {"/clusterrolebindings/", "/rolebindings/",
					    "/serviceaccounts/reader", "/roles/"};

	(void)state;
	add_stray(1, "{}");
	add_to_hub("authtokenrequests", "{'metadata':{'uid':'request-2'}}");
	add_to_hub("issuedcredentials", "{'metadata':{'name':'request-2'}}");
	member_sweeps_want(sweeps, MEMBER);
	assert_in_range(await_call(), 0, INTERVAL_MS / 10);
	answer_member();
	assert_int_equal(await_call(), GAP_MS);
	answer_hub();
	answer_member();
	for (size_t i = 0; i < OBJECTS_OF_ONE; i++) {
		const struct scripted_call *call = scripted_port_oldest(port);
		cleanup_json struct json *status = json_object_new();

		assert_non_null(strstr(call->path, order[i]));
		assert_false(call->urgent);
		scripted_port_answer(port, call, 200, NULL, status);
	}
	assert_string_equal(told, "StrayDeleted StrayDeleted StrayDeleted StrayDeleted ");
	assert_in_range(await_call(), INTERVAL_MS * 9 / 10, INTERVAL_MS * 11 / 10);
}

static void member_sweeps__cost_one_list_of_each_kind_when_all_is_well(void **state)
{
	int lists = 0;

	(void)state;
	add_stray(1, "{}");
	access_index_ensure(&index_, "request-1", "team-a/reader");
	member_sweeps_want_all(sweeps);
	await_call();
	for (; scripted_port_waiting(port) > 0; lists++)
		answer_list();
	assert_int_equal(lists, SCOPES);
	assert_null(told);
	assert_in_range(await_call(), INTERVAL_MS * 9 / 10, INTERVAL_MS * 11 / 10);
}

static void member_sweeps__touch_nothing_of_whom_the_hub_knows(void **state)
{
	static const struct {
		const char *plural, *item;
	} rows[] = {
		{"authtokenrequests", "{'metadata':{'uid':'request-1'}}"},
		{"issuedcredentials", "{'metadata':{'name':'request-1'}}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		teardown(NULL);
		setup(NULL);
		add_stray(1, "{}");
		add_to_hub(rows[i].plural, rows[i].item);
		member_sweeps_want(sweeps, MEMBER);
		sweep();
		assert_nothing_happens();
	}
}

/* The watch shows the record of request NUMBER, with the ServiceAccount ACCOUNT_UID, and the hub
 * lists it. */
static void add_record(int number, const char *account_uid)
{
	struct request *request = sample_request("{}");
	struct ledger *ledger = ledger_of(number, request);
	cleanup_json struct json *record = NULL;
	cleanup_json struct json *item = NULL;
	char key_text[64];

	ledger->objects[0].uid = memory_text(account_uid);
	record = ledger_record_render(ledger, settings.namespace);
	json_add_string((struct json *)json_find(record, "metadata"), "resourceVersion", "7");
	snprintf(key_text, sizeof(key_text), "credbroker-system/%s", ledger->uid);
	assert_true(hub_state_put(&seen, &KUBE_ISSUED_CREDENTIALS, key_text, record));
	item = json_pattern_parse("{'metadata':{}}");
	json_add_string((struct json *)json_find(item, "metadata"), "name", ledger->uid);
	append(on_hub, "issuedcredentials", item);
	ledger_free(ledger);
	request_free(request);
}

/* Somebody made it anew, with our mark on it, and a policy lends it since then. */
static void member_sweeps__leave_an_account_that_is_lent(void **state)
{
	(void)state;
	add_stray(1, "{}");
	add_record(2, "request-1-0");
	member_sweeps_want(sweeps, MEMBER);
	sweep();
	assert_int_equal(answer_deletions(), OBJECTS_OF_ONE - 1);
	assert_int_equal(scripted_port_waiting(port), 0);
}

static void member_sweeps__touch_nothing_that_has_come_on_record(void **state)
{
	(void)state;
	add_stray(1, "{}");
	member_sweeps_want(sweeps, MEMBER);
	await_call();
	answer_member();
	answer_hub();
	add_record(1, "request-1-0");
	answer_member();
	assert_nothing_happens();
}

/* It came, or was seen for the first time, while the sweep went on. */
static void member_sweeps__touch_nothing_of_whom_a_watch_shows(void **state)
{
	(void)state;
	add_stray(1, "{}");
	add_stray(2, "{}");
	member_sweeps_want(sweeps, MEMBER);
	sweep();
	assert_true(is_deleting());
	access_index_ensure(&index_, "request-2", "team-a/reader");
	assert_int_equal(answer_deletions(), OBJECTS_OF_ONE);
}

static void member_sweeps__want_to_see_it_twice(void **state)
{
	(void)state;
	add_stray(1, "{}");
	member_sweeps_want(sweeps, MEMBER);
	await_call();
	answer_member();
	json_free(on_member);
	on_member = json_object_new();
	add_stray(2, "{}"); /* came between the two */
	answer_hub();
	answer_member();
	assert_nothing_happens();
}

static void member_sweeps__leave_another_object_of_the_same_name(void **state)
{
	(void)state;
	add_stray(1, "{}");
	member_sweeps_want(sweeps, MEMBER);
	sweep();
	for (int i = 0; i < OBJECTS_OF_ONE; i++)
		scripted_port_answer(port, scripted_port_oldest(port), 409, "Conflict", NULL);
	assert_nothing_happens();
}

static void member_sweeps__conclude_nothing_from_a_list_that_failed(void **state)
{
	(void)state;
	for (int failing = 0; failing < 2 * SCOPES + 2; failing++) {
		teardown(NULL);
		setup(NULL);
		add_stray(1, "{}");
		member_sweeps_want(sweeps, MEMBER);
		for (int i = 0; i < failing; i++) {
			await_call();
			answer_list();
		}
		await_call();
		scripted_port_answer(port, scripted_port_oldest(port), 500, "InternalError", NULL);
		assert_nothing_happens();
		assert_in_range(await_call(), 1, INTERVAL_MS / 5); /* all of it again */
		assert_true(scripted_port_oldest(port)->on_member);
	}
}

/* The watch of records shows one that the hub's list has not. */
static void member_sweeps__conclude_nothing_from_a_short_list_of_the_hub(void **state)
{
	(void)state;
	add_record(2, NULL);
	json_free(on_hub);
	on_hub = json_object_new();
	add_stray(1, "{}");
	member_sweeps_want(sweeps, MEMBER);
	sweep();
	assert_nothing_happens();
	sweep();
	assert_string_equal(told, "SweepUnsure ");
	add_to_hub("issuedcredentials", "{'metadata':{'name':'request-2'}}");
	sweep();
	assert_int_equal(answer_deletions(), OBJECTS_OF_ONE);
}

static void member_sweeps__leave_what_has_no_mark_and_say_so_once(void **state)
{
	(void)state;
	add_stray(1, "{'metadata':{'name':'forged'}}");
	add_stray(2, "{'metadata':{'labels':{'credbroker.dev/hub-id':'hub-2'}}}");
	member_sweeps_want(sweeps, MEMBER);
	for (int i = 0; i < 3; i++) {
		await_call();
		answer_member();
		assert_int_equal(scripted_port_waiting(port), 0);
	}
	assert_string_equal(told, "StraysUnproven ");
}

static void member_sweeps__stop_at_the_budget_and_go_on_later(void **state)
{
	enum { STRAYS = 8, FORGERIES = 80 };
	int64_t stopped_ms;

	(void)state;
	for (int i = 0; i < STRAYS; i++)
		add_stray(i, "{}");
	for (int i = 0; i < FORGERIES; i++) /* raise no budget */
		add_stray(STRAYS + i, "{'metadata':{'name':'forged'}}");
	member_sweeps_want(sweeps, MEMBER);
	sweep();
	assert_int_equal(answer_deletions(), SWEEP_BUDGET_MIN);
	stopped_ms = clock_.monotonic_ms;
	assert_non_null(strstr(told, "SweepStopped "));
	sweep();
	assert_true(clock_.monotonic_ms - stopped_ms >= SWEEP_BUDGET_WINDOW_MS);
	assert_int_equal(answer_deletions(), SWEEP_BUDGET_MIN);
}

static void member_sweeps__may_delete_five_percent_of_what_we_made(void **state)
{
	enum { STRAYS = 8, ALIVE = 60 };

	(void)state;
	for (int i = 0; i < STRAYS + ALIVE; i++)
		add_stray(i, "{}");
	for (int i = STRAYS; i < STRAYS + ALIVE; i++) {
		char uid[32];

		snprintf(uid, sizeof(uid), "request-%d", i);
		access_index_ensure(&index_, uid, "team-a/reader");
	}
	member_sweeps_want(sweeps, MEMBER);
	sweep();
	assert_int_equal(answer_deletions(), (STRAYS + ALIVE) * OBJECTS_OF_ONE / 20);
}

static void member_sweeps__see_what_they_may_and_say_what_they_may_not(void **state)
{
	int refused = 0;

	(void)state;
	add_stray(1, "{}");
	member_sweeps_want(sweeps, MEMBER);
	await_call();
	for (int i = 0; i < SCOPES; i++) { /* nothing but ClusterRoleBindings and Roles */
		if (i == 0 || i == 3)
			answer_list();
		else
			scripted_port_answer(port, scripted_port_oldest(port), 403, "Forbidden",
					     NULL);
	}
	assert_string_equal(told, "SweepDenied ");
	answer_hub();
	answer_member();
	for (; scripted_port_waiting(port) > 0 && refused < 3; refused++)
		scripted_port_answer(port, scripted_port_oldest(port), refused == 0 ? 403 : 422,
				     refused == 0 ? "Forbidden" : "Invalid", NULL);
	assert_int_equal(refused, 2); /* the binding, and the Role all the same */
	assert_string_equal(told, "SweepDenied ");
}

static void member_sweeps__are_of_one_member(void **state)
{
	(void)state;
	add_stray(1, "{}");
	member_sweeps_want(sweeps, MEMBER);
	await_call();
	answer_member();
	set_member("cluster-2");
	answer_hub();
	assert_nothing_happens();
}

static void member_sweeps__wait_for_a_member_that_is_away(void **state)
{
	(void)state;
	set_member(NULL);
	member_sweeps_want(sweeps, MEMBER);
	fake_clock_advance(&clock_, INTERVAL_MS);
	member_sweeps_run(sweeps);
	assert_nothing_happens();
	set_member("cluster-1");
	member_sweeps_member_changed(sweeps, MEMBER);
	assert_int_equal(await_call(), 0);
	scripted_port_answer(port, scripted_port_oldest(port), 0, NULL, NULL);
	member_sweeps_member_changed(sweeps, MEMBER);
	assert_int_equal(await_call(), 0);
}

static void member_sweeps__end_with_the_profile(void **state)
{
	(void)state;
	member_sweeps_want(sweeps, MEMBER);
	store_remove(seen.profiles, MEMBER);
	fake_clock_advance(&clock_, INTERVAL_MS);
	member_sweeps_run(sweeps);
	assert_int_equal(member_sweeps_next_due_ms(sweeps), -1);
}

static void member_sweeps__are_off_without_an_interval_or_a_key(void **state)
{
	(void)state;
	settings.sweep_interval_ms = 0;
	member_sweeps_want(sweeps, MEMBER);
	settings.sweep_interval_ms = INTERVAL_MS;
	settings.nonce_key = NULL;
	member_sweeps_want_all(sweeps);
	assert_int_equal(member_sweeps_next_due_ms(sweeps), -1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(member_sweeps__delete_what_is_neither_there_nor_on_record),
		TEST(member_sweeps__cost_one_list_of_each_kind_when_all_is_well),
		TEST(member_sweeps__touch_nothing_of_whom_the_hub_knows),
		TEST(member_sweeps__touch_nothing_of_whom_a_watch_shows),
		TEST(member_sweeps__touch_nothing_that_has_come_on_record),
		TEST(member_sweeps__leave_an_account_that_is_lent),
		TEST(member_sweeps__want_to_see_it_twice),
		TEST(member_sweeps__leave_another_object_of_the_same_name),
		TEST(member_sweeps__conclude_nothing_from_a_list_that_failed),
		TEST(member_sweeps__conclude_nothing_from_a_short_list_of_the_hub),
		TEST(member_sweeps__leave_what_has_no_mark_and_say_so_once),
		TEST(member_sweeps__stop_at_the_budget_and_go_on_later),
		TEST(member_sweeps__may_delete_five_percent_of_what_we_made),
		TEST(member_sweeps__see_what_they_may_and_say_what_they_may_not),
		TEST(member_sweeps__are_of_one_member),
		TEST(member_sweeps__wait_for_a_member_that_is_away),
		TEST(member_sweeps__end_with_the_profile),
		TEST(member_sweeps__are_off_without_an_interval_or_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
