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
#include "broker/core/kube_path.h"
#include "broker/core/ledger.h"
#include "broker/core/request.h"
#include "broker/core/store.h"
#include "support/fake_clock.h"
#include "support/json_pattern.h"
#include "support/sample_policy.h"
#include "support/sample_request.h"
#include "support/scripted_port.h"

#define POLICY    "/apis/credbroker.dev/v1alpha1/accesspolicies/sample"
#define NAMESPACE "/api/v1/namespaces/team-a"
#define PROFILE                                                                                    \
	"/apis/multicluster.x-k8s.io/v1alpha1/namespaces/fleet-system/clusterprofiles/member-1"
#define UID "{'metadata':{'uid':'u-1'}}"

static const struct access_settings settings = {
	.hub_id = "hub-1",
	.namespace = "credbroker-system",
	.identity_namespace = "credbroker-identities",
};

static struct fake_clock clock_;
static struct scripted_port *port;
static struct hub_state seen;
static struct access_steps steps;
static struct access *access; /* of a request that is denied; the watches show nothing else */
static int ended;

static void step_ended(void *context, struct access *ended_access)
{
	(void)context;
	assert_ptr_equal(ended_access, access);
	ended++;
}

static void put_back(void *context, const struct kube_resource *resource, const char *key,
		     const struct json *object)
{
	(void)context;
	hub_state_put(&seen, resource, key, object);
}

static int setup(void **state)
{
	struct request *request = sample_request("{}");

	(void)state;
	fake_clock_init(&clock_);
	port = scripted_port_new();
	hub_state_init(&seen);
	access = access_new("request-1", "team-a/reader");
	access->profile_key = memory_text("fleet-system/member-1");
	access->ledger = sample_request_ledger(request);
	access->ledger->policy = memory_text(SAMPLE_POLICY_NAME);
	store_put(seen.requests, "team-a/reader", request);
	ended = 0;
	steps = (struct access_steps){
		.hub = scripted_port_hub(port),
		.executor = scripted_port_executor(port),
		.clock = &clock_.clock,
		.settings = &settings,
		.seen = &seen,
		.ended = step_ended,
		.found = put_back,
	};
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

static void show(const struct kube_resource *resource, const char *key, struct json *object)
{
	cleanup_json struct json *taken = object;

	assert_true(hub_state_put(&seen, resource, key, taken));
}

static void start(void)
{
	access_steps_start(
		&steps, access,
		&(struct access_plan){.step = ACCESS_CONFIRM_DENIAL, .index = FACT_NONE});
}

/* The one call that waits is to read PATH. */
static void answer(const char *path, int status, const char *reason, struct json *object)
{
	cleanup_json struct json *taken = object;

	assert_int_equal(scripted_port_waiting(port), 1);
	assert_string_equal(scripted_port_oldest(port)->path, path);
	assert_string_equal(scripted_port_oldest(port)->verb, "GET");
	assert_true(scripted_port_oldest(port)->urgent);
	scripted_port_answer(port, scripted_port_oldest(port), status, reason, taken);
}

static void assert_ended(bool confirmed, const char *failure)
{
	assert_int_equal(scripted_port_waiting(port), 0);
	assert_int_equal(ended, 1);
	assert_false(access->busy);
	assert_int_equal(access->denial_confirmed, confirmed);
	assert_true((access->failure.reason == NULL) == (failure == NULL));
	if (failure)
		assert_string_equal(access->failure.reason, failure);
}

static void denial_step_confirm__reads_nothing_that_is_shown(void **state)
{
	(void)state;
	show(&KUBE_ACCESS_POLICIES, SAMPLE_POLICY_NAME, sample_policy_json("{}"));
	show(&KUBE_NAMESPACES, "team-a", json_pattern_parse(UID));
	show(&KUBE_CLUSTER_PROFILES, "fleet-system/member-1", json_pattern_parse(UID));
	start();
	assert_ended(true, NULL);
}

static void denial_step_confirm__reads_all_that_is_not(void **state)
{
	(void)state;
	start();
	answer(POLICY, 404, "NotFound", NULL);
	assert_int_equal(ended, 0);
	answer(NAMESPACE, 404, "NotFound", NULL);
	assert_int_equal(ended, 0);
	answer(PROFILE, 404, "NotFound", NULL);
	assert_ended(true, NULL);
}

static void denial_step_confirm__needs_no_policy_on_record(void **state)
{
	(void)state;
	memory_free(TAKE_PTR(access->ledger->policy));
	start();
	answer(NAMESPACE, 404, "NotFound", NULL);
	answer(PROFILE, 404, "NotFound", NULL);
	assert_ended(true, NULL);
}

static void denial_step_confirm__knows_only_the_profile_without_record_and_request(void **state)
{
	(void)state;
	ledger_free(TAKE_PTR(access->ledger));
	store_remove(seen.requests, "team-a/reader");
	start();
	answer(PROFILE, 404, "NotFound", NULL);
	assert_ended(true, NULL);
}

/* It is decided on anew before anything else is looked at. */
static void denial_step_confirm__stops_at_what_it_finds(void **state)
{
	(void)state;
	start();
	answer(POLICY, 200, NULL, sample_policy_json("{}"));
	assert_ended(false, NULL);
	assert_non_null(store_find(seen.policies, SAMPLE_POLICY_NAME));
}

static void denial_step_confirm__begins_anew_each_time(void **state)
{
	(void)state;
	start();
	answer(POLICY, 404, "NotFound", NULL);
	answer(NAMESPACE, 200, NULL, json_pattern_parse(UID));
	assert_ended(false, NULL);
	assert_non_null(store_find(seen.namespaces, "team-a"));
	ended = 0;
	start();
	answer(POLICY, 404, "NotFound", NULL);
	answer(PROFILE, 200, NULL, json_pattern_parse(UID));
	assert_ended(false, NULL);
	assert_non_null(store_find(seen.profiles, "fleet-system/member-1"));
}

static void denial_step_confirm__takes_no_other_answer_for_a_no(void **state)
{
	static const struct {
		int status;
		const char *reason;
	} rows[] = {
		{0, NULL},
		{403, "Forbidden"},
		{503, "ServiceUnavailable"},
		{404, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ended = 0;
		start();
		answer(POLICY, rows[i].status, rows[i].reason, NULL);
		assert_ended(false, "HubUnavailable");
		assert_true(access->failure.retry_at_ms > clock_.monotonic_ms);
	}
}

static void denial_step_confirm__waits_for_what_cannot_be_read(void **state)
{
	(void)state;
	start();
	answer(POLICY, 200, NULL, sample_policy_json("{'spec':{'cities':[]}}"));
	assert_ended(false, "HubUnavailable");
	assert_string_equal(access->failure.error.text,
			    "AccessPolicy sample is there, but cannot be read");
	assert_true(access->failure.retry_at_ms > clock_.monotonic_ms);
}

/* A record is the broker's own, but people have hands. */
static void denial_step_confirm__fails_on_a_name_that_cannot_be(void **state)
{
	(void)state;
	memory_free(access->ledger->policy);
	access->ledger->policy = memory_text("no%name");
	start();
	assert_ended(false, "InvalidRequest");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(denial_step_confirm__reads_nothing_that_is_shown),
		TEST(denial_step_confirm__reads_all_that_is_not),
		TEST(denial_step_confirm__needs_no_policy_on_record),
		TEST(denial_step_confirm__knows_only_the_profile_without_record_and_request),
		TEST(denial_step_confirm__stops_at_what_it_finds),
		TEST(denial_step_confirm__begins_anew_each_time),
		TEST(denial_step_confirm__takes_no_other_answer_for_a_no),
		TEST(denial_step_confirm__waits_for_what_cannot_be_read),
		TEST(denial_step_confirm__fails_on_a_name_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
