#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>

#include <base/memory.h>

#include "broker/core/access.h"
#include "broker/core/access_index.h"
#include "broker/core/credential_check.h"
#include "broker/core/step_lines.h"
#include "broker/core/store.h"
#include "support/fake_clock.h"

enum { INTERVAL_MS = 600 * 1000, MANY = 1000, SLICES = 10, MEMBER_PLACES = 16 };

#define MEMBER "fleet-system/member-1"

static struct fake_clock clock_;
static struct access_index index_;
static struct step_lines lines;

static void wake(void *context)
{
	(void)context;
}

static int setup(void **state)
{
	(void)state;
	fake_clock_init(&clock_);
	access_index_init(&index_, &clock_.clock, wake, NULL);
	step_lines_init(&lines);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	step_lines_done(&lines);
	access_index_done(&index_);
	return 0;
}

static struct access *access_number(int number)
{
	char uid[16];
	struct access *access;

	snprintf(uid, sizeof(uid), "uid-%d", number);
	access = access_index_ensure(&index_, uid, "team-a/reader");
	if (!access->profile_key)
		access->profile_key = memory_text(MEMBER);
	return access;
}

static void assert_spread(const int *count, int slices)
{
	for (int i = 0; i < slices; i++)
		assert_in_range(count[i], MANY / slices * 6 / 10, MANY / slices * 14 / 10);
}

/* As after a start. */
static void credential_check_spread__spreads_many_over_the_interval(void **state)
{
	int count[SLICES] = {0};

	(void)state;
	for (int i = 0; i < MANY; i++) {
		struct access *access = access_number(i);

		credential_check_spread(access, INTERVAL_MS, clock_.monotonic_ms);
		access->check.at_ms -= clock_.monotonic_ms + 1;
		assert_in_range(access->check.at_ms, 0, INTERVAL_MS - 1);
		count[access->check.at_ms / (INTERVAL_MS / SLICES)]++;
	}
	assert_spread(count, SLICES);
}

static void credential_check_rest__leaves_time_to_ask_twice(void **state)
{
	int count[SLICES] = {0};

	(void)state;
	for (int i = 0; i < MANY; i++) {
		struct access *access = access_number(0);
		int64_t now_ms = clock_.monotonic_ms;
		int64_t wait_ms;

		credential_check_rest(access, INTERVAL_MS, now_ms);
		wait_ms = access->check.at_ms - now_ms;
		assert_in_range(wait_ms, INTERVAL_MS * 75 / 100, INTERVAL_MS * 95 / 100 - 1);
		count[(wait_ms - INTERVAL_MS * 75 / 100) / (INTERVAL_MS / 5 / SLICES)]++;
		credential_check_again(access, now_ms + wait_ms);
		assert_true(access->check.at_ms - now_ms < INTERVAL_MS);
		assert_true(access->check.at_ms - now_ms >= wait_ms + 5000);
	}
	assert_spread(count, SLICES);
}

static void credential_check_postpone__is_soon(void **state)
{
	struct access *access = access_number(0);

	(void)state;
	for (int i = 0; i < MANY; i++) {
		credential_check_postpone(access, INTERVAL_MS, clock_.monotonic_ms);
		assert_in_range(access->check.at_ms - clock_.monotonic_ms, INTERVAL_MS / 10,
				INTERVAL_MS / 5);
	}
}

static void credential_check__does_nothing_without_an_interval(void **state)
{
	struct access *access = access_number(0);

	(void)state;
	credential_check_spread(access, 0, clock_.monotonic_ms);
	assert_int_equal(access->check.at_ms, 0);
	credential_check_rest(access, 0, clock_.monotonic_ms);
	assert_int_equal(access->check.at_ms, 0);
	credential_check_postpone(access, 0, clock_.monotonic_ms);
	assert_int_equal(access->check.at_ms, 0);
}

static void credential_check_pause_ms__grows_up_to_ten_minutes(void **state)
{
	static const int64_t seconds[] = {0, 0, 60, 120, 240, 480, 600, 600};

	(void)state;
	for (unsigned i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++)
		assert_int_equal(credential_check_pause_ms(i), seconds[i] * 1000);
	assert_int_equal(credential_check_pause_ms(UINT32_MAX), 600 * 1000);
}

static bool gives_way(struct access *access)
{
	return credential_check_gives_way(access, &index_, &lines, INTERVAL_MS,
					  clock_.monotonic_ms);
}

/* Hands out what is due next, as the controller does. */
static struct access *next(void)
{
	return access_index_next(&index_);
}

static void credential_check_gives_way__until_all_else_is_done(void **state)
{
	struct access *checked = access_number(0);
	struct access *urgent = access_number(1);

	(void)state;
	checked->check.at_ms = clock_.monotonic_ms;
	access_index_add(&index_, checked);
	assert_ptr_equal(next(), checked);
	assert_true(gives_way(checked));
	access_index_add(&index_, urgent);
	assert_ptr_equal(next(), urgent);
	assert_ptr_equal(next(), checked);
	assert_false(gives_way(checked));
}

static void credential_check_gives_way__to_whoever_waits_for_the_member(void **state)
{
	struct access *checked = access_number(0);

	(void)state;
	checked->check.at_ms = clock_.monotonic_ms;
	checked->check.has_turn = true;
	for (int i = 1; i <= MEMBER_PLACES; i++)
		assert_true(step_lines_enter(&lines, access_number(i), MEMBER));
	access_index_add(&index_, checked);
	assert_ptr_equal(next(), checked);
	assert_true(gives_way(checked));
	assert_in_range(checked->check.at_ms - clock_.monotonic_ms, 1000, 2000);
	assert_ptr_equal(next(), checked); /* to wait for that time */
	step_lines_leave(&lines, access_number(1));
	clock_.monotonic_ms = checked->check.at_ms;
	assert_true(gives_way(checked));
	assert_ptr_equal(next(), checked);
	assert_false(gives_way(checked));
}

/* The member was away for an hour, or another process did the work. */
static void credential_check_gives_way__spreads_what_was_missed(void **state)
{
	int count[SLICES] = {0};

	(void)state;
	for (int i = 0; i < MANY; i++) {
		struct access *access = access_number(i);

		access->check.at_ms = clock_.monotonic_ms - 3600 * 1000;
		access->check.has_turn = true;
		access_index_add(&index_, access);
		assert_ptr_equal(next(), access);
		assert_true(gives_way(access));
		access->check.at_ms -= clock_.monotonic_ms + 1;
		assert_in_range(access->check.at_ms, 0, INTERVAL_MS - 1);
		count[access->check.at_ms / (INTERVAL_MS / SLICES)]++;
		assert_ptr_equal(next(), access);
		access_index_rest(&index_, access);
	}
	assert_spread(count, SLICES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(credential_check_spread__spreads_many_over_the_interval),
		TEST(credential_check_rest__leaves_time_to_ask_twice),
		TEST(credential_check_postpone__is_soon),
		TEST(credential_check__does_nothing_without_an_interval),
		TEST(credential_check_pause_ms__grows_up_to_ten_minutes),
		TEST(credential_check_gives_way__until_all_else_is_done),
		TEST(credential_check_gives_way__to_whoever_waits_for_the_member),
		TEST(credential_check_gives_way__spreads_what_was_missed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
