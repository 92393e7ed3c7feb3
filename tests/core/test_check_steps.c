#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <base/base64.h>
#include <base/cleanup.h>
#include <base/clock.h>
#include <base/json.h>
#include <base/memory.h>

#include "broker/core/access.h"
#include "broker/core/access_executor.h"
#include "broker/core/access_news.h"
#include "broker/core/access_steps.h"
#include "broker/core/hub_state.h"
#include "broker/core/ledger.h"
#include "broker/core/request.h"
#include "support/fake_clock.h"
#include "support/json_pattern.h"
#include "support/sample_request.h"
#include "support/sample_token.h"
#include "support/scripted_port.h"

enum { INTERVAL_MS = 600 * 1000 };

#define REVIEW "{'status':{'userInfo':{'username':'%s','uid':'%s'}}}"
#define READER "system:serviceaccount:credbroker-identities:reader"

static const struct access_settings settings = {
	.hub_id = "hub-1",
	.namespace = "credbroker-system",
	.credential_check_interval_ms = INTERVAL_MS,
};
static struct fake_clock clock_;
static struct scripted_port *port;
static struct hub_state seen;
static struct access_steps steps;
static struct access *access;
static struct request *request;
static char *token;
static int ended;
static char told[64];

static void step_ended(void *context, struct access *ended_access)
{
	(void)context;
	(void)ended_access;
	ended++;
}

static void hear(void *context, const struct access_news *news)
{
	(void)context;
	assert_null(strstr(news->message, SAMPLE_TOKEN_CANARY));
	snprintf(told, sizeof(told), "%s %s %s", news->type, news->action, news->reason);
}

static char *token_called(const char *jti)
{
	cleanup_json struct json *claims =
		sample_token_claims(READER, clock_wall_s(&clock_.clock), 3600, jti);
	cleanup_json struct json *bound =
		json_pattern_parse("{'kubernetes.io':{'secret':{'uid':'anchor-1'}}}");
	cleanup_json struct json *whole = json_pattern_merge(claims, bound);

	return sample_token(whole);
}

static void deliver(void)
{
	struct ledger_anchor *anchor = ledger_add_anchor(access->ledger, 1);

	anchor->uid = memory_text("anchor-1");
	anchor->jti = memory_text("jti-1");
	anchor->terms = memory_text("terms");
	anchor->issued_at = clock_wall_s(&clock_.clock);
	anchor->expires_at = anchor->issued_at + 3600;
	access->ledger->resource_version = memory_text("7");
	access->ledger->objects[0].uid = memory_text("account-1");
	access->ledger->secret.uid = memory_text("secret-1");
	access->ledger->secret.generation = 1;
	access->delivery = DELIVERY_OURS;
	access->delivery_generation = 1;
	access->renew_at_ms = clock_.monotonic_ms + 1000000;
}

static int setup(void **state)
{
	(void)state;
	fake_clock_init(&clock_);
	port = scripted_port_new();
	scripted_port_set_member(port, "fleet-system/member-1",
				 &(struct member_facts){.state = MEMBER_READY, .uid = "cluster-1"});
	hub_state_init(&seen);
	request = sample_request("{}");
	access = access_new("request-1", "team-a/reader");
	access->profile_key = memory_text("fleet-system/member-1");
	access->ledger = sample_request_ledger(request);
	deliver();
	token = token_called("jti-1");
	ended = 0;
	told[0] = '\0';
	steps = (struct access_steps){.hub = scripted_port_hub(port),
				      .executor = scripted_port_executor(port),
				      .clock = &clock_.clock,
				      .settings = &settings,
				      .seen = &seen,
				      .ended = step_ended,
				      .tell = hear};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	memory_free(token);
	scripted_port_free(port);
	access_free(access);
	request_free(request);
	hub_state_done(&seen);
	return 0;
}

/* The hub answers with a Secret that holds WHAT. */
static void read_secret(const char *what)
{
	cleanup_json struct json *secret = json_pattern_parse(
		"{'metadata':{'uid':'secret-1','resourceVersion':'8'},'data':{}}");
	cleanup_free char *encoded = base64_encode(what, strlen(what));
	const struct scripted_call *call;

	access_steps_start(
		&steps, access,
		&(struct access_plan){.step = ACCESS_CHECK_CREDENTIAL, .index = FACT_NONE});
	call = scripted_port_oldest(port);
	assert_false(call->on_member);
	assert_null(call->accept);
	assert_null(call->bearer);
	json_add_string((struct json *)json_find(secret, "data"), "token", encoded);
	scripted_port_answer(port, call, 200, NULL, secret);
}

static void review(int status, const char *reason, const char *username, const char *uid)
{
	const struct scripted_call *call = scripted_port_oldest(port);
	char text[256];
	cleanup_json struct json *object = NULL;

	snprintf(text, sizeof(text), REVIEW, username, uid);
	object = json_pattern_parse(text);
	assert_true(call->on_member);
	assert_string_equal(call->path, "/apis/authentication.k8s.io/v1/selfsubjectreviews");
	assert_string_equal(call->bearer, token);
	scripted_port_answer(port, call, status, reason, object);
}

static int64_t wait_ms(void)
{
	return access->check.at_ms - clock_.monotonic_ms;
}

/* The record without terms of its token is on its way to the hub, before anything else. */
static void assert_void(const char *news)
{
	const struct scripted_call *call = scripted_port_oldest(port);
	const struct json *anchors = json_find(call->body, "spec", "anchors");

	assert_false(call->on_member);
	assert_string_equal(call->verb, "PUT");
	assert_string_equal(json_find_string(json_item(anchors, 0), "jti"), "jti-1");
	assert_null(json_find(json_item(anchors, 0), "terms"));
	assert_false(access->intent_saved);
	assert_int_equal(ended, 0);
	assert_string_equal(told, news);
	scripted_port_answer(port, call, 200, NULL, call->body);
	assert_int_equal(ended, 1);
	assert_true(access->intent_saved);
	assert_int_equal(access->check.at_ms, 0);
}

static void check_step_begin__shows_the_token_to_its_member_alone(void **state)
{
	(void)state;
	access->check.replaced = 3;
	read_secret(token);
	review(201, NULL, READER, "account-1");
	assert_int_equal(ended, 1);
	assert_true(wait_ms() >= INTERVAL_MS * 3 / 4);
	assert_int_equal(access->check.replaced, 0);
	assert_string_equal(access->delivery_version, "8");
	assert_string_equal(told, "");
	assert_non_null(access->ledger->anchors[0].terms);
}

static void check_step_begin__shows_no_token_that_is_not_on_record(void **state)
{
	cleanup_free char *other = token_called("jti-2");

	(void)state;
	read_secret(other);
	assert_void("Warning Check SecretEdited");
	assert_false(access->ledger->objects[0].suspect);
}

static void check_step_begin__shows_no_token_of_another_time(void **state)
{
	(void)state;
	access->ledger->anchors[0].expires_at++;
	read_secret(token);
	assert_void("Warning Check SecretEdited");
}

static void check_step_begin__shows_nothing_that_is_no_token(void **state)
{
	(void)state;
	read_secret("a\nb");
	assert_void("Warning Check SecretEdited");
}

static void check_step_begin__believes_the_second_refusal(void **state)
{
	(void)state;
	read_secret(token);
	review(401, "Unauthorized", "", "");
	assert_int_equal(ended, 1);
	assert_in_range(wait_ms(), 5000, 6000);
	assert_non_null(access->ledger->anchors[0].terms);
	ended = 0;
	read_secret(token);
	review(401, "Unauthorized", "", "");
	assert_void("Warning Check CredentialRefused");
	assert_true(access->ledger->objects[0].suspect);
}

static void check_step_begin__forgets_a_refusal_that_was_none(void **state)
{
	(void)state;
	read_secret(token);
	review(401, "Unauthorized", "", "");
	read_secret(token);
	review(201, NULL, READER, "account-1");
	read_secret(token);
	review(401, "Unauthorized", "", "");
	assert_int_equal(ended, 3);
	assert_int_equal(scripted_port_waiting(port), 0);
	assert_string_equal(told, "");
}

static void check_step_begin__takes_another_identity_for_a_refusal(void **state)
{
	(void)state;
	read_secret(token);
	review(201, NULL, READER, "account-2");
	ended = 0;
	read_secret(token);
	review(201, NULL, "system:serviceaccount:other:reader", "account-1");
	assert_void("Warning Check CredentialRefused");
}

static void check_step_begin__leaves_existing_accounts_alone(void **state)
{
	(void)state;
	access->ledger->objects[0].existing = true;
	access->check.refusals = 1;
	read_secret(token);
	review(401, "Unauthorized", "", "");
	assert_void("Warning Check CredentialRefused");
	assert_false(access->ledger->objects[0].suspect);
}

static void check_step_begin__puts_off_what_says_nothing_of_the_token(void **state)
{
	static const int statuses[] = {0, 403, 404, 429, 500, 503};

	(void)state;
	access->check.refusals = 1;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		read_secret(token);
		review(statuses[i], NULL, "", "");
		assert_in_range(wait_ms(), INTERVAL_MS / 10, INTERVAL_MS / 5);
	}
	read_secret(token);
	review(201, NULL, "", ""); /* not an answer of an API server */
	assert_in_range(wait_ms(), INTERVAL_MS / 10, INTERVAL_MS / 5);
	assert_int_equal(access->check.refusals, 1);
	assert_null(access->failure.reason);
}

/* A member that ends whatever it is given gets a pause that grows. */
static void check_step_begin__makes_the_next_token_wait(void **state)
{
	static const int64_t pauses_s[] = {0, 60, 120};

	(void)state;
	for (size_t i = 0; i < sizeof(pauses_s) / sizeof(pauses_s[0]); i++) {
		memory_free(access->ledger->anchors[0].terms);
		access->ledger->anchors[0].terms = memory_text("terms");
		access->check.refusals = 1;
		ended = 0;
		read_secret(token);
		review(401, "Unauthorized", "", "");
		assert_void("Warning Check CredentialRefused");
		assert_int_equal(access->next_mint_at_ms, clock_.monotonic_ms + pauses_s[i] * 1000);
	}
	access->next_mint_at_ms = INT64_MAX;
	access->check.refusals = 1;
	ended = 0;
	read_secret(token);
	review(401, "Unauthorized", "", "");
	assert_void("Warning Check CredentialRefused");
	assert_int_equal(access->next_mint_at_ms, INT64_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(check_step_begin__shows_the_token_to_its_member_alone),
		TEST(check_step_begin__shows_no_token_that_is_not_on_record),
		TEST(check_step_begin__shows_no_token_of_another_time),
		TEST(check_step_begin__shows_nothing_that_is_no_token),
		TEST(check_step_begin__believes_the_second_refusal),
		TEST(check_step_begin__forgets_a_refusal_that_was_none),
		TEST(check_step_begin__takes_another_identity_for_a_refusal),
		TEST(check_step_begin__leaves_existing_accounts_alone),
		TEST(check_step_begin__puts_off_what_says_nothing_of_the_token),
		TEST(check_step_begin__makes_the_next_token_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
