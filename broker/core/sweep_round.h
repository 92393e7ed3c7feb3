/* sweep_round.h - what one sweep of one member has found so far, and what of that may go. Pure.
 *
 * An object may go when two whole lists of the member show it, its mark proves that we made it, and
 * neither the hub, asked between the two, nor anything that this process knows has its request or a
 * record of it. In doubt it stays. */
#ifndef CORE_SWEEP_ROUND_H
#define CORE_SWEEP_ROUND_H

#include <stdbool.h>
#include <stddef.h>

struct access_index;
struct hub_census;
struct hub_state;
struct json;
struct kube_resource;
struct secret;
struct store;
struct stray;

/* What is known without asking. All of it is borrowed. */
struct sweep_ground {
	const char *hub_id;
	const char *namespace; /* of the records */
	const struct secret *key;
	const struct hub_state *seen;
	const struct access_index *index;
};

/* One list of the member. */
struct sweep_scope {
	const struct kube_resource *resource;
	char *namespace; /* NULL: all */
};

struct sweep_round {
	struct store *strays; /* struct stray by UID */
	struct hub_census *census;
	struct sweep_scope *scopes;
	size_t scope_count;
	size_t scope;    /* being listed */
	bool second;     /* it is the second list */
	size_t ours;     /* with our mark; of the second list, whether they have a record or not */
	size_t unproven; /* without our mark and without a record */
	size_t deleted;
};

/* Where objects of ours may be. A binding that is found adds the namespace of its ServiceAccount.
 */
void sweep_round_begin(struct sweep_round *round, const char *identity_namespace,
		       const struct hub_state *seen);
/* Begins its second list. */
void sweep_round_repeat(struct sweep_round *round);
/* Fine when zeroed, and twice. */
void sweep_round_done(struct sweep_round *round);

/* ITEM is shown by the list of the present scope. */
void sweep_round_take(struct sweep_round *round, const struct sweep_ground *ground,
		      const struct json *item);

/* The next to be deleted; NULL: there is none. Borrowed. */
struct stray *sweep_round_next(const struct sweep_round *round, const struct sweep_ground *ground);
/* How many there are. */
size_t sweep_round_left(const struct sweep_round *round, const struct sweep_ground *ground);

#endif
