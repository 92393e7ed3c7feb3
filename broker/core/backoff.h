/* backoff.h - how long to wait before the next try. Pure: randomness comes in as a number. */
#ifndef CORE_BACKOFF_H
#define CORE_BACKOFF_H

#include <stdint.h>

struct backoff {
	int64_t first_ms;        /* after the first failure; doubles with each one more */
	int64_t max_ms;          /* of the delay without its jitter */
	unsigned jitter_percent; /* of the delay: what may be added to it */
};

/* The delay after a failure. ATTEMPTS counts the failures in a row before it: 0 for the first.
 * RANDOM is any number, evenly spread; it chooses the jitter. */
int64_t backoff_delay_ms(const struct backoff *backoff, unsigned attempts, uint32_t random);

#endif
