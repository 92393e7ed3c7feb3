#include "core/access_tally.h"

#include <stdbool.h>

#include "core/access.h"
#include "core/store.h"

void access_tally_step(struct access_tally *tally, const struct access *access)
{
	bool failed = access->failure.reason != NULL;

	if (access->plan.step == ACCESS_MINT && !failed && !secret_is_empty(&access->token.secret))
		tally->mints++;
	if (access->plan.step == ACCESS_CLOSE_LEDGER && !failed && access->ledger_closed)
		tally->revocations++;
}

struct count {
	struct access_tally *tally;
	int64_t now_ms;
};

static bool add(void *context, const char *key, void *object)
{
	const struct count *count = context;
	const struct access *access = object;
	bool issued = access->delivery_generation > 0 &&
		      (access->expires_at_ms == 0 || access->expires_at_ms > count->now_ms);

	(void)key;
	if (access->ending)
		count->tally->ending++;
	else if (issued)
		count->tally->issued++;
	else
		count->tally->waiting++;
	count->tally->pending += access->ending && access->ledger;
	return true;
}

void access_tally_count(struct access_tally *tally, const struct store *accesses, int64_t now_ms)
{
	struct count count = {tally, now_ms};

	tally->issued = tally->waiting = tally->ending = tally->pending = 0;
	store_each(accesses, add, &count);
}
