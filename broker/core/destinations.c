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

/* One that is being asked. */
struct question {
	struct access **waiting;
	size_t count, capacity, handed_out;
};

struct destinations {
	struct store *answers;   /* struct answer by namespace */
	struct store *questions; /* struct question by namespace */
};

static void question_free(void *object)
{
	struct question *question = object;

	memory_free(question->waiting);
	memory_free(question);
}

struct destinations *destinations_new(void)
{
	struct destinations *destinations = memory_new(sizeof(*destinations));

	destinations->answers = store_new(memory_free);
	destinations->questions = store_new(question_free);
	return destinations;
}

void destinations_free(struct destinations *destinations)
{
	if (!destinations)
		return;
	store_free(destinations->answers);
	store_free(destinations->questions);
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

static void wait_for_answer(struct question *question, struct access *access)
{
	if (question->count == question->capacity) {
		question->capacity = question->capacity > 0 ? 2 * question->capacity : 8;
		question->waiting = memory_resize(question->waiting, question->capacity,
						  sizeof(*question->waiting));
	}
	question->waiting[question->count++] = access;
}

bool destinations_begin_question(struct destinations *destinations, const char *namespace,
				 struct access *access)
{
	struct question *question = store_find(destinations->questions, namespace);

	if (question) {
		wait_for_answer(question, access);
		return false;
	}
	store_put(destinations->questions, namespace, memory_new(sizeof(*question)));
	return true;
}

struct access *destinations_end_question(struct destinations *destinations, const char *namespace)
{
	struct question *question = store_find(destinations->questions, namespace);

	if (question && question->handed_out < question->count)
		return question->waiting[question->handed_out++];
	store_remove(destinations->questions, namespace);
	return NULL;
}
