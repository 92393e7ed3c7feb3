#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>

#include "broker/core/member_clock.h"

enum { NOW_MS = 7000000, MINUTE_MS = 60 * 1000 };
#define WALL_MS INT64_C(1772366400000)

static struct member_clock clock_;

static int setup(void **state)
{
	(void)state;
	clock_ = (struct member_clock){0};
	return 0;
}

/* A reply of a member that is AHEAD_MS ahead, as it looks AFTER_MS after the beginning. */
static void reply(int64_t ahead_ms, int64_t trip_ms, int64_t after_ms)
{
	int64_t written_ms = WALL_MS + after_ms - trip_ms / 2 + ahead_ms;

	member_clock_note(&clock_, written_ms / 1000, trip_ms, NOW_MS + after_ms,
			  WALL_MS + after_ms);
}

static int64_t skew_ms(int64_t after_ms)
{
	return member_clock_skew_ms(&clock_, NOW_MS + after_ms, WALL_MS + after_ms);
}

static bool tells(int64_t after_ms)
{
	return member_clock_tell(&clock_, NOW_MS + after_ms, WALL_MS + after_ms);
}

static void member_clock_offset_ms__is_not_known_without_a_date(void **state)
{
	int64_t offset_ms = 42;

	(void)state;
	assert_false(member_clock_offset_ms(&clock_, &offset_ms));
	assert_false(member_clock_note(&clock_, -1, 10, NOW_MS, WALL_MS));
	assert_false(member_clock_note(&clock_, 1772366400, 31000, NOW_MS, WALL_MS));
	assert_false(member_clock_note(&clock_, 1772366400, -1, NOW_MS, WALL_MS));
	assert_false(member_clock_offset_ms(&clock_, &offset_ms));
	assert_int_equal(offset_ms, 42);
	assert_int_equal(skew_ms(0), 0);
	assert_false(clock_.settled);
	assert_false(tells(0));
}

static void member_clock_skew_ms__is_corrected_by_half_the_round_trip(void **state)
{
	(void)state;
	for (int64_t trip_ms = 0; trip_ms <= 30000; trip_ms += 777) {
		setup(NULL);
		for (int i = 0; i < 3; i++)
			reply(15 * MINUTE_MS, trip_ms, 333);
		assert_in_range(skew_ms(333), 15 * MINUTE_MS - 500, 15 * MINUTE_MS + 500);
		setup(NULL);
		for (int i = 0; i < 3; i++)
			reply(-15 * MINUTE_MS, trip_ms, 333);
		assert_in_range(-skew_ms(333), 15 * MINUTE_MS - 500, 15 * MINUTE_MS + 500);
	}
}

static void member_clock_skew_ms__is_not_moved_by_one_odd_reply(void **state)
{
	(void)state;
	for (int odd = 0; odd < 5; odd++) {
		setup(NULL);
		for (int i = 0; i < 5; i++)
			reply(i == odd ? 900 * MINUTE_MS : 2000, 10, i * 1000);
		assert_in_range(skew_ms(5000), 1500, 2500);
	}
}

static void member_clock_skew_ms__follows_when_most_replies_agree(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		reply(0, 10, i);
	reply(15 * MINUTE_MS, 10, 10);
	reply(15 * MINUTE_MS, 10, 20);
	assert_in_range(skew_ms(20) + 1000, 0, 2000);
	reply(15 * MINUTE_MS, 10, 30);
	assert_in_range(skew_ms(30), 15 * MINUTE_MS - 500, 15 * MINUTE_MS + 500);
}

static void member_clock_offset_ms__does_not_depend_on_our_wall_clock(void **state)
{
	static const int64_t walls_ms[] = {0, INT64_C(2147483648000), INT64_C(4102444800000),
					   WALL_MS + 3600000, WALL_MS - 3600000};
	int64_t before_ms, after_ms;

	(void)state;
	reply(0, 10, 0);
	assert_true(member_clock_offset_ms(&clock_, &before_ms));
	for (size_t i = 0; i < sizeof(walls_ms) / sizeof(walls_ms[0]); i++) {
		member_clock_tell(&clock_, NOW_MS, walls_ms[i]);
		assert_true(member_clock_offset_ms(&clock_, &after_ms));
		assert_true(before_ms == after_ms);
		assert_in_range(clock_.told_s * 1000 + walls_ms[i] - WALL_MS + 10000, 0, 20000);
	}
}

static void member_clock_note__wants_three_replies_where_the_first_is_far_off(void **state)
{
	int64_t offset_ms = 42;

	(void)state;
	reply(5 * MINUTE_MS - 1000, 10, 0);
	assert_true(clock_.settled);
	setup(NULL);
	for (int i = 0; i < 3; i++) {
		assert_false(member_clock_offset_ms(&clock_, &offset_ms));
		assert_int_equal(skew_ms(0), 0);
		reply(-5 * MINUTE_MS - 2000, 10, 0);
	}
	assert_true(clock_.settled);
	assert_true(member_clock_offset_ms(&clock_, &offset_ms));
	setup(NULL);
	reply(15 * MINUTE_MS, 10, 0);
	reply(0, 10, 0);
	reply(0, 10, 0);
	assert_in_range(skew_ms(0) + 500, 0, 1000);
}

static void
member_clock_tell__begins_above_five_minutes_and_ends_below_four_and_a_half(void **state)
{
	static const struct {
		int64_t ahead_s;
		bool another;
		int64_t told_s;
	} rows[] = {
		{0, false, 0},      {299, false, 0},     {302, true, 300}, {290, false, 300},
		{272, false, 300},  {268, true, 0},      {299, false, 0},  {-299, false, 0},
		{-302, true, -300}, {-272, false, -300}, {-268, true, 0},  {903, true, 900},
		{955, false, 900},  {845, false, 900},   {963, true, 960}, {-903, true, -900},
		{904, true, 900},   {0, true, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int k = 0; k < 5; k++)
			reply(rows[i].ahead_s * 1000, 10, 0);
		if (tells(0) != rows[i].another || clock_.told_s != rows[i].told_s)
			fail_msg("row %zu: told %lld", i, (long long)clock_.told_s);
	}
}

/* A minute an hour, for two days: it is told, and a minute's change each time. */
static void member_clock_tell__follows_a_drifting_clock_in_steps(void **state)
{
	int told = 0;

	(void)state;
	for (int64_t minute = 0; minute < 48 * 60; minute++) {
		reply(minute * 1000, 10, minute * MINUTE_MS);
		told += tells(minute * MINUTE_MS);
		if (clock_.told_s != 0)
			assert_in_range(minute - clock_.told_s + 66, 0, 132);
		else
			assert_in_range(minute, 0, 304);
	}
	assert_in_range(told, 35, 45);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(member_clock_offset_ms__is_not_known_without_a_date),
		TEST(member_clock_skew_ms__is_corrected_by_half_the_round_trip),
		TEST(member_clock_skew_ms__is_not_moved_by_one_odd_reply),
		TEST(member_clock_skew_ms__follows_when_most_replies_agree),
		TEST(member_clock_offset_ms__does_not_depend_on_our_wall_clock),
		TEST(member_clock_note__wants_three_replies_where_the_first_is_far_off),
		TEST(member_clock_tell__begins_above_five_minutes_and_ends_below_four_and_a_half),
		TEST(member_clock_tell__follows_a_drifting_clock_in_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
