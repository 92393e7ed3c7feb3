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
#include <base/text.h>

#include "broker/core/access.h"
#include "broker/core/access_index.h"
#include "broker/core/access_news.h"
#include "broker/core/kube_path.h"
#include "broker/core/ledger.h"
#include "broker/core/member_checks.h"
#include "broker/core/member_objects.h"
#include "broker/core/request.h"
#include "broker/core/rights.h"
#include "broker/core/store.h"
#include "support/fake_clock.h"
#include "support/json_pattern.h"
#include "support/sample_request.h"
#include "support/scripted_port.h"

#define MEMBER "fleet-system/member-1"

enum { INTERVAL_MS = 600 * 1000, CREDENTIALS = 300, KINDS = 4 };

static struct fake_clock clock_;
static struct scripted_port *port;
static struct access_index index_;
static struct member_checks *checks;
static struct request *request;
static const char *edited_uid; /* what lists show otherwise than it was made */
static const char *hidden_uid; /* what they do not show */
static int woken;
static int told;

static void wake(void *context)
{
	(void)context;
	woken++;
}

static void hear(void *context, const struct access_news *news)
{
	(void)context;
	assert_string_equal(news->reason, "MemberCheckDenied");
	told++;
}

static int setup(void **state)
{
	(void)state;
	fake_clock_init(&clock_);
	port = scripted_port_new();
	scripted_port_set_member(port, MEMBER,
				 &(struct member_facts){.state = MEMBER_READY, .uid = "cluster-1"});
	access_index_init(&index_, &clock_.clock, wake, NULL);
	request = sample_request("{}");
	edited_uid = hidden_uid = NULL;
	woken = told = 0;
	checks = member_checks_new(&(struct member_checks_config){
		.executor = scripted_port_executor(port),
		.clock = &clock_.clock,
		.index = &index_,
		.interval_ms = INTERVAL_MS,
		.tell = hear,
	});
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scripted_port_free(port);
	member_checks_free(checks);
	access_index_done(&index_);
	request_free(request);
	return 0;
}

/* An access that has all it asked for, with UIDs of its own. */
static struct access *add_access(int number)
{
	struct access *access;
	char text[64];

	snprintf(text, sizeof(text), "request-%d", number);
	access = access_index_ensure(&index_, text, "team-a/reader");
	access->profile_key = memory_text(MEMBER);
	access->ledger = sample_request_ledger(request);
	access->ledger->resource_version = memory_text("7");
	access->rights = sample_request_rights(request);
	for (size_t i = 0; i < access->ledger->object_count; i++) {
		snprintf(text, sizeof(text), "uid-%d-%zu", number, i);
		access->ledger->objects[i].uid = memory_text(text);
	}
	return access;
}

/* Lets time pass until a look begins. */
static void await_look(void)
{
	while (scripted_port_waiting(port) == 0) {
		int64_t due_ms = member_checks_next_due_ms(checks);

		assert_true(due_ms >= 0);
		if (due_ms > clock_.monotonic_ms)
			fake_clock_advance(&clock_, due_ms - clock_.monotonic_ms);
		member_checks_run(checks);
	}
}

struct listing {
	const char *path;
	struct json *items;
};

static void show_uid(struct json *item, const char *uid)
{
	struct json *metadata = json_dup(json_find(item, "metadata"));

	json_add_string(metadata, "uid", uid);
	json_add(item, "metadata", metadata);
}

static bool append_objects(void *context, const char *uid, void *object)
{
	struct listing *listing = context;
	const struct access *access = object;

	(void)uid;
	for (size_t i = 0; i < access->ledger->object_count; i++) {
		const struct ledger_object *made = &access->ledger->objects[i];
		struct json *item = member_object_render(access->ledger, i, access->rights);
		char segment[64];

		snprintf(segment, sizeof(segment), "/%s?", made->resource->plural);
		show_uid(item, made->uid);
		if (text_same(made->uid, edited_uid))
			json_add_string(item, "rules", "others");
		if (strstr(listing->path, segment) && !text_same(made->uid, hidden_uid))
			json_append(listing->items, item);
		else
			json_free(item);
	}
	return true;
}

/* Answers one list with all that is on record of its kind. */
static void answer_list(void)
{
	const struct scripted_call *call = scripted_port_oldest(port);
	cleanup_json struct json *list = json_object_new();
	struct listing listing = {call->path, json_add_array(list, "items")};

	assert_string_equal(call->verb, "LIST");
	store_each(index_.accesses, append_objects, &listing);
	assert_true(json_size(listing.items) > 0);
	scripted_port_answer(port, call, 200, NULL, list);
}

static size_t suspects(const char *uid)
{
	const struct access *access = store_find(index_.accesses, uid);
	size_t count = 0;

	for (size_t i = 0; i < access->ledger->object_count; i++)
		count += access->ledger->objects[i].suspect;
	return count;
}

static void member_checks__make_one_list_for_each_kind_however_many_credentials(void **state)
{
	int lists = 0;

	(void)state;
	for (int i = 0; i < CREDENTIALS; i++)
		add_access(i);
	edited_uid = "uid-7-1";
	hidden_uid = "uid-9-2";
	member_checks_want(checks, MEMBER);
	await_look();
	for (; scripted_port_waiting(port) > 0; lists++)
		answer_list();
	assert_int_equal(lists, KINDS);
	assert_string_equal(access_index_next(&index_)->uid, "request-7");
	assert_string_equal(access_index_next(&index_)->uid, "request-9");
	assert_null(access_index_next(&index_));
	assert_true(suspects("request-7") == 1 && suspects("request-9") == 1);
}

static void member_checks__conclude_nothing_from_a_list_that_failed(void **state)
{
	(void)state;
	add_access(1);
	add_access(2);
	hidden_uid = "uid-1-0";
	member_checks_want(checks, MEMBER);
	await_look();
	scripted_port_answer(port, scripted_port_oldest(port), 500, "InternalError", NULL);
	while (scripted_port_waiting(port) > 0)
		answer_list();
	assert_int_equal(suspects("request-1"), 0);
	assert_in_range(member_checks_next_due_ms(checks) - clock_.monotonic_ms, 1,
			INTERVAL_MS / 2);
	await_look();
	while (scripted_port_waiting(port) > 0)
		answer_list();
	assert_int_equal(suspects("request-1"), 1);
}

static void member_checks__know_what_was_made_when_they_began(void **state)
{
	(void)state;
	add_access(1);
	member_checks_want(checks, MEMBER);
	await_look();
	add_access(2);
	for (int i = 0; i < KINDS; i++) {
		cleanup_json struct json *empty = json_pattern_parse("{'items':[]}");

		scripted_port_answer(port, scripted_port_oldest(port), 200, NULL, empty);
	}
	assert_int_equal(suspects("request-1"), KINDS);
	assert_int_equal(suspects("request-2"), 0);
}

static void member_checks__leave_out_what_ends_or_is_elsewhere(void **state)
{
	struct access *ending = add_access(1);
	struct access *elsewhere = add_access(2);
	struct access *revoking = add_access(3);
	struct access *unknown = add_access(4);

	(void)state;
	ending->ending = true;
	memory_free(elsewhere->ledger->member_uid);
	elsewhere->ledger->member_uid = memory_text("cluster-2");
	revoking->ledger->revoking = true;
	memory_free(TAKE_PTR(unknown->ledger->resource_version));
	member_checks_want(checks, MEMBER);
	for (int i = 0; i < 3; i++) {
		fake_clock_advance(&clock_, INTERVAL_MS * 2);
		member_checks_run(checks);
		assert_int_equal(scripted_port_waiting(port), 0);
	}
}

static void member_checks__end_when_nothing_is_on_record(void **state)
{
	(void)state;
	member_checks_want(checks, MEMBER);
	assert_int_equal(woken, 1);
	fake_clock_advance(&clock_, INTERVAL_MS);
	member_checks_run(checks);
	assert_int_equal(member_checks_next_due_ms(checks), -1);
	add_access(1);
	member_checks_want(checks, MEMBER);
	await_look();
}

static void member_checks__spread_over_the_interval(void **state)
{
	int64_t begin_ms = clock_.monotonic_ms;
	bool early = false;
	bool late = false;

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct member_checks *one = member_checks_new(&(struct member_checks_config){
			.executor = scripted_port_executor(port),
			.clock = &clock_.clock,
			.index = &index_,
			.interval_ms = INTERVAL_MS,
			.tell = hear,
		});
		char key[32];
		int64_t delay_ms;

		snprintf(key, sizeof(key), "fleet/member-%d", i);
		member_checks_want(one, key);
		delay_ms = member_checks_next_due_ms(one) - begin_ms;
		assert_in_range(delay_ms, 0, INTERVAL_MS);
		early = early || delay_ms < INTERVAL_MS / 5;
		late = late || delay_ms > INTERVAL_MS - INTERVAL_MS / 5;
		member_checks_free(one);
	}
	assert_true(early && late);
}

static void member_checks__come_again_within_a_tenth_of_the_interval(void **state)
{
	int64_t shortest_ms = INTERVAL_MS * 2;
	int64_t longest_ms = 0;

	(void)state;
	add_access(1);
	member_checks_want(checks, MEMBER);
	for (int i = 0; i < 50; i++) {
		int64_t rest_ms;

		await_look();
		while (scripted_port_waiting(port) > 0)
			answer_list();
		rest_ms = member_checks_next_due_ms(checks) - clock_.monotonic_ms;
		shortest_ms = rest_ms < shortest_ms ? rest_ms : shortest_ms;
		longest_ms = rest_ms > longest_ms ? rest_ms : longest_ms;
	}
	assert_in_range(shortest_ms, INTERVAL_MS * 9 / 10, INTERVAL_MS);
	assert_in_range(longest_ms, INTERVAL_MS, INTERVAL_MS * 11 / 10);
	assert_int_equal(told, 0);
}

static void member_checks__are_not_made_without_an_interval(void **state)
{
	struct member_checks *none = member_checks_new(&(struct member_checks_config){
		.executor = scripted_port_executor(port),
		.clock = &clock_.clock,
		.index = &index_,
		.tell = hear,
	});

	(void)state;
	add_access(1);
	member_checks_want(none, MEMBER);
	assert_int_equal(member_checks_next_due_ms(none), -1);
	member_checks_free(none);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(member_checks__make_one_list_for_each_kind_however_many_credentials),
		TEST(member_checks__conclude_nothing_from_a_list_that_failed),
		TEST(member_checks__know_what_was_made_when_they_began),
		TEST(member_checks__leave_out_what_ends_or_is_elsewhere),
		TEST(member_checks__end_when_nothing_is_on_record),
		TEST(member_checks__spread_over_the_interval),
		TEST(member_checks__come_again_within_a_tenth_of_the_interval),
		TEST(member_checks__are_not_made_without_an_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
