#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>

#include "core/ledger.h"
#include "core/ledger_record.h"
#include "core/request.h"
#include "core/revocation.h"
#include "support/sample_request.h"

enum {
	NOW_S = 1772366400, /* 2026-03-01T12:00:00Z */
	MARGIN_S = 600,
	HOUR_S = 3600,
	DAY_S = 86400,
};

static struct ledger *ledger;

static int setup(void **state)
{
	struct request *request = sample_request("{}");

	(void)state;
	ledger = sample_request_ledger(request);
	request_free(request);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ledger_free(ledger);
	return 0;
}

static void add_token(int64_t generation, int64_t expires_at)
{
	ledger_add_anchor(ledger, generation)->expires_at = expires_at;
}

static void revocation_last_expiry_s__is_that_of_the_last_token(void **state)
{
	(void)state;
	assert_int_equal(revocation_last_expiry_s(ledger, NOW_S), 0);
	add_token(1, NOW_S + 900);
	add_token(2, NOW_S + 100);
	assert_int_equal(revocation_last_expiry_s(ledger, NOW_S), NOW_S + 900);
}

/* Nothing is minted once the end has begun. */
static void revocation_last_expiry_s__counts_an_unknown_token_from_the_beginning(void **state)
{
	(void)state;
	add_token(1, NOW_S + 900);
	add_token(2, 0);
	assert_int_equal(revocation_last_expiry_s(ledger, NOW_S), NOW_S + DAY_S);
	revocation_note(ledger, "MemberUnreachable", NOW_S);
	assert_int_equal(revocation_last_expiry_s(ledger, NOW_S + 5), NOW_S + DAY_S);
}

static void revocation_outlasts_tokens__when_no_clock_can_be_so_slow(void **state)
{
	(void)state;
	add_token(1, NOW_S + 900);
	assert_false(revocation_outlasts_tokens(ledger, NOW_S + 900 + MARGIN_S - 1));
	assert_true(revocation_outlasts_tokens(ledger, NOW_S + 900 + MARGIN_S));
}

static void revocation_outlasts_tokens__after_a_while_where_there_is_none(void **state)
{
	(void)state;
	assert_false(revocation_outlasts_tokens(ledger, NOW_S));
	revocation_note(ledger, "MemberUnreachable", NOW_S);
	assert_false(revocation_outlasts_tokens(ledger, NOW_S + MARGIN_S - 1));
	assert_true(revocation_outlasts_tokens(ledger, NOW_S + MARGIN_S));
}

static void revocation_due_s__is_once_then_hourly_then_daily(void **state)
{
	static const char away[] = "MemberUnreachable";
	const int64_t end_s = NOW_S + HOUR_S * 5 / 2 + MARGIN_S;

	(void)state;
	add_token(1, NOW_S + HOUR_S * 5 / 2);
	assert_int_equal(revocation_due_s(ledger, away, NOW_S), 0);
	revocation_note(ledger, away, NOW_S);
	assert_int_equal(revocation_due_s(ledger, away, NOW_S + 1), NOW_S + HOUR_S);
	revocation_note(ledger, away, NOW_S + HOUR_S);
	assert_int_equal(revocation_due_s(ledger, away, NOW_S + HOUR_S), NOW_S + 2 * HOUR_S);
	revocation_note(ledger, away, NOW_S + 2 * HOUR_S);
	assert_int_equal(revocation_due_s(ledger, away, NOW_S + 2 * HOUR_S), end_s);
	assert_int_equal(revocation_due_s(ledger, away, end_s), 0);
	revocation_note(ledger, away, end_s);
	assert_int_equal(revocation_due_s(ledger, away, end_s), end_s + DAY_S);
}

/* Two reasons that take turns are not worth a write each time. */
static void revocation_due_s__is_sooner_for_another_reason(void **state)
{
	(void)state;
	add_token(1, NOW_S + DAY_S);
	revocation_note(ledger, "MemberUnreachable", NOW_S);
	assert_int_equal(revocation_due_s(ledger, "MemberChanged", NOW_S + 1), NOW_S + 300);
}

static void revocation_note__leaves_no_way_back(void **state)
{
	(void)state;
	add_token(1, NOW_S + 900);
	assert_string_equal(revocation_state(ledger), "Live");
	revocation_note(ledger, "MemberUnreachable", NOW_S);
	assert_true(ledger->revoking);
	assert_string_equal(revocation_state(ledger), "RevocationPending");
	revocation_note(ledger, "MemberChanged", NOW_S + 900 + MARGIN_S);
	assert_string_equal(revocation_state(ledger), "ExpiredUnconfirmed");
	assert_int_equal(ledger->revocation.since_s, NOW_S);
	revocation_note(ledger, "MemberChanged", NOW_S); /* the clock was set back */
	assert_string_equal(revocation_state(ledger), "ExpiredUnconfirmed");
}

static void revocation_state__is_revoking_while_that_may_be_over_soon(void **state)
{
	(void)state;
	ledger->revoking = true;
	assert_string_equal(revocation_state(ledger), "Revoking");
}

static void revocation_read__reads_back_what_was_rendered(void **state)
{
	cleanup_json struct json *object = NULL;
	struct error err = {0};
	struct ledger *other;

	(void)state;
	add_token(1, NOW_S);
	revocation_note(ledger, "MemberUnreachable", NOW_S);
	revocation_note(ledger, "MemberChanged", NOW_S + DAY_S);
	object = ledger_record_render(ledger, "credbroker-system");
	assert_string_equal(json_find_string(object, "spec", "lastExpirationTimestamp"),
			    "2026-03-01T12:00:00Z");
	other = ledger_record_read(object, &err);
	assert_null(other); /* it has no resourceVersion */
	json_add_string((struct json *)json_find(object, "metadata"), "resourceVersion", "1");
	other = ledger_record_read(object, &err);
	assert_string_equal(other->revocation.reason, "MemberChanged");
	assert_int_equal(other->revocation.since_s, NOW_S);
	assert_int_equal(other->revocation.tried_s, NOW_S + DAY_S);
	assert_true(other->revocation.unconfirmed);
	ledger_free(other);
}

/* A life without a beginning has no end. */
static void revocation_render__shows_no_end_of_a_token_that_nobody_knows(void **state)
{
	cleanup_json struct json *object = NULL;

	(void)state;
	add_token(1, 0);
	object = ledger_record_render(ledger, "credbroker-system");
	assert_null(json_find(object, "spec", "lastExpirationTimestamp"));
	assert_null(json_find(object, "spec", "revocation"));
	json_free(object);
	add_token(2, NOW_S);
	object = ledger_record_render(ledger, "credbroker-system");
	assert_string_equal(json_find_string(object, "spec", "lastExpirationTimestamp"),
			    "2026-03-01T12:00:00Z");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(revocation_last_expiry_s__is_that_of_the_last_token),
		TEST(revocation_last_expiry_s__counts_an_unknown_token_from_the_beginning),
		TEST(revocation_outlasts_tokens__when_no_clock_can_be_so_slow),
		TEST(revocation_outlasts_tokens__after_a_while_where_there_is_none),
		TEST(revocation_due_s__is_once_then_hourly_then_daily),
		TEST(revocation_due_s__is_sooner_for_another_reason),
		TEST(revocation_note__leaves_no_way_back),
		TEST(revocation_state__is_revoking_while_that_may_be_over_soon),
		TEST(revocation_read__reads_back_what_was_rendered),
		TEST(revocation_render__shows_no_end_of_a_token_that_nobody_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
