/* fake_clock.h - a clock that stands still until the test moves it. */
#ifndef SUPPORT_FAKE_CLOCK_H
#define SUPPORT_FAKE_CLOCK_H

#include <stdint.h>

#include <base/clock.h>

struct fake_clock {
	struct clock clock; /* what is tested gets this */
	int64_t monotonic_ms;
	int64_t wall_us;
};

/* 2026-03-01T12:00:00Z, with the monotonic clock somewhere else. CLOCK must stay where it is. */
void fake_clock_init(struct fake_clock *clock);

/* Moves both. */
void fake_clock_advance(struct fake_clock *clock, int64_t ms);

#endif
