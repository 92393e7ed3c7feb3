#include "simulation/dice.h"

/* SplitMix64: a neighbouring seed gives other numbers from the first one on. */
static uint64_t next(struct dice *dice)
{
	uint64_t mixed = dice->state += 0x9e3779b97f4a7c15U;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9U;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebU;
	return mixed ^ mixed >> 31;
}

struct dice dice_of(uint64_t seed)
{
	return (struct dice){.state = seed};
}

int64_t dice_between(struct dice *dice, int64_t low, int64_t high)
{
	return low + (int64_t)(next(dice) % (uint64_t)(high - low + 1));
}

bool dice_hits(struct dice *dice, int percent)
{
	return dice_between(dice, 0, 99) < percent;
}

struct dice dice_for(const struct dice *dice, uint64_t subject, uint64_t count)
{
	struct dice mixed = {.state = dice->state ^ subject};

	mixed.state = next(&mixed) ^ count;
	mixed.state = next(&mixed);
	return mixed;
}
