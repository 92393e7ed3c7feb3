/* feed.h - the watch of one resource of the hub by one broker: late, interrupted, sometimes short.
 */
#ifndef SIMULATION_FEED_H
#define SIMULATION_FEED_H

#include <stdbool.h>
#include <stdint.h>

enum { FEED_COUNT = 6 };

struct kube_resource;
struct process;

struct feed {
	struct process *process;
	const struct kube_resource *resource;
	int64_t version; /* what the store holds */
	bool listed;     /* the stream runs */
	bool synced;     /* there was a first complete list */
	bool is_short;   /* the last list left something out */
};

/* Lists first. The process has its controller. */
void feed_start(struct feed *feed, struct process *process, int index);
/* The hub changed: it will be shown. */
void feed_wake(struct feed *feed);
/* The stream breaks; after a while it is listed anew. */
void feed_break(struct feed *feed);
/* False while the store may be wrong. */
bool feed_is_true(const struct feed *feed);

#endif
