#include "core/sweep_budget.h"

/* Counted from the last one, so that no ten minutes ever see more than one budget. */
int64_t sweep_budget_renewed_at_ms(const struct sweep_budget *budget)
{
	return budget->spent > 0 ? budget->last_ms + SWEEP_BUDGET_WINDOW_MS : 0;
}

static size_t spent_by(const struct sweep_budget *budget, int64_t now_ms)
{
	return now_ms >= sweep_budget_renewed_at_ms(budget) ? 0 : budget->spent;
}

size_t sweep_budget_left(const struct sweep_budget *budget, size_t objects, int64_t now_ms)
{
	size_t share =
		objects / 100 * SWEEP_BUDGET_PERCENT + objects % 100 * SWEEP_BUDGET_PERCENT / 100;
	size_t whole = share > SWEEP_BUDGET_MIN ? share : SWEEP_BUDGET_MIN;
	size_t spent = spent_by(budget, now_ms);

	return spent < whole ? whole - spent : 0;
}

void sweep_budget_spend(struct sweep_budget *budget, int64_t now_ms)
{
	budget->spent = spent_by(budget, now_ms) + 1;
	budget->last_ms = now_ms;
}
