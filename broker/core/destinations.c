#include "core/destinations.h"

#include <base/memory.h>

#include "core/store.h"

enum {
	OPEN_BELIEVED_MS = 60 * 1000,
	CLOSED_BELIEVED_MS = 10 * 1000,
};

struct answer {
	bool open;
	int64_t until_ms;
};

struct destinations {
	struct store *answers; /* struct answer by namespace */
};

struct destinations *destinations_new(void)
{
	struct destinations *destinations = memory_new(sizeof(*destinations));

	destinations->answers = store_new(memory_free);
	return destinations;
}

void destinations_free(struct destinations *destinations)
{
	if (!destinations)
		return;
	store_free(destinations->answers);
	memory_free(destinations);
}

enum destination_state destinations_state(const struct destinations *destinations,
					  const char *namespace, int64_t now_ms)
{
	const struct answer *answer = store_find(destinations->answers, namespace);

	if (!answer || answer->until_ms <= now_ms)
		return DESTINATION_UNKNOWN;
	return answer->open ? DESTINATION_OPEN : DESTINATION_CLOSED;
}

void destinations_learn(struct destinations *destinations, const char *namespace, bool open,
			int64_t now_ms)
{
	struct answer *answer = memory_new(sizeof(*answer));

	answer->open = open;
	answer->until_ms = now_ms + (open ? OPEN_BELIEVED_MS : CLOSED_BELIEVED_MS);
	store_put(destinations->answers, namespace, answer);
}
