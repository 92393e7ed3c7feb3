/* member_sweeps.h - deletes, from time to time, what this hub made on members for requests that are
 * neither there nor on record: a record was lost, or a call came late.
 *
 * For each member two lists of our objects, at least some time apart, and between them the hub
 * itself is asked for its requests and records; see core/sweep_round.h for what may go. No more
 * goes than core/sweep_budget.h allows. Touches nothing on the hub, and waits for no one. */
#ifndef CORE_MEMBER_SWEEPS_H
#define CORE_MEMBER_SWEEPS_H

#include <stdint.h>

#include "core/access_executor.h"

struct access_index;
struct access_news;
struct access_settings;
struct clock;
struct hub_state;
struct member_sweeps;

struct member_sweeps_config {
	struct kube_port hub;
	struct access_executor executor;
	const struct clock *clock; /* borrowed, as is what follows */
	const struct access_settings *settings;
	const struct hub_state *seen;
	const struct access_index *index;
	void (*tell)(void *context, const struct access_news *news);
	void *context;
};

struct member_sweeps *member_sweeps_new(const struct member_sweeps_config *config);
/* No call may be in flight any more. NULL is fine. */
void member_sweeps_free(struct member_sweeps *sweeps);

/* There is a ClusterProfile PROFILE_KEY: its member is swept from now on, until it is gone. The
 * first time comes soon. Nothing happens without an interval, or without a key of the hub. */
void member_sweeps_want(struct member_sweeps *sweeps, const char *profile_key);
/* ... each that the watch shows. */
void member_sweeps_want_all(struct member_sweeps *sweeps);
/* The member is in another state: a sweep that was missed is made up for. */
void member_sweeps_member_changed(struct member_sweeps *sweeps, const char *profile_key);

/* Begins what is due. */
void member_sweeps_run(struct member_sweeps *sweeps);
/* When to call run() next, monotonic; -1: only when woken. */
int64_t member_sweeps_next_due_ms(const struct member_sweeps *sweeps);

#endif
