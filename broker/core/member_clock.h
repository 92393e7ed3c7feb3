/* member_clock.h - what time a member has, by the Date of its replies. Pure.
 *
 * Kept as an offset from our monotonic clock, so that a jump of our own wall clock changes nothing
 * of what is known. The median of the last few replies counts: one odd reply decides nothing. */
#ifndef CORE_MEMBER_CLOCK_H
#define CORE_MEMBER_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum {
	MEMBER_CLOCK_SAMPLES = 5,
	MEMBER_CLOCK_TOLERATED_MS = 5 * 60 * 1000,
};

/* Zeroed: nothing is known. */
struct member_clock {
	int64_t offsets_ms[MEMBER_CLOCK_SAMPLES]; /* of the last replies, in a ring */
	unsigned count, next;
	bool settled;   /* what is known may be acted on */
	int64_t told_s; /* by how much it is ahead of ours, as people are told; 0: it is not */
};

/* A reply with DATE_S (-1: without one) came at NOW_MS (monotonic), when our wall clock showed
 * WALL_MS, TRIP_MS after its request was sent. False: it tells nothing. The clock is settled when
 * it is in order, or several replies have said that it is not. */
bool member_clock_note(struct member_clock *clock, int64_t date_s, int64_t trip_ms, int64_t now_ms,
		       int64_t wall_ms);

/* The member's time less our monotonic one. False: not settled yet. */
bool member_clock_offset_ms(const struct member_clock *clock, int64_t *ret_ms);

/* By how much it is ahead of our wall clock, which shows WALL_MS at NOW_MS; 0 when not settled. */
int64_t member_clock_skew_ms(const struct member_clock *clock, int64_t now_ms, int64_t wall_ms);

/* Decides what people are told: a skew above the tolerated one, in tens of seconds, until it is a
 * tenth below; small changes of it are not told. True when that is another than before. */
bool member_clock_tell(struct member_clock *clock, int64_t now_ms, int64_t wall_ms);

#endif
