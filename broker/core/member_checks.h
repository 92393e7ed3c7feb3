/* member_checks.h - looks, from time to time, whether what was made on the members is as it was
 * made.
 *
 * One list for each kind of object and member, whatever the number of requests. A list concludes
 * nothing: what it does not show as it was made becomes suspect, and a step of its access looks at
 * it. Writes nothing itself. */
#ifndef CORE_MEMBER_CHECKS_H
#define CORE_MEMBER_CHECKS_H

#include <stdint.h>

#include "core/access_executor.h"

struct access_index;
struct access_news;
struct clock;
struct member_checks;

struct member_checks_config {
	struct access_executor executor;
	const struct clock *clock;  /* borrowed, as is INDEX */
	struct access_index *index; /* the accesses that have something to lose */
	int64_t interval_ms;        /* between two looks at a member; 0: none at all */
	void (*tell)(void *context, const struct access_news *news);
	void *context;
};

struct member_checks *member_checks_new(const struct member_checks_config *config);
/* No call may be in flight any more. NULL is fine. */
void member_checks_free(struct member_checks *checks);

/* An access has a record of what was made on the member of PROFILE_KEY: it is looked at from now
 * on, until no access has. */
void member_checks_want(struct member_checks *checks, const char *profile_key);
/* The member is in another state: a look that was missed is made up for. */
void member_checks_member_changed(struct member_checks *checks, const char *profile_key);

/* Begins the looks that are due. */
void member_checks_run(struct member_checks *checks);
/* When to call run() next, monotonic; -1: only when woken. */
int64_t member_checks_next_due_ms(const struct member_checks *checks);

#endif
