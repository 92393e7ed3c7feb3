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
#include "broker/core/access_steps.h"
#include "broker/core/hub_state.h"
#include "broker/core/ledger.h"
#include "broker/core/ledger_record.h"
#include "broker/core/request.h"
#include "support/fake_clock.h"
#include "support/sample_request.h"
#include "support/scripted_port.h"

static struct fake_clock clock_;
static struct scripted_port *port;
static struct hub_state seen;
static struct access *access;
static struct access_steps steps;
static int64_t own_epoch;
static int64_t asked_for;
static int ended;

static const struct access_settings settings = {
	.hub_id = "hub-1",
	.namespace = "credbroker-system",
	.identity_namespace = "credbroker-identities",
};

static void step_ended(void *context, struct access *of)
{
	(void)context;
	(void)of;
	ended++;
}

static int64_t epoch(void *context, int64_t on_record)
{
	(void)context;
	asked_for = on_record;
	return own_epoch;
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
	access->ledger->resource_version = memory_text("7");
	request_free(request);
	own_epoch = 3;
	ended = 0;
	steps = (struct access_steps){
		.hub = scripted_port_hub(port),
		.executor = scripted_port_executor(port),
		.clock = &clock_.clock,
		.settings = &settings,
		.seen = &seen,
		.ended = step_ended,
		.epoch = epoch,
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

static void start(enum access_step step)
{
	access_steps_start(&steps, access, &(struct access_plan){.step = step, .index = FACT_NONE});
}

static int64_t epoch_in(const struct json *body)
{
	int64_t found = 0;

	json_integer(json_find(body, "spec", "epoch"), &found);
	return found;
}

static const enum access_step writes[] = {
	ACCESS_SAVE_LEDGER,   ACCESS_AMEND_LEDGER, ACCESS_RESERVE_ANCHOR,
	ACCESS_MARK_REVOKING, ACCESS_CLOSE_LEDGER,
};

static void ledger_steps__write_the_epoch_of_the_leadership(void **state)
{
	(void)state;
	access->ledger->epoch = 2;
	start(ACCESS_SAVE_LEDGER);
	assert_int_equal(asked_for, 2);
	assert_int_equal(epoch_in(scripted_port_oldest(port)->body), 3);
}

static void ledger_step_open__writes_the_epoch_of_the_leadership(void **state)
{
	(void)state;
	memory_free(TAKE_PTR(access->ledger->resource_version));
	start(ACCESS_OPEN_LEDGER);
	assert_string_equal(scripted_port_oldest(port)->verb, "POST");
	assert_int_equal(epoch_in(scripted_port_oldest(port)->body), 3);
}

static void ledger_steps__write_no_record_of_a_later_leader(void **state)
{
	struct request *request = sample_request("{}");

	(void)state;
	access->rights = sample_request_rights(request);
	request_free(request);
	access->ledger->epoch = 4;
	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		start(writes[i]);
		assert_int_equal(scripted_port_waiting(port), 0);
		assert_string_equal(access->failure.reason, "LedgerUnavailable");
		assert_int_equal(access->ledger->epoch, 4);
		assert_int_equal(asked_for, 4);
		assert_int_equal(ended, i + 1);
	}
	own_epoch = 5; /* the Lease says that it is ours all the same */
	start(ACCESS_SAVE_LEDGER);
	assert_int_equal(epoch_in(scripted_port_oldest(port)->body), 5);
}

static void ledger_steps__read_a_record_anew_that_somebody_else_wrote(void **state)
{
	struct ledger *theirs = ledger_dup(access->ledger);
	struct json *object;

	(void)state;
	theirs->epoch = 4;
	theirs->generation = 9;
	object = ledger_record_render(theirs, "credbroker-system");
	ledger_free(theirs);
	start(ACCESS_RESERVE_ANCHOR);
	scripted_port_answer(port, scripted_port_oldest(port), 409, "Conflict", NULL);
	assert_string_equal(scripted_port_oldest(port)->verb, "GET");
	scripted_port_answer(port, scripted_port_oldest(port), 200, NULL, object);
	json_free(object);
	assert_int_equal(scripted_port_waiting(port), 0);
	assert_int_equal(access->ledger->generation, 9);
	assert_int_equal(access->ledger->epoch, 4);
	start(ACCESS_SAVE_LEDGER);
	assert_int_equal(scripted_port_waiting(port), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ledger_steps__write_the_epoch_of_the_leadership),
		TEST(ledger_step_open__writes_the_epoch_of_the_leadership),
		TEST(ledger_steps__write_no_record_of_a_later_leader),
		TEST(ledger_steps__read_a_record_anew_that_somebody_else_wrote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
