/* sweep_budget.h - how many objects of one member may be deleted for want of a record. Pure.
 *
 * The larger of 10 and 5 % of ours on that member, within any ten minutes. */
#ifndef CORE_SWEEP_BUDGET_H
#define CORE_SWEEP_BUDGET_H

#include <stddef.h>
#include <stdint.h>

enum {
	SWEEP_BUDGET_MIN = 10,
	SWEEP_BUDGET_PERCENT = 5,
	SWEEP_BUDGET_WINDOW_MS = 10 * 60 * 1000,
};

/* Zeroed: nothing was spent. */
struct sweep_budget {
	size_t spent;
	int64_t last_ms; /* when, monotonic */
};

/* How many more may go of OBJECTS that stand there. */
size_t sweep_budget_left(const struct sweep_budget *budget, size_t objects, int64_t now_ms);
/* One goes. */
void sweep_budget_spend(struct sweep_budget *budget, int64_t now_ms);
/* From when on all of it is there again. */
int64_t sweep_budget_renewed_at_ms(const struct sweep_budget *budget);

#endif
