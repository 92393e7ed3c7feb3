/* dice.h - numbers that depend on a seed alone. */
#ifndef SIMULATION_DICE_H
#define SIMULATION_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
	uint64_t state;
};

struct dice dice_of(uint64_t seed);
/* One that the numbers of DICE tell nothing of: for the COUNT-th time that SUBJECT is decided on.
 */
struct dice dice_for(const struct dice *dice, uint64_t subject, uint64_t count);
/* From LOW to HIGH, both included. */
int64_t dice_between(struct dice *dice, int64_t low, int64_t high);
/* True in so many of a hundred cases. */
bool dice_hits(struct dice *dice, int percent);

#endif
