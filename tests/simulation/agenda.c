#include "simulation/agenda.h"

#include <base/memory.h>

static bool is_before(const struct agenda_item *a, const struct agenda_item *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->arrival < b->arrival;
}

static void swap(struct agenda_item *a, struct agenda_item *b)
{
	struct agenda_item kept = *a;

	*a = *b;
	*b = kept;
}

void agenda_done(struct agenda *agenda)
{
	memory_free(agenda->items);
	*agenda = (struct agenda){0};
}

void agenda_add(struct agenda *agenda, int64_t at_ms, agenda_act *act, void *context,
		int64_t detail)
{
	size_t index = agenda->count++;

	if (agenda->count > agenda->capacity) {
		agenda->capacity = agenda->capacity > 0 ? 2 * agenda->capacity : 64;
		agenda->items =
			memory_resize(agenda->items, agenda->capacity, sizeof(*agenda->items));
	}
	agenda->items[index] =
		(struct agenda_item){at_ms, agenda->arrivals++, act, context, detail};
	for (; index > 0 && is_before(&agenda->items[index], &agenda->items[(index - 1) / 2]);
	     index = (index - 1) / 2)
		swap(&agenda->items[index], &agenda->items[(index - 1) / 2]);
}

int64_t agenda_next_ms(const struct agenda *agenda)
{
	return agenda->count > 0 ? agenda->items[0].at_ms : -1;
}

struct agenda_item agenda_take(struct agenda *agenda)
{
	struct agenda_item taken = agenda->items[0];
	size_t index = 0;

	agenda->items[0] = agenda->items[--agenda->count];
	for (;;) {
		size_t child = 2 * index + 1;

		if (child >= agenda->count)
			return taken;
		if (child + 1 < agenda->count &&
		    is_before(&agenda->items[child + 1], &agenda->items[child]))
			child++;
		if (!is_before(&agenda->items[child], &agenda->items[index]))
			return taken;
		swap(&agenda->items[child], &agenda->items[index]);
		index = child;
	}
}
