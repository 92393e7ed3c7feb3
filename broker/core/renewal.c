#include "core/renewal.h"

#include <stdio.h>

#include <base/digest.h>

#include "core/ledger.h"

enum {
	SPREAD_MAX = 2000,
	TRIES_LEFT = 8, /* at least, as long as none of them takes long */
};

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

/* 0 to SPREAD_MAX: the same for the same token, another one for WHAT else. */
static int64_t spread(const char *what, const char *request_uid, const struct ledger_anchor *anchor)
{
	char generation[24];
	char digest[DIGEST_SHORT_SIZE];
	const char *const fields[] = {what, request_uid, generation, NULL};

	snprintf(generation, sizeof(generation), "%lld", (long long)anchor->generation);
	digest_short(fields, digest);
	return (base32_value(digest[0]) * 1024 + base32_value(digest[1]) * 32 +
		base32_value(digest[2])) %
	       (SPREAD_MAX + 1);
}

int64_t renewal_delay_s(const char *request_uid, const struct ledger_anchor *anchor)
{
	int64_t lifetime = anchor->expires_at - anchor->issued_at;
	int64_t percent = renewal_percent(anchor->renew_at_percent, 0);

	return lifetime * ((percent - 10) * 100 + spread("renewal", request_uid, anchor)) / 10000;
}

int64_t renewal_overdue_ms(const char *request_uid, const struct ledger_anchor *anchor,
			   int64_t left_ms)
{
	return left_ms > 0 ? left_ms / 4 * spread("overdue", request_uid, anchor) / SPREAD_MAX : 0;
}

int64_t renewal_hasten_ms(int64_t delay_ms, int64_t left_ms, int64_t least_ms)
{
	int64_t most_ms = left_ms / TRIES_LEFT;

	if (left_ms <= 0 || delay_ms <= most_ms)
		return delay_ms;
	return most_ms > least_ms ? most_ms : least_ms;
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
