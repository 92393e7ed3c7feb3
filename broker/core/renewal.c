#include "core/renewal.h"

#include <stdio.h>

#include <base/digest.h>

#include "core/ledger.h"

static int64_t base32_value(char c)
{
	return c >= 'a' ? c - 'a' : c - '2' + 26;
}

/* A record may say anything. */
static bool is_percentage(int64_t percent)
{
	return percent >= RENEWAL_PERCENT_LEAST && percent <= RENEWAL_PERCENT_MOST;
}

int64_t renewal_percent(int64_t of_policy, int64_t of_operator)
{
	if (is_percentage(of_policy))
		return of_policy;
	return is_percentage(of_operator) ? of_operator : RENEWAL_PERCENT_DEFAULT;
}

int64_t renewal_delay_s(const char *request_uid, const struct ledger_anchor *anchor)
{
	int64_t lifetime = anchor->expires_at - anchor->issued_at;
	char generation[24];
	char digest[DIGEST_SHORT_SIZE];
	const char *const fields[] = {"renewal", request_uid, generation, NULL};
	int64_t percent = renewal_percent(anchor->renew_at_percent, 0);
	int64_t spread; /* 0 to 2000 */

	snprintf(generation, sizeof(generation), "%lld", (long long)anchor->generation);
	digest_short(fields, digest);
	spread = (base32_value(digest[0]) * 1024 + base32_value(digest[1]) * 32 +
		  base32_value(digest[2])) %
		 2001;
	return lifetime * ((percent - 10) * 100 + spread) / 10000;
}

bool renewal_is_rotation(int64_t rotate_at_s, const struct ledger_anchor *anchor)
{
	return rotate_at_s > anchor->rotate_at;
}

int64_t renewal_rotates_for(int64_t rotate_at_s, const struct ledger_anchor *previous,
			    int64_t now_s)
{
	int64_t last = previous ? previous->rotate_at : 0;

	return rotate_at_s > last && rotate_at_s <= now_s ? rotate_at_s : last;
}
