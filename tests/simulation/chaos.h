/* chaos.h - what people, networks and machines do to the world, drawn from its seed. */
#ifndef SIMULATION_CHAOS_H
#define SIMULATION_CHAOS_H

struct world;

/* Policies, profiles, a template, some requests, some objects of others; the brokers start. */
void chaos_begin(struct world *world);
/* One thing happens. */
void chaos_strike(struct world *world);
/* All is well again, on the other cluster of each member as well, and all requests are deleted. */
/* All becomes well, the broker is started again, and the world comes to rest. */
void chaos_rest(struct world *world);
void chaos_end(struct world *world);

#endif
