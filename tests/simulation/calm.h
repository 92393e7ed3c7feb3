/* calm.h - since when nothing was wrong. */
#ifndef SIMULATION_CALM_H
#define SIMULATION_CALM_H

#include <stdint.h>

struct world;

/* Notes what is wrong now. */
void calm_update(struct world *world);
/* For how long the hub, all brokers, and MEMBER (-1: none) were well. */
int64_t calm_lasts_ms(const struct world *world, int member);

#endif
