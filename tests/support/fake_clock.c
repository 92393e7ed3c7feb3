#include "support/fake_clock.h"

static int64_t monotonic_ms(void *context)
{
	return ((struct fake_clock *)context)->monotonic_ms;
}

static int64_t wall_us(void *context)
{
	return ((struct fake_clock *)context)->wall_us;
}

void fake_clock_init(struct fake_clock *clock)
{
	*clock = (struct fake_clock){
		.clock = {.monotonic_ms = monotonic_ms, .wall_us = wall_us, .context = clock},
		.monotonic_ms = 7000000,
		.wall_us = 1772366400LL * 1000000,
	};
}

void fake_clock_advance(struct fake_clock *clock, int64_t ms)
{
	clock->monotonic_ms += ms;
	clock->wall_us += ms * 1000;
}
