/* renewal.h - when a token is due to be replaced. Pure.
 *
 * From the lifetime that was granted (exp - iat), not the one asked for: members shorten it. */
#ifndef CORE_RENEWAL_H
#define CORE_RENEWAL_H

#include <stdbool.h>
#include <stdint.h>

struct ledger_anchor;

enum {
	RENEWAL_PERCENT_LEAST = 30, /* of the lifetime that was granted */
	RENEWAL_PERCENT_DEFAULT = 60,
	RENEWAL_PERCENT_MOST = 80,
	RENEWAL_OVERLAP_MS =
		120 * 1000, /* a delivered token lives on this long after its successor */
};

/* The percentage that counts: that of the policy comes before that of the operator; 0 is neither.
 */
int64_t renewal_percent(int64_t of_policy, int64_t of_operator);

/* Seconds from issue to renewal: the percentage of the lifetime that is on record, else
 * RENEWAL_PERCENT_DEFAULT, moved by up to 10 % of the lifetime either way. The
 * same request and generation give the same answer, so that a restart changes no plan. */
int64_t renewal_delay_s(const char *request_uid, const struct ledger_anchor *anchor);

/* How long one waits that is due when the process starts, and whose token expires in LEFT_MS: up to
 * a quarter of that, because many may have become due while nobody was there. */
int64_t renewal_overdue_ms(const char *request_uid, const struct ledger_anchor *anchor,
			   int64_t left_ms);

/* DELAY_MS, or less, so that several more tries fit into LEFT_MS, when the delivered token expires
 * (0 or less: it is too late), but not less than LEAST_MS. */
int64_t renewal_hasten_ms(int64_t delay_ms, int64_t left_ms, int64_t least_ms);

/* The rotation, as a time in seconds, that a token minted at NOW_S carries out for good when
 * ROTATE_AT_S is asked for (0: none) and PREVIOUS is the anchor before (NULL: none): the latest
 * that is due. */
int64_t renewal_rotates_for(int64_t rotate_at_s, const struct ledger_anchor *previous,
			    int64_t now_s);

/* True when the token of ANCHOR does not carry out ROTATE_AT_S. */
bool renewal_is_rotation(int64_t rotate_at_s, const struct ledger_anchor *anchor);

#endif
