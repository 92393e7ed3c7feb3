/* clock.h - what time it is; a table of functions, so that tests hold the time in their hand.
 *
 * Deadlines and schedules use monotonic time only; wall time is for timestamps that people and
 * API servers read. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

struct clock {
	int64_t (*monotonic_ms)(void *context); /* CLOCK_BOOTTIME: goes on while suspended */
	int64_t (*wall_us)(void *context);      /* microseconds since 1970, UTC */
	void *context;
};

/* The machine's clocks. Static. */
const struct clock *clock_system(void);

int64_t clock_monotonic_ms(const struct clock *clock);
int64_t clock_wall_us(const struct clock *clock);
/* Whole seconds since 1970. */
int64_t clock_wall_s(const struct clock *clock);

#endif
