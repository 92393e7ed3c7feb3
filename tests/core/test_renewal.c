#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>

#include "broker/core/ledger.h"
#include "broker/core/renewal.h"

static int64_t delay(const char *uid, int64_t generation, int64_t issued_at, int64_t lifetime)
{
	const struct ledger_anchor anchor = {
		.generation = generation,
		.issued_at = issued_at,
		.expires_at = issued_at + lifetime,
	};

	return renewal_delay_s(uid, &anchor);
}

static void renewal_delay_s__is_between_half_and_seven_tenths_of_the_lifetime(void **state)
{
	static const int64_t lifetimes[] = {60, 600, 3600, 86400, 31536000, 250000000000};

	(void)state;
	for (int i = 0; i < 5000; i++) {
		int64_t lifetime = lifetimes[i % 6];
		char uid[16];

		snprintf(uid, sizeof(uid), "uid-%d", i);
		assert_true(delay(uid, i, 1000, lifetime) >= lifetime * 50 / 100);
		assert_true(delay(uid, i, 1000, lifetime) <= lifetime * 70 / 100);
	}
}

static void renewal_delay_s__follows_the_percentage_on_record(void **state)
{
	(void)state;
	for (int64_t percent = RENEWAL_PERCENT_LEAST; percent <= RENEWAL_PERCENT_MOST; percent++) {
		struct ledger_anchor anchor = {.expires_at = 10000, .renew_at_percent = percent};

		for (anchor.generation = 1; anchor.generation < 100; anchor.generation++)
			assert_in_range(renewal_delay_s("uid", &anchor), percent * 100 - 1000,
					percent * 100 + 1000);
	}
}

static void renewal_delay_s__believes_no_percentage_that_makes_no_sense(void **state)
{
	const int64_t senseless[] = {-60, 0, 29, 81, 100, INT64_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(senseless) / sizeof(senseless[0]); i++) {
		const struct ledger_anchor anchor = {
			.generation = 1,
			.expires_at = 10000,
			.renew_at_percent = senseless[i],
		};

		assert_int_equal(renewal_delay_s("uid", &anchor), delay("uid", 1, 0, 10000));
	}
}

static void renewal_percent__takes_the_policy_before_the_operator(void **state)
{
	(void)state;
	assert_int_equal(renewal_percent(40, 70), 40);
	assert_int_equal(renewal_percent(0, 70), 70);
	assert_int_equal(renewal_percent(0, 0), RENEWAL_PERCENT_DEFAULT);
}

static void renewal_delay_s__is_the_same_after_a_restart(void **state)
{
	(void)state;
	for (int64_t generation = 1; generation < 100; generation++)
		assert_int_equal(delay("uid", generation, 1000, 3600),
				 delay("uid", generation, 1000, 3600));
}

static void renewal_delay_s__counts_from_what_was_granted(void **state)
{
	(void)state;
	assert_int_equal(delay("uid", 1, 0, 3600), delay("uid", 1, 1772366400, 3600));
	assert_int_equal(delay("uid", 1, 0, 36000), delay("uid", 1, 0, 360000) / 10);
}

/* 1000 requests that were issued in the same second must not be renewed in the same second. */
static void renewal_delay_s__spreads_requests_and_generations(void **state)
{
	int count[13] = {0};

	(void)state;
	for (int i = 0; i < 1000; i++) {
		char uid[16];

		snprintf(uid, sizeof(uid), "uid-%d", i);
		count[(delay(uid, 1, 0, 3600) - 1800) / 60]++;
	}
	for (int i = 0; i < 12; i++)
		assert_in_range(count[i], 50, 120);
	assert_int_not_equal(delay("uid", 1, 0, 3600), delay("uid", 2, 0, 3600));
}

/* 1000 requests that became due while no broker was there; their tokens have 20 minutes left. */
static void renewal_overdue_ms__spreads_them_over_a_quarter_of_what_is_left(void **state)
{
	int count[5] = {0};

	(void)state;
	for (int i = 0; i < 1000; i++) {
		const struct ledger_anchor anchor = {.generation = 3};
		char uid[16];
		int64_t delay_ms;

		snprintf(uid, sizeof(uid), "uid-%d", i);
		delay_ms = renewal_overdue_ms(uid, &anchor, 1200 * 1000);
		assert_in_range(delay_ms, 0, 300 * 1000);
		assert_int_equal(delay_ms, renewal_overdue_ms(uid, &anchor, 1200 * 1000));
		count[delay_ms * 5 / (300 * 1000 + 1)]++;
	}
	for (int i = 0; i < 5; i++)
		assert_in_range(count[i], 150, 250);
}

static void renewal_overdue_ms__lets_none_wait_that_has_expired(void **state)
{
	const struct ledger_anchor anchor = {.generation = 1};

	(void)state;
	assert_int_equal(renewal_overdue_ms("uid", &anchor, 0), 0);
	assert_int_equal(renewal_overdue_ms("uid", &anchor, -1000), 0);
}

static void renewal_hasten_ms__lets_several_tries_fit(void **state)
{
	int64_t left_ms = 60 * 1000; /* of 600 s, renewed at 80 % and 10 % later */
	int tries = 0;

	(void)state;
	while (left_ms > 2000) {
		left_ms -= renewal_hasten_ms(144 * 1000, left_ms, 2000);
		tries++;
	}
	assert_in_range(tries, 8, 40);
	assert_int_equal(renewal_hasten_ms(500, 1000, 500), 500);
	assert_int_equal(renewal_hasten_ms(1000, 1000, 500), 500);
	assert_int_equal(renewal_hasten_ms(144 * 1000, 24 * 3600 * 1000, 2000), 144 * 1000);
	assert_int_equal(renewal_hasten_ms(144 * 1000, 0, 2000), 144 * 1000);
	assert_int_equal(renewal_hasten_ms(144 * 1000, -1, 2000), 144 * 1000);
}

static void renewal_is_rotation__counts_each_time_once(void **state)
{
	const struct ledger_anchor anchor = {.rotate_at = 500};

	(void)state;
	assert_true(renewal_is_rotation(501, &anchor));
	assert_false(renewal_is_rotation(500, &anchor));
	assert_false(renewal_is_rotation(0, &anchor));
}

static void renewal_rotates_for__is_the_latest_that_is_due(void **state)
{
	const struct ledger_anchor anchor = {.rotate_at = 500};

	(void)state;
	assert_int_equal(renewal_rotates_for(600, &anchor, 600), 600);
	assert_int_equal(renewal_rotates_for(600, &anchor, 599), 500);
	assert_int_equal(renewal_rotates_for(400, &anchor, 600), 500);
	assert_int_equal(renewal_rotates_for(0, &anchor, 600), 500);
	assert_int_equal(renewal_rotates_for(400, NULL, 600), 400);
	assert_int_equal(renewal_rotates_for(0, NULL, 600), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(renewal_delay_s__is_between_half_and_seven_tenths_of_the_lifetime),
		cmocka_unit_test(renewal_delay_s__follows_the_percentage_on_record),
		cmocka_unit_test(renewal_delay_s__believes_no_percentage_that_makes_no_sense),
		cmocka_unit_test(renewal_percent__takes_the_policy_before_the_operator),
		cmocka_unit_test(renewal_delay_s__is_the_same_after_a_restart),
		cmocka_unit_test(renewal_delay_s__counts_from_what_was_granted),
		cmocka_unit_test(renewal_delay_s__spreads_requests_and_generations),
		cmocka_unit_test(renewal_overdue_ms__spreads_them_over_a_quarter_of_what_is_left),
		cmocka_unit_test(renewal_overdue_ms__lets_none_wait_that_has_expired),
		cmocka_unit_test(renewal_hasten_ms__lets_several_tries_fit),
		cmocka_unit_test(renewal_is_rotation__counts_each_time_once),
		cmocka_unit_test(renewal_rotates_for__is_the_latest_that_is_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
