/* cluster.h - the objects of one API server, as far as the core can tell it from a real one.
 *
 * Knows creation and AlreadyExists, UIDs, resourceVersions and conflicts, preconditions,
 * finalizers, JSON patches and applies of the broker's own forms; and a log of changes for watches.
 * It is for driving the core and proves nothing about Kubernetes: tests/e2e does. */
#ifndef SIMULATION_CLUSTER_H
#define SIMULATION_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kube_call.h"
#include "simulation/address.h"

struct json;
struct record;

struct thing {
	struct address address;
	const struct json *object; /* the cluster's, never changed: another one takes its place */
	const char *uid;           /* in OBJECT */
	bool ours;                 /* a broker made it */
	bool stray;                /* ... when its record was another one already */
};

/* A change that watches show. */
struct note {
	int64_t version, at_ms;
	struct address address;
	const struct json *object; /* NULL: it went */
};

struct cluster {
	const char *name; /* begins its UIDs. Borrowed */
	char uid[32];     /* of its kube-system namespace */
	struct thing **things;
	size_t count, capacity;
	struct json **kept; /* every object that it ever had: all may be shown by reference */
	size_t kept_count, kept_capacity;
	int64_t version, uids;
	struct record *record; /* of what people do; NULL: none */
	bool keeps_notes;
	struct note *notes;
	size_t note_count, note_capacity;
	const struct kube_resource *unserved; /* an API that is absent for a while; NULL: none */
	void (*noted)(void *context);         /* after a note was added */
	void *context;
};

struct answer {
	int status;
	const char *reason; /* of the Status; NULL: there is none. Static */
	const struct json
		*object; /* NULL on failure. Borrowed from the cluster, as long as that lives */
};

void cluster_init(struct cluster *cluster, const char *name);
void cluster_done(struct cluster *cluster);

/* Takes OBJECT, as long as CLUSTER lives. Borrowed. */
const struct json *cluster_keep(struct cluster *cluster, struct json *object);

/* Does what a broker asks for. */
struct answer cluster_answer(struct cluster *cluster, enum kube_verb verb,
			     const struct address *address, const struct json *body);

/* NULL: there is none. Borrowed until the next change. */
struct thing *cluster_find(const struct cluster *cluster, const struct address *address);
struct thing *cluster_find_uid(const struct cluster *cluster, const char *uid);

/* What people and other programs do. PATH is the object's. */
struct thing *cluster_put(struct cluster *cluster, const char *path, const struct json *object);
/* Changes THING into OBJECT; a change of the spec is a new generation. */
void cluster_change(struct cluster *cluster, struct thing *thing, const struct json *object);
/* Waits for finalizers. */
void cluster_delete(struct cluster *cluster, struct thing *thing);
/* Removes all its finalizers. It goes when it was deleted. */
void cluster_strip(struct cluster *cluster, struct thing *thing);

#endif
