/* collector.h - the hub's garbage collector: what a request owned goes some time after it. */
#ifndef SIMULATION_COLLECTOR_H
#define SIMULATION_COLLECTOR_H

struct world;

/* The hub changed. */
void collector_wake(struct world *world);

#endif
