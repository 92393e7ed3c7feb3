/* renewal.h - when a token is due to be replaced. Pure.
 *
 * From the lifetime that was granted (exp - iat), not the one asked for: members shorten it. */
#ifndef CORE_RENEWAL_H
#define CORE_RENEWAL_H

#include <stdint.h>

struct ledger_anchor;

enum {
	RENEWAL_OVERLAP_MS =
		120 * 1000, /* a delivered token lives on this long after its successor */
};

/* Seconds from issue to renewal: 60 % of the lifetime, moved by up to 10 % of it either way. The
 * same request and generation give the same answer, so that a restart changes no plan. */
int64_t renewal_delay_s(const char *request_uid, const struct ledger_anchor *anchor);

#endif
