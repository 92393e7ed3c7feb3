#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/clock.h>
#include <cmocka.h>

static int64_t fixed(void *context)
{
	return *(int64_t *)context;
}

static void clock_wall_s__rounds_down_also_before_1970(void **state)
{
	static const struct {
		int64_t microseconds, seconds;
	} rows[] = {{0, 0},
		    {999999, 0},
		    {1000000, 1},
		    {-1, -1},
		    {-1000000, -1},
		    {-1000001, -2},
		    {1735689600123456, 1735689600}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t now = rows[i].microseconds;
		const struct clock clock = {fixed, fixed, &now};
		assert_true(clock_wall_s(&clock) == rows[i].seconds);
		assert_true(clock_wall_us(&clock) == now);
		assert_true(clock_monotonic_ms(&clock) == now);
	}
}

static void clock_system__goes_forward_and_knows_the_century(void **state)
{
	const struct clock *clock = clock_system();

	(void)state;
	int64_t before = clock_monotonic_ms(clock);
	assert_true(before > 0);
	assert_true(clock_monotonic_ms(clock) >= before);
	assert_true(clock_wall_s(clock) > 1704067200); /* 2024 */
	assert_true(clock_wall_s(clock) < 4102444800); /* 2100 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock_wall_s__rounds_down_also_before_1970),
		cmocka_unit_test(clock_system__goes_forward_and_knows_the_century),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
