/* access_tally.h - counts what was done and what there is to do, over all requests. Pure. */
#ifndef CORE_ACCESS_TALLY_H
#define CORE_ACCESS_TALLY_H

#include <stdint.h>

struct access;
struct store;

struct access_tally {
	uint64_t mints, revocations; /* since the process began */
	uint64_t issued, waiting, ending;
	uint64_t pending; /* those that end and have something on record */
};

/* The step of ACCESS is over. */
void access_tally_step(struct access_tally *tally, const struct access *access);

/* Counts ACCESSES anew, as they are at NOW_MS (monotonic). */
void access_tally_count(struct access_tally *tally, const struct store *accesses, int64_t now_ms);

#endif
