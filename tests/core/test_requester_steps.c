#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/json.h>
#include <base/memory.h>

#include "broker/core/access.h"
#include "broker/core/access_executor.h"
#include "broker/core/access_steps.h"
#include "broker/core/hub_state.h"
#include "broker/core/request.h"
#include "broker/core/store.h"
#include "support/fake_clock.h"
#include "support/json_pattern.h"
#include "support/sample_request.h"
#include "support/scripted_port.h"

static const struct access_settings settings = {.hub_id = "hub-1"};
static struct fake_clock clock_;
static struct scripted_port *port;
static struct hub_state seen;
static struct access_steps steps;
static struct access *access;
static struct request *request;
static int ended;

static void step_ended(void *context, struct access *ended_access)
{
	(void)context;
	(void)ended_access;
	ended++;
}

static int setup(void **state)
{
	(void)state;
	fake_clock_init(&clock_);
	port = scripted_port_new();
	hub_state_init(&seen);
	access = access_new("request-1", "team-a/reader");
	access->profile_key = memory_text("fleet-system/member-1");
	access->seen_generation = 1;
	access->permission_round = 3;
	request = sample_request("{'spec':{'requester':{'username':'alice','uid':'u','groups':"
				 "['dev','ops']},'templates':[{'name':'one'},{'name':'two'}]}}");
	store_put(seen.requests, "team-a/reader", request);
	ended = 0;
	steps = (struct access_steps){.hub = scripted_port_hub(port),
				      .executor = scripted_port_executor(port),
				      .clock = &clock_.clock,
				      .settings = &settings,
				      .seen = &seen,
				      .ended = step_ended};
	access_steps_start(
		&steps, access,
		&(struct access_plan){.step = ACCESS_CHECK_REQUESTER, .index = FACT_NONE});
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scripted_port_free(port);
	access_free(access);
	hub_state_done(&seen);
	return 0;
}

static void answer(const char *attributes, const char *status)
{
	const struct scripted_call *call = scripted_port_oldest(port);
	cleanup_json struct json *wanted = json_pattern_parse(attributes);
	cleanup_json struct json *object = json_object_new();
	cleanup_json struct json *said = json_pattern_parse(status);
	cleanup_json struct json *groups = json_pattern_parse("['dev','ops']");

	assert_int_equal(scripted_port_waiting(port), 1);
	assert_string_equal(call->verb, "POST");
	assert_string_equal(call->path, "/apis/authorization.k8s.io/v1/subjectaccessreviews");
	assert_string_equal(json_find_string(call->body, "spec", "user"), "alice");
	assert_string_equal(json_find_string(call->body, "spec", "uid"), "u");
	assert_true(json_equal(json_find(call->body, "spec", "groups"), groups));
	assert_true(json_equal(json_find(call->body, "spec", "resourceAttributes"), wanted));
	json_add_copy(object, "status", said);
	scripted_port_answer(port, call, 201, NULL, object);
}

#define PROFILE                                                                                    \
	"{'group':'multicluster.x-k8s.io','resource':'clusterprofiles','verb':'request-token',"    \
	"'namespace':'fleet-system','name':'member-1'}"
#define TEMPLATE(name)                                                                             \
	"{'group':'credbroker.dev','resource':'rbactemplates','verb':'use','name':'" name "'}"
#define YES "{'allowed':true}"
#define NO  "{'allowed':false}"

static void requester_step_check__asks_for_the_profile_and_each_template(void **state)
{
	(void)state;
	access->requester_refusals = 1;
	answer(PROFILE, YES);
	answer(TEMPLATE("one"), YES);
	assert_int_equal(ended, 0);
	answer(TEMPLATE("two"), YES);
	assert_int_equal(ended, 1);
	assert_null(access->failure.reason);
	assert_int_equal(access->requester_refusals, 0);
	assert_int_equal(access->requester_asked_until_ms, clock_.monotonic_ms + 60000);
	assert_int_equal(access->permission_round, 0);
}

static void requester_step_check__ends_with_the_first_no(void **state)
{
	(void)state;
	answer(PROFILE, YES);
	answer(TEMPLATE("one"), NO);
	assert_int_equal(ended, 1);
	assert_null(access->failure.reason);
	assert_int_equal(access->requester_refusals, 1);
	assert_int_equal(access->requester_asked_until_ms, clock_.monotonic_ms + 10000);
	assert_int_equal(access->permission_round, 0);
}

static void requester_step_check__takes_no_error_for_a_no(void **state)
{
	(void)state;
	answer(PROFILE, "{'allowed':false,'evaluationError':'a webhook is away'}");
	assert_int_equal(ended, 1);
	assert_string_equal(access->failure.reason, "HubUnavailable");
	assert_int_equal(access->requester_refusals, 0);
	assert_int_equal(access->permission_round, 3);
}

static void requester_step_check__takes_no_refusal_to_answer_for_a_no(void **state)
{
	(void)state;
	scripted_port_answer(port, scripted_port_oldest(port), 403, "Forbidden", NULL);
	assert_int_equal(ended, 1);
	assert_string_equal(access->failure.reason, "HubUnavailable");
	assert_int_equal(access->requester_refusals, 0);
}

static void requester_step_check__drops_the_answer_on_another_spec(void **state)
{
	(void)state;
	request->generation = 2;
	answer(PROFILE, NO);
	assert_int_equal(ended, 1);
	assert_int_equal(access->requester_refusals, 0);
	assert_int_equal(access->requester_asked_until_ms, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requester_step_check__asks_for_the_profile_and_each_template),
		TEST(requester_step_check__ends_with_the_first_no),
		TEST(requester_step_check__takes_no_error_for_a_no),
		TEST(requester_step_check__takes_no_refusal_to_answer_for_a_no),
		TEST(requester_step_check__drops_the_answer_on_another_spec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
