#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/secret.h>
#include <base/text.h>

#include "broker/core/access.h"
#include "broker/core/access_news.h"
#include "broker/core/access_status.h"
#include "broker/core/access_steps.h"
#include "broker/core/cluster_profile.h"
#include "broker/core/destinations.h"
#include "broker/core/hub_state.h"
#include "broker/core/ledger.h"
#include "broker/core/request.h"
#include "broker/core/store.h"
#include "support/fake_clock.h"
#include "support/json_pattern.h"
#include "support/sample_request.h"
#include "support/scripted_port.h"

static struct fake_clock clock_;
static struct scripted_port *port;
static struct store *requests;
static struct store *profiles;
static struct access *access;
static int ended;
static char told[512];

static const struct access_settings settings = {
	.hub_id = "hub-1",
	.namespace = "credbroker-system",
	.identity_namespace = "credbroker-identities",
};

static struct hub_state seen;
static struct access_steps steps;

static void step_ended(void *context, struct access *ended_access)
{
	(void)context;
	assert_ptr_equal(ended_access, access);
	assert_false(access->busy);
	ended++;
}

static void put_back(void *context, const struct kube_resource *resource, const char *key,
		     const struct json *object)
{
	(void)context;
	hub_state_put(&seen, resource, key, object);
}

static void hear(void *context, const struct access_news *news)
{
	(void)context;
	snprintf(told, sizeof(told), "%s %s %s: %s", news->type, news->action, news->reason,
		 news->message);
}

static int setup(void **state)
{
	struct request *request = sample_request("{}");

	(void)state;
	fake_clock_init(&clock_);
	port = scripted_port_new();
	scripted_port_set_member(port, "fleet-system/member-1",
				 &(struct member_facts){.state = MEMBER_READY, .uid = "cluster-1"});
	hub_state_init(&seen);
	requests = seen.requests;
	profiles = seen.profiles;
	access = access_new("request-1", "team-a/reader");
	access->profile_key = memory_text("fleet-system/member-1");
	access->ledger = sample_request_ledger(request);
	access->rights = sample_request_rights(request);
	access->ledger->resource_version = memory_text("7");
	store_put(requests, "team-a/reader", request);
	ended = 0;
	told[0] = '\0';
	steps = (struct access_steps){
		.hub = scripted_port_hub(port),
		.executor = scripted_port_executor(port),
		.clock = &clock_.clock,
		.settings = &settings,
		.seen = &seen,
		.destinations = destinations_new(),
		.ended = step_ended,
		.found = put_back,
		.tell = hear,
	};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scripted_port_free(port);
	destinations_free(steps.destinations);
	access_free(access);
	hub_state_done(&seen);
	return 0;
}

static void start(enum access_step step, int index)
{
	access_steps_start(&steps, access, &(struct access_plan){.step = step, .index = index});
}

/* Answers the one call that waits. */
static void answer(int status, const char *reason, const char *object)
{
	cleanup_json struct json *json = object ? json_pattern_parse(object) : NULL;

	assert_int_equal(scripted_port_waiting(port), 1);
	scripted_port_answer(port, scripted_port_oldest(port), status, reason, json);
}

static void access_steps_request__is_the_one_of_this_uid(void **state)
{
	(void)state;
	assert_non_null(access_steps_request(&steps, access));
	store_put(requests, "team-a/reader", sample_request("{'metadata':{'uid':'request-2'}}"));
	assert_null(access_steps_request(&steps, access));
	store_remove(requests, "team-a/reader");
	assert_null(access_steps_request(&steps, access));
}

static void access_steps_start__is_busy_until_the_answer(void **state)
{
	(void)state;
	start(ACCESS_CONFIRM_GONE, FACT_NONE);
	assert_true(access->busy);
	assert_int_equal(ended, 0);
	answer(404, "NotFound", NULL);
	assert_int_equal(ended, 1);
	assert_true(access->request_gone);
}

static int64_t wait_after(int status, const char *reason)
{
	start(ACCESS_CONFIRM_GONE, FACT_NONE);
	answer(status, reason, NULL);
	return access->failure.retry_at_ms - clock_.monotonic_ms;
}

static void access_steps_fail__asks_a_peer_that_failed_again_soon(void **state)
{
	int64_t expected_ms = 500;

	(void)state;
	for (int i = 0; i < 12; i++) {
		int64_t wait_ms = wait_after(i % 2 ? 503 : 0, i % 2 ? "ServiceUnavailable" : NULL);

		assert_in_range(wait_ms, expected_ms, expected_ms * 6 / 5);
		expected_ms = expected_ms * 2 > 30000 ? 30000 : expected_ms * 2;
	}
	assert_int_equal(access->failure.step, ACCESS_CONFIRM_GONE);
	assert_string_equal(access->failure.reason, "HubUnavailable");
}

static void access_steps_fail__leaves_a_refusal_to_people(void **state)
{
	int64_t expected_ms = 2000;

	(void)state;
	for (int i = 0; i < 12; i++) {
		int64_t wait_ms = wait_after(403, "Forbidden");

		assert_in_range(wait_ms, expected_ms, expected_ms * 6 / 5);
		expected_ms = expected_ms * 2 > 120000 ? 120000 : expected_ms * 2;
	}
}

static void access_steps_fail__counts_each_step_for_itself(void **state)
{
	(void)state;
	wait_after(0, NULL);
	start(ACCESS_READ_DELIVERY, FACT_NONE);
	answer(404, "NotFound", NULL);
	assert_null(access->failure.reason);
	assert_int_equal(access->failure.retry_at_ms, 0);
	assert_in_range(wait_after(0, NULL), 1000, 1200);
	start(ACCESS_CONFIRM_GONE, FACT_NONE);
	answer(404, "NotFound", NULL);
	assert_in_range(wait_after(0, NULL), 500, 600);
}

static void access_steps_fail__waits_no_longer_than_the_delivered_token_allows(void **state)
{
	(void)state;
	access->attempts[ACCESS_CONFIRM_GONE] = 20;
	access->expires_at_ms = clock_.monotonic_ms + 80 * 1000;
	assert_int_equal(wait_after(403, "Forbidden"), 10 * 1000);
	assert_int_equal(wait_after(503, "ServiceUnavailable"), 10 * 1000);
	access->expires_at_ms = clock_.monotonic_ms + 1000;
	assert_int_equal(wait_after(403, "Forbidden"), 2000);
	assert_int_equal(wait_after(503, "ServiceUnavailable"), 500);
	access->ending = true; /* what is revoked may expire */
	assert_in_range(wait_after(403, "Forbidden"), 120000, 144000);
	access->ending = false;
	access->expires_at_ms = clock_.monotonic_ms;
	assert_in_range(wait_after(403, "Forbidden"), 120000, 144000);
}

static void access_steps_fail__spreads_the_retries_of_many(void **state)
{
	struct error err = {.kind = ERROR_UNAVAILABLE};
	int64_t first_ms = 0;
	int others = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		char uid[16];
		struct access *one;
		int64_t at_ms;

		snprintf(uid, sizeof(uid), "uid-%d", i);
		one = access_new(uid, "team-a/reader");
		at_ms = access_steps_retry_at_ms(&steps, one, ACCESS_MINT, &err);
		first_ms = i == 0 ? at_ms : first_ms;
		others += at_ms != first_ms;
		access_free(one);
	}
	assert_true(others > 15);
}

static void access_retry_now__forgets_what_failed(void **state)
{
	(void)state;
	wait_after(403, "Forbidden");
	access_retry_reachable(access);
	assert_non_null(access->failure.reason);
	access_retry_now(access);
	assert_null(access->failure.reason);
	assert_in_range(wait_after(0, NULL), 500, 600);
	access_retry_reachable(access);
	assert_null(access->failure.reason);
}

static void write_status(int status, const char *reason)
{
	cleanup_json struct json *json = json_pattern_parse("{'observedGeneration':1}");

	access_steps_write_status(&steps, access, json);
	answer(status, reason, "{'metadata':{'resourceVersion':'9'},'status':{'a':1}}");
}

static void access_steps_write_status__is_no_step_of_the_work(void **state)
{
	char digest[DIGEST_SHORT_SIZE];

	(void)state;
	wait_after(403, "Forbidden");
	write_status(500, "InternalError");
	assert_string_equal(access->failure.reason, "HubUnavailable");
	assert_int_equal(access->attempts[ACCESS_CONFIRM_GONE], 1);
	assert_in_range(access->status_retry_at_ms - clock_.monotonic_ms, 500, 600);
	assert_true(access->acknowledged);
	assert_string_equal(access->reported_digest, "");
	assert_string_equal(told, "Warning Issue StatusRefused: the API server answered 500 "
				  "InternalError: the server failed");
	told[0] = '\0';
	write_status(500, "InternalError");
	assert_in_range(access->status_retry_at_ms - clock_.monotonic_ms, 1000, 1200);
	assert_string_equal(told, "");
	write_status(200, NULL);
	assert_int_equal(access->status_retry_at_ms, 0);
	assert_string_equal(access->echoed_version, "9");
	assert_string_equal(access->echoed_status, "{\"a\":1}");
	access_status_digest("{\"observedGeneration\":1}", digest);
	assert_string_equal(access->reported_digest, digest);
}

static void access_steps_write_status__does_not_complain_of_a_request_that_is_gone(void **state)
{
	(void)state;
	write_status(404, "NotFound");
	assert_string_equal(told, "");
	assert_true(access->status_retry_at_ms > clock_.monotonic_ms);
}

struct reply {
	int status;
	const char *reason;
	const char *object;
};

static const struct reply replies[] = {
	{0, NULL, NULL},
	{400, "BadRequest", NULL},
	{401, "Unauthorized", NULL},
	{403, "Forbidden", NULL},
	{404, "NotFound", NULL},
	{404, NULL, NULL},
	{409, "AlreadyExists", NULL},
	{409, "Conflict", NULL},
	{410, "Expired", NULL},
	{422, "Invalid", NULL},
	{429, "TooManyRequests", NULL},
	{500, "InternalError", NULL},
	{504, "Timeout", NULL},
	{200, NULL, "{}"},
	{200, NULL, "[]"},
	{200, NULL, "7"},
	{200, NULL, "{'metadata':null,'status':null,'spec':null}"},
	{200, NULL, "{'metadata':{'uid':7,'resourceVersion':{}},'status':{'token':7}}"},
	{200, NULL, "{'metadata':{'uid':''},'status':{'token':'a.b.c','userInfo':[]}}"},
	{200, NULL,
	 "{'metadata':{'uid':'foreign','resourceVersion':'9',"
	 "'annotations':{'credbroker.dev/mark':'aaaaaaaaaaaaaaaaaaaaaaaaaa'}},"
	 "'status':{'allowed':true,'token':'x'}}"},
};
enum { REPLIES = sizeof(replies) / sizeof(replies[0]) };

static void prepare_for_any_step(void)
{
	struct ledger_anchor *anchor = ledger_add_anchor(access->ledger, 1);

	anchor->uid = memory_text("anchor-1");
	anchor->jti = memory_text("jti");
	access->ledger->objects[0].uid = memory_text("account-1");
	access->open_generation = 1;
	access->ending = true;
	access->token.secret = secret_from_bytes("a.b.c", 5);
	access->token.generation = 1;
	access->delivery = DELIVERY_MISSING;
}

/* Plays STEP with FIRST as the first answer and THEN as all others. */
static void play(enum access_step step, const struct reply *first, const struct reply *then)
{
	bool has_index = step == ACCESS_CREATE_OBJECT || step == ACCESS_DELETE_OBJECT ||
			 step == ACCESS_DELETE_ANCHOR || step == ACCESS_APPLY_OBJECT ||
			 step == ACCESS_RESTORE_OBJECT;

	prepare_for_any_step();
	start(step, has_index ? 0 : FACT_NONE);
	for (int i = 0; i < 8 && scripted_port_waiting(port) > 0; i++) {
		const struct reply *reply = i == 0 ? first : then;

		answer(reply->status, reply->reason, reply->object);
	}
	if (ended != 1 || access->busy || scripted_port_waiting(port) > 0)
		fail_msg("\"%s\" with %d %s, then %d %s: ended %d times", access_step_name(step),
			 first->status, first->reason, then->status, then->reason, ended);
}

static void access_steps__end_once_whatever_is_answered(void **state)
{
	(void)state;
	for (int step = ACCESS_ADD_FINALIZER; step < ACCESS_STEP_COUNT; step++) {
		for (int first = 0; first < REPLIES; first++) {
			for (int then = 0; then < REPLIES; then++) {
				setup(NULL);
				play((enum access_step)step, &replies[first], &replies[then]);
				teardown(NULL);
			}
		}
	}
	setup(NULL);
}

/* What is not ours by UID or mark is neither taken for ours nor deleted. */
static void access_steps__believe_no_foreign_object(void **state)
{
	const struct reply taken = {409, "AlreadyExists", NULL};
	const struct reply *foreign = &replies[REPLIES - 1];

	(void)state;
	memory_free(TAKE_PTR(access->ledger->objects[0].uid));
	access->ending = true;
	start(ACCESS_CREATE_OBJECT, 0);
	answer(taken.status, taken.reason, NULL);
	answer(foreign->status, foreign->reason, foreign->object);
	assert_null(access->ledger->objects[0].uid);
	assert_string_equal(access->failure.reason, "ServiceAccountConflict");
	start(ACCESS_DELETE_OBJECT, 0);
	assert_string_equal(scripted_port_oldest(port)->verb, "GET");
	answer(foreign->status, foreign->reason, foreign->object);
	assert_int_equal(scripted_port_waiting(port), 0);
	assert_true(access->ledger->objects[0].gone);
	start(ACCESS_WITHDRAW, FACT_NONE);
	assert_string_equal(scripted_port_oldest(port)->verb, "GET");
	answer(foreign->status, foreign->reason, foreign->object);
	assert_int_equal(scripted_port_waiting(port), 0);
	assert_true(access->secret_gone);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(access_steps_request__is_the_one_of_this_uid),
		TEST(access_steps_start__is_busy_until_the_answer),
		TEST(access_steps_fail__asks_a_peer_that_failed_again_soon),
		TEST(access_steps_fail__leaves_a_refusal_to_people),
		TEST(access_steps_fail__counts_each_step_for_itself),
		TEST(access_steps_fail__waits_no_longer_than_the_delivered_token_allows),
		TEST(access_steps_fail__spreads_the_retries_of_many),
		TEST(access_retry_now__forgets_what_failed),
		TEST(access_steps_write_status__is_no_step_of_the_work),
		TEST(access_steps_write_status__does_not_complain_of_a_request_that_is_gone),
		cmocka_unit_test_teardown(access_steps__end_once_whatever_is_answered, teardown),
		TEST(access_steps__believe_no_foreign_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
