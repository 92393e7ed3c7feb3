#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>

#include "broker/core/sweep_budget.h"

static void sweep_budget__is_the_larger_of_ten_and_five_percent(void **state)
{
	static const struct {
		size_t objects, budget;
	} rows[] = {{0, 10}, {40, 10}, {219, 10}, {220, 11}, {1000, 50}, {100000, 5000}};
	const struct sweep_budget none = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(sweep_budget_left(&none, rows[i].objects, 1), rows[i].budget);
}

static void sweep_budget__is_there_again_ten_minutes_after_the_last_one(void **state)
{
	struct sweep_budget budget = {0};
	int64_t now_ms = 5;

	(void)state;
	for (int i = 0; i < SWEEP_BUDGET_MIN; i++) {
		assert_int_equal(sweep_budget_left(&budget, 40, now_ms), SWEEP_BUDGET_MIN - i);
		now_ms += 1000;
		sweep_budget_spend(&budget, now_ms);
	}
	assert_int_equal(sweep_budget_left(&budget, 40, now_ms), 0);
	assert_int_equal(sweep_budget_renewed_at_ms(&budget), now_ms + SWEEP_BUDGET_WINDOW_MS);
	assert_int_equal(sweep_budget_left(&budget, 40, now_ms + SWEEP_BUDGET_WINDOW_MS - 1), 0);
	assert_int_equal(sweep_budget_left(&budget, 40, now_ms + SWEEP_BUDGET_WINDOW_MS),
			 SWEEP_BUDGET_MIN);
	sweep_budget_spend(&budget, now_ms + SWEEP_BUDGET_WINDOW_MS);
	assert_int_equal(sweep_budget_left(&budget, 40, now_ms + SWEEP_BUDGET_WINDOW_MS),
			 SWEEP_BUDGET_MIN - 1);
}

/* Objects that went make the share smaller. */
static void sweep_budget__is_never_below_nothing(void **state)
{
	struct sweep_budget budget = {0};

	(void)state;
	for (int i = 0; i < 20; i++)
		sweep_budget_spend(&budget, 1);
	assert_int_equal(sweep_budget_left(&budget, 100, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sweep_budget__is_the_larger_of_ten_and_five_percent),
		cmocka_unit_test(sweep_budget__is_there_again_ten_minutes_after_the_last_one),
		cmocka_unit_test(sweep_budget__is_never_below_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
