/* hand_over.h - a second broker begins while the first still works, in worlds that have two. */
#ifndef SIMULATION_HAND_OVER_H
#define SIMULATION_HAND_OVER_H

struct world;

/* The one that works ends up to HAND_OVER_MAX_MS after the other one has begun. Before, it may have
 * stood still for a while; the watches of both may lag. Nothing, while there are two. */
void hand_over(struct world *world);
/* A broker begins, unless one works. */
void hand_over_begin(struct world *world, int index);
/* How many work. */
int hand_over_count(const struct world *world);

#endif
