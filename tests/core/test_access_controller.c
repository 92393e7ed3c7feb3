#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "broker/core/access_controller.h"
#include "broker/core/store.h"
#include "support/json_pattern.h"
#include "support/sample_request.h"
#include "support/sample_token.h"
#include "support/scripted_port.h"
#include "support/stage.h"

static struct stage *stage;

static int setup(void **state)
{
	(void)state;
	stage = stage_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stage_free(stage);
	return 0;
}

#define MEMBER_KEY "fleet-system/member-1"

static void show_member(void)
{
	stage_show_profile(stage, MEMBER_KEY, "profile-1");
	stage_show_member(stage, MEMBER_KEY,
			  &(struct member_facts){.state = MEMBER_READY, .uid = "cluster-1"});
}

/* Shows request NUMBER, named and with the UID "request-NUMBER", changed by CHANGES. */
static void show_request(int number, const char *changes)
{
	cleanup_json struct json *changed = sample_request_json(changes);
	cleanup_json struct json *metadata = NULL;
	cleanup_json struct json *object = NULL;
	char name[300];
	char key[64];

	snprintf(name, sizeof(name), "{'metadata':{'name':'request-%d','uid':'request-%d'}}",
		 number, number);
	snprintf(key, sizeof(key), "team-a/request-%d", number);
	metadata = json_pattern_parse(name);
	object = json_pattern_merge(changed, metadata);
	stage_show_request(stage, key, object);
}

static size_t waiting(void)
{
	return scripted_port_waiting(stage->port);
}

static const struct scripted_call *oldest(void)
{
	return scripted_port_oldest(stage->port);
}

static void answer(int status, const char *reason, const struct json *object)
{
	scripted_port_answer(stage->port, oldest(), status, reason, object);
	stage_settle(stage);
}

static void access_controller_run__does_nothing_before_it_has_begun(void **state)
{
	(void)state;
	stage_restart(stage);
	show_member();
	show_request(1, "{}");
	assert_int_equal(waiting(), 0);
	assert_int_equal(access_controller_next_due_ms(stage->controller), -1);
	stage_begin(stage);
	assert_int_equal(waiting(), 1);
}

static void access_controller_begin__revokes_nothing_where_there_is_nothing(void **state)
{
	(void)state;
	show_member();
	assert_int_equal(waiting(), 0);
	assert_int_equal(access_controller_next_due_ms(stage->controller), -1);
	stage_show_request(stage, "team-a/never-seen", NULL);
	assert_int_equal(waiting(), 0);
}

static void access_controller_begin__knows_nothing_of_what_went_before(void **state)
{
	(void)state;
	stage_restart(stage);
	show_request(1, "{}");
	stage_show_request(stage, "team-a/request-1", NULL);
	show_request(2, "{}");
	stage_begin(stage);
	assert_int_equal(waiting(), 1);
	assert_non_null(strstr(oldest()->path, "/request-2"));
}

static void access_controller_end__lets_steps_end_and_begins_no_more(void **state)
{
	(void)state;
	show_request(1, "{}");
	assert_int_equal(waiting(), 1);
	access_controller_end(stage->controller);
	assert_false(access_controller_is_idle(stage->controller));
	show_request(2, "{}");
	answer(500, "InternalError", NULL);
	assert_true(access_controller_is_idle(stage->controller));
	assert_int_equal(waiting(), 0);
	assert_int_equal(access_controller_next_due_ms(stage->controller), -1);
}

static void access_controller__wakes_its_loop_when_there_is_work(void **state)
{
	(void)state;
	stage->wakes = 0;
	show_request(1, "{}");
	assert_int_equal(stage->wakes, 1);
	answer(500, "InternalError", NULL);
	assert_int_equal(stage->wakes, 2);
	stage_show_profile(stage, "fleet-system/other", "profile-2");
	assert_int_equal(stage->wakes, 2);
	stage_show_profile(stage, MEMBER_KEY, "profile-1");
	assert_int_equal(stage->wakes, 3);
}

static void access_controller__makes_one_call_at_a_time_for_a_request(void **state)
{
	(void)state;
	show_member();
	show_request(1, "{}");
	assert_int_equal(waiting(), 1);
	for (int i = 0; i < 5; i++) {
		show_request(1, "{'metadata':{'generation':2}}");
		show_member();
		assert_int_equal(waiting(), 1);
	}
}

/* One that hangs delays nobody else. */
static void access_controller__starts_no_more_on_the_hub_than_there_are_places(void **state)
{
	enum { HUB_PLACES = 32, MANY = 3 * HUB_PLACES + 1 };
	const char *statuses =
		"/apis/multicluster.x-k8s.io/v1alpha1/namespaces/team-a/authtokenrequests/*/status";
	cleanup_json struct json *stored =
		json_pattern_parse("{'metadata':{'resourceVersion':'999999'}}");
	const struct scripted_call *call;
	int written = 0;

	(void)state;
	for (int i = 0; i < MANY; i++)
		show_request(i, "{}");
	while ((call = scripted_port_find(stage->port, false, "PATCH", statuses)) != NULL) {
		int left = 2 * MANY - written; /* each is acknowledged, then told what it lacks */

		assert_int_equal(waiting(), left < HUB_PLACES ? left : HUB_PLACES);
		scripted_port_answer(stage->port, call, 200, NULL, stored);
		stage_settle(stage);
		written++;
	}
	assert_int_equal(written, 2 * MANY);
}

#define DELETED "{'metadata':{'deletionTimestamp':'2026-03-01T12:00:00Z'}}"

static void access_controller_run__serves_a_bounded_number_at_a_time(void **state)
{
	(void)state;
	stage_restart(stage);
	for (int i = 0; i < 200; i++)
		show_request(i, DELETED);
	access_controller_begin(stage->controller);
	access_controller_run(stage->controller);
	assert_int_equal(waiting(), 64);
	access_controller_run(stage->controller);
	assert_int_equal(waiting(), 128);
	stage_settle(stage);
	assert_int_equal(waiting(), 200);
}

static void access_controller_run__serves_revocations_first(void **state)
{
	(void)state;
	stage_restart(stage);
	for (int i = 0; i < 100; i++)
		show_request(i, "{}");
	show_request(100, DELETED);
	access_controller_begin(stage->controller);
	access_controller_run(stage->controller);
	assert_non_null(strstr(oldest()->path, "/issuedcredentials/request-100"));
}

static void access_controller_next_due_ms__is_the_time_of_the_next_try(void **state)
{
	int64_t due_ms;

	(void)state;
	show_request(1, "{}");
	answer(503, "ServiceUnavailable", NULL);
	due_ms = access_controller_next_due_ms(stage->controller);
	assert_in_range(due_ms - stage->clock.monotonic_ms, 500, 600);
}

static void access_controller_ledger_changed__finds_the_access_of_a_request_that_went(void **state)
{
	cleanup_json struct json *ledger = json_pattern_parse(
		"{'metadata':{'namespace':'credbroker-system','name':'request-1',"
		"'resourceVersion':'7'},'spec':{'hubID':'hub-1','memberUID':'cluster-1','nonce':'n'"
		","
		"'generation':1,'request':{'namespace':'team-a','name':'x','uid':'request-1'},"
		"'clusterProfile':{'namespace':'fleet-system','name':'member-1','uid':'p'},"
		"'secret':{'namespace':'team-a','name':'x'},'anchors':[],"
		"'objects':[{'kind':'ServiceAccount','namespace':'ids','name':'x'}]}}");

	(void)state;
	show_member();
	stage_show_ledger(stage, "credbroker-system/request-1", ledger);
	assert_int_equal(waiting(), 1);
	assert_string_equal(oldest()->path,
			    "/apis/multicluster.x-k8s.io/v1alpha1/namespaces/team-a/"
			    "authtokenrequests/x");
	answer(404, "NotFound", NULL);
	assert_non_null(strstr(oldest()->path, "/api/v1/namespaces/ids/secrets/"));
}

/* What the broker made and has not deleted: one line for each, "path uid". */
static struct text made;

static bool ends_with(const char *text, const char *end)
{
	size_t size = strlen(text);

	return size >= strlen(end) && strcmp(text + size - strlen(end), end) == 0;
}

/* The line of PATH, or NULL. */
static char *line_of(const char *path)
{
	char *at = made.size > 0 ? strstr(made.chars, path) : NULL;

	return at && at[strlen(path)] == ' ' ? at : NULL;
}

/* A DELETE names the UID of what was made there. */
static void forget_made(const struct scripted_call *call)
{
	char *at = line_of(call->path);
	const char *uid = json_find_string(call->body, "preconditions", "uid");
	size_t line = at ? strcspn(at, "\n") : 0;

	if (!at)
		fail_msg("%s is deleted and was never made", call->path);
	if (uid && (strncmp(at + strlen(call->path) + 1, uid, strlen(uid)) != 0 ||
		    strlen(call->path) + 1 + strlen(uid) != line))
		fail_msg("%s is not deleted by its UID", call->path);
	memmove(at, at + line + 1, strlen(at + line + 1) + 1);
	made.size -= line + 1;
}

/* What was sent, with a UID and a revision; what is read has those that it got. */
static struct json *object_of(const struct scripted_call *call, int number)
{
	cleanup_json struct json *sent =
		json_is_object(call->body) ? json_dup(call->body) : json_object_new();
	cleanup_json struct json *changes = json_object_new();
	struct json *metadata = json_add_object(changes, "metadata");
	const char *line = line_of(call->path);
	char uid[32];

	snprintf(uid, sizeof(uid), "uid-%d", number);
	if (line && strcmp(call->verb, "GET") == 0)
		snprintf(uid, sizeof(uid), "%.*s",
			 (int)strcspn(line + strlen(call->path) + 1, "\n"),
			 line + strlen(call->path) + 1);
	json_add_string(metadata, "uid", uid);
	json_add_string(metadata, "resourceVersion", uid + 4);
	return json_pattern_merge(sent, changes);
}

static void add_token(struct json *object, const struct scripted_call *call)
{
	cleanup_json struct json *claims =
		sample_token_claims("system:serviceaccount:credbroker-identities:reader",
				    clock_wall_s(&stage->clock.clock), 3600, "jti");
	struct json *bound = json_add_object(claims, "kubernetes.io");
	cleanup_free char *token = NULL;

	json_add_string(json_add_object(bound, "secret"), "uid",
			json_find_string(call->body, "spec", "boundObjectRef", "uid"));
	json_add_string(json_add_object(bound, "serviceaccount"), "uid",
			json_find_string(call->body, "metadata", "uid"));
	token = sample_token(claims);
	json_add_string(json_add_object(object, "status"), "token", token);
}

static char account_uid[32];

static void add_status(struct json *object, const struct scripted_call *call)
{
	struct json *status = NULL;

	if (ends_with(call->path, "/token")) {
		add_token(object, call);
		return;
	}
	status = json_add_object(object, "status");
	json_add_bool(status, "allowed", true);
	json_add_string(json_add_object(status, "userInfo"), "username",
			"system:serviceaccount:credbroker-identities:reader");
	json_add_string((struct json *)json_find(status, "userInfo"), "uid", account_uid);
}

/* Every create succeeds, every delete too, and what is read is not there. */
static void answer_well(int number)
{
	const struct scripted_call *call = oldest();
	bool lasts = strcmp(call->verb, "POST") == 0 && !strstr(call->path, "reviews") &&
		     !ends_with(call->path, "/token");
	cleanup_json struct json *object = object_of(call, number);

	if (strcmp(call->verb, "POST") == 0 && !lasts)
		add_status(object, call);
	if (lasts)
		text_appendf(&made, "%s/%s uid-%d\n", call->path,
			     json_find_string(call->body, "metadata", "name"), number);
	if (lasts && ends_with(call->path, "/serviceaccounts"))
		snprintf(account_uid, sizeof(account_uid), "uid-%d", number);
	if (strcmp(call->verb, "GET") == 0 && !line_of(call->path)) {
		answer(404, "NotFound", NULL);
		return;
	}
	if (strcmp(call->verb, "DELETE") == 0)
		forget_made(call);
	answer(200, NULL, object);
}

static int answer_all(int limit)
{
	int count = 0;

	while (count < limit && waiting() > 0)
		answer_well(++count);
	return count;
}

static void undo_after(int calls)
{
	char finalizers[200];

	made = text_with_max(1 << 16);
	stage = stage_new();
	show_member();
	show_request(1, "{}");
	answer_all(calls);
	snprintf(finalizers, sizeof(finalizers),
		 "{'metadata':{'deletionTimestamp':'2026-03-01T12:00:00Z','finalizers':[%s]}}",
		 "'credbroker.dev/revocation'");
	show_request(1, finalizers);
	answer_all(100);
	if (made.size > 0)
		fail_msg("after %d calls and a deletion there is left:\n%s", calls,
			 text_chars(&made));
	while (stage->news_count > 0)
		stage_drop_news(stage);
	text_done(&made);
	stage_free(stage);
}

static void access_controller__undoes_a_request_deleted_after_each_call(void **state)
{
	int calls;

	(void)state;
	made = text_with_max(1 << 16);
	show_member();
	show_request(1, "{}");
	calls = answer_all(100);
	assert_in_range(calls, 15, 30);
	text_done(&made);
	stage_free(stage);
	for (int i = 0; i <= calls; i++)
		undo_after(i);
	stage = stage_new();
}

/* What makes a hot loop: an answer after which the same call is made again at once. */
static void access_controller__makes_no_call_again_at_once(void **state)
{
	static const int statuses[] = {0, 401, 403, 404, 409, 422, 429, 500, 503};
	static const char *const reasons[] = {
		NULL,      "Unauthorized",    "Forbidden",     "NotFound",          "Conflict",
		"Invalid", "TooManyRequests", "InternalError", "ServiceUnavailable"};

	(void)state;
	stage_free(stage);
	for (int cut = 0; cut < 25; cut++) {
		for (int i = 0; i < 9; i++) {
			int count = 0;

			made = text_with_max(1 << 16);
			stage = stage_new();
			show_member();
			show_request(1, "{}");
			answer_all(cut);
			while (waiting() > 0 && count++ < 30)
				answer(statuses[i], reasons[i], NULL);
			if (count > 12)
				fail_msg("after %d calls, answering %d: %d calls at once", cut,
					 statuses[i], count);
			text_done(&made);
			stage_free(stage);
		}
	}
	stage = stage_new();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(access_controller_run__does_nothing_before_it_has_begun),
		TEST(access_controller_begin__revokes_nothing_where_there_is_nothing),
		TEST(access_controller_begin__knows_nothing_of_what_went_before),
		TEST(access_controller_end__lets_steps_end_and_begins_no_more),
		TEST(access_controller__wakes_its_loop_when_there_is_work),
		TEST(access_controller__makes_one_call_at_a_time_for_a_request),
		TEST(access_controller__starts_no_more_on_the_hub_than_there_are_places),
		TEST(access_controller_run__serves_a_bounded_number_at_a_time),
		TEST(access_controller_run__serves_revocations_first),
		TEST(access_controller_next_due_ms__is_the_time_of_the_next_try),
		TEST(access_controller_ledger_changed__finds_the_access_of_a_request_that_went),
		TEST(access_controller__undoes_a_request_deleted_after_each_call),
		TEST(access_controller__makes_no_call_again_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
