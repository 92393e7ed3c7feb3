#include "core/member_clock.h"

#include <stdlib.h>
#include <string.h>

enum {
	TRIP_MAX_MS = 30 * 1000, /* beyond that, half of it says little */
	SETTLED_COUNT = 3,       /* one of them may be odd */
	STEP_MS = 60 * 1000,     /* a change that people are told */
	ROUND_S = 10,
	CALM_MS = MEMBER_CLOCK_TOLERATED_MS / 10 * 9,
};

static int compare(const void *one, const void *other)
{
	int64_t a = *(const int64_t *)one;
	int64_t b = *(const int64_t *)other;

	return (a > b) - (a < b);
}

static int64_t median(const struct member_clock *clock)
{
	int64_t sorted[MEMBER_CLOCK_SAMPLES];

	memcpy(sorted, clock->offsets_ms, sizeof(sorted));
	qsort(sorted, clock->count, sizeof(sorted[0]), compare);
	return sorted[(clock->count - 1) / 2];
}

/* A Date is cut off to seconds, and was written somewhere on the way there and back. */
bool member_clock_note(struct member_clock *clock, int64_t date_s, int64_t trip_ms, int64_t now_ms,
		       int64_t wall_ms)
{
	if (date_s < 0 || trip_ms < 0 || trip_ms > TRIP_MAX_MS)
		return false;
	clock->offsets_ms[clock->next] = date_s * 1000 + 500 - (now_ms - trip_ms / 2);
	clock->next = (clock->next + 1) % MEMBER_CLOCK_SAMPLES;
	if (clock->count < MEMBER_CLOCK_SAMPLES)
		clock->count++;
	if (clock->count >= SETTLED_COUNT ||
	    llabs(now_ms + median(clock) - wall_ms) <= MEMBER_CLOCK_TOLERATED_MS)
		clock->settled = true;
	return true;
}

bool member_clock_offset_ms(const struct member_clock *clock, int64_t *ret_ms)
{
	if (clock->settled)
		*ret_ms = median(clock);
	return clock->settled;
}

int64_t member_clock_skew_ms(const struct member_clock *clock, int64_t now_ms, int64_t wall_ms)
{
	int64_t offset_ms;

	return member_clock_offset_ms(clock, &offset_ms) ? now_ms + offset_ms - wall_ms : 0;
}

static int64_t rounded_s(int64_t ms)
{
	int64_t half = ms < 0 ? -ROUND_S * 500 : ROUND_S * 500;

	return (ms + half) / (ROUND_S * 1000) * ROUND_S;
}

bool member_clock_tell(struct member_clock *clock, int64_t now_ms, int64_t wall_ms)
{
	int64_t skew_ms = member_clock_skew_ms(clock, now_ms, wall_ms);
	int64_t limit_ms = clock->told_s == 0 ? MEMBER_CLOCK_TOLERATED_MS : CALM_MS;
	int64_t told_s = 0;

	if (llabs(skew_ms) > limit_ms)
		told_s = llabs(skew_ms - clock->told_s * 1000) > STEP_MS ? rounded_s(skew_ms)
									 : clock->told_s;
	if (told_s == clock->told_s)
		return false;
	clock->told_s = told_s;
	return true;
}
