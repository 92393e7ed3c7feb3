#include "core/credential_check.h"

#include <stddef.h>

#include "core/access.h"
#include "core/access_index.h"
#include "core/backoff.h"
#include "core/step_lines.h"

enum {
	AGAIN_MS = 5000,
	BUSY_MS = 1000,
	LATE_MS = 5000, /* and a tenth of the interval */
};

/* From the second one on. */
static const struct backoff pauses = {.first_ms = 60 * 1000, .max_ms = 10 * 60 * 1000};

/* 0 to WIDTH_MS. UIDs are random, but those of tests differ in their last characters only. */
static int64_t spread(const struct access *access, int64_t width_ms)
{
	uint32_t hash = 2166136261U + access->check.rounds * 2654435761U;

	for (const char *c = access->uid; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619U;
	hash = (hash ^ hash >> 16) * 0x85ebca6bU;
	hash = (hash ^ hash >> 13) * 0xc2b2ae35U;
	hash ^= hash >> 16;
	return (int64_t)((uint64_t)hash * (uint64_t)width_ms >> 32);
}

static void plan(struct access *access, int64_t at_ms)
{
	struct credential_check *check = &access->check;

	check->rounds++;
	check->has_turn = false;
	check->at_ms = at_ms;
}

void credential_check_spread(struct access *access, int64_t interval_ms, int64_t now_ms)
{
	plan(access, interval_ms > 0 ? now_ms + 1 + spread(access, interval_ms) : 0);
}

void credential_check_rest(struct access *access, int64_t interval_ms, int64_t now_ms)
{
	int64_t least_ms = interval_ms * 3 / 4;

	access->check.refusals = 0;
	plan(access, interval_ms > 0 ? now_ms + least_ms + spread(access, interval_ms / 5) : 0);
}

void credential_check_postpone(struct access *access, int64_t interval_ms, int64_t now_ms)
{
	int64_t least_ms = interval_ms / 10;

	plan(access, interval_ms > 0 ? now_ms + 1 + least_ms + spread(access, least_ms) : 0);
}

void credential_check_again(struct access *access, int64_t now_ms)
{
	plan(access, now_ms + AGAIN_MS + spread(access, AGAIN_MS / 5));
}

int64_t credential_check_pause_ms(unsigned replaced)
{
	return replaced > 1 ? backoff_delay_ms(&pauses, replaced - 2, 0) : 0;
}

static void put_back(struct access *access, struct access_index *index)
{
	access->check.idle = true;
	access_index_rest(index, access);
	access_index_add(index, access);
}

bool credential_check_gives_way(struct access *access, struct access_index *index,
				struct step_lines *lines, int64_t interval_ms, int64_t now_ms)
{
	struct credential_check *check = &access->check;

	step_lines_leave(lines, access);
	if (now_ms - check->at_ms > LATE_MS + interval_ms / 10) {
		credential_check_spread(access, interval_ms, now_ms);
		put_back(access, index);
		return true;
	}
	if (!check->has_turn) {
		check->has_turn = true;
		access_index_rest(index, access);
		access_index_add_last(index, access);
		return true;
	}
	if (step_lines_have_place(lines, access->profile_key))
		return false;
	plan(access, now_ms + BUSY_MS + spread(access, BUSY_MS));
	put_back(access, index);
	return true;
}
