#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/core/kube_call.h"
#include "broker/core/member_clock.h"
#include "broker/edge/member_time.h"
#include "support/fake_clock.h"

static struct fake_clock clock_;
static struct member_clock member;

static int setup(void **state)
{
	(void)state;
	fake_clock_init(&clock_);
	member = (struct member_clock){0};
	return 0;
}

static enum member_time_news reply(int64_t ahead_s)
{
	const struct kube_reply reply = {.date_s = clock_wall_s(&clock_.clock) + ahead_s,
					 .trip_ms = 20};

	fake_clock_advance(&clock_, 100);
	return member_time_take(&member, &clock_.clock, "fleet-system/m1", &reply);
}

static void member_time_take__passes_over_replies_without_a_date(void **state)
{
	const struct kube_reply nothing = {.date_s = -1, .trip_ms = 20};

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(member_time_take(&member, &clock_.clock, "m", &nothing),
				 MEMBER_TIME_STANDS);
	assert_false(member.settled);
}

static void member_time_take__asks_again_before_it_believes_in_a_skew(void **state)
{
	(void)state;
	assert_int_equal(reply(900), MEMBER_TIME_WANTED);
	assert_int_equal(reply(900), MEMBER_TIME_WANTED);
	assert_int_equal(reply(900), MEMBER_TIME_TOLD);
	assert_int_equal(member.told_s, 900);
	assert_int_equal(reply(900), MEMBER_TIME_STANDS);
	assert_int_equal(reply(0), MEMBER_TIME_STANDS);
	assert_int_equal(reply(0), MEMBER_TIME_STANDS);
	assert_int_equal(reply(0), MEMBER_TIME_TOLD);
	assert_int_equal(member.told_s, 0);
}

static void member_time_take__asks_once_where_the_time_is_right(void **state)
{
	(void)state;
	assert_int_equal(reply(1), MEMBER_TIME_STANDS);
	assert_true(member.settled);
	assert_int_equal(reply(900), MEMBER_TIME_STANDS);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(member_time_take__passes_over_replies_without_a_date),
		TEST(member_time_take__asks_again_before_it_believes_in_a_skew),
		TEST(member_time_take__asks_once_where_the_time_is_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
