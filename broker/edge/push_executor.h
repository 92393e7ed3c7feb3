/* push_executor.h - carries out the core's calls by calling the members itself.
 *
 * Knows which ClusterProfile is reached through which member access Secret. Each member has a link
 * of its own: a bad one delays nobody else. */
#ifndef EDGE_PUSH_EXECUTOR_H
#define EDGE_PUSH_EXECUTOR_H

#include "core/access_executor.h"
#include "edge/member_link.h"

struct own_credentials;
struct own_credentials_config;
struct push_executor;
struct store;

/* CONFIG.changed and CONFIG.replaced are told when a profile's access comes, goes, or changes its
 * state; its other callbacks are the executor's own. */
struct push_executor *push_executor_new(const struct member_link_config *config);
/* Drops the calls in flight. NULL is fine. */
void push_executor_free(struct push_executor *executor);

/* From now on our own credentials are used where there are. Once, before accesses come. What in
 * CONFIG leads to members is set here. */
void push_executor_keep_own(struct push_executor *executor,
			    const struct own_credentials_config *config);
/* Borrowed; NULL before. */
struct own_credentials *push_executor_own(struct push_executor *executor);

/* What the watch of member access Secrets fills: struct member_access by "namespace/name". */
struct store *push_executor_accesses(struct push_executor *executor);
/* The Secret of KEY in that store was added, changed or removed. */
void push_executor_access_changed(struct push_executor *executor, const char *key);

/* What is known of a member, without a call. */
struct member_sight {
	const char *profile_key; /* borrowed */
	bool up;                 /* it answered when it was called last */
	bool clock_known;
	int64_t skew_ms; /* it is that far ahead of our wall clock */
};

/* Visits every ClusterProfile to which somebody gave access. */
void push_executor_look(const struct push_executor *executor,
			void (*visit)(void *context, const struct member_sight *member),
			void *context);

/* The executor as the core sees it. */
struct access_executor push_executor_port(struct push_executor *executor);

#endif
