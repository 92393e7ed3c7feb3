#include "core/backoff.h"

int64_t backoff_delay_ms(const struct backoff *backoff, unsigned attempts, uint32_t random)
{
	int64_t delay_ms = backoff->first_ms;

	for (unsigned i = 0; i < attempts && delay_ms > 0 && delay_ms < backoff->max_ms; i++)
		delay_ms = delay_ms > backoff->max_ms / 2 ? backoff->max_ms : delay_ms * 2;
	if (delay_ms > backoff->max_ms)
		delay_ms = backoff->max_ms;

	int64_t jitter_max_ms = delay_ms * backoff->jitter_percent / 100;
	return delay_ms + jitter_max_ms * (random % 1001) / 1000;
}
