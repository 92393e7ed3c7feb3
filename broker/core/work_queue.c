#include "core/work_queue.h"

#include <base/clock.h>
#include <base/memory.h>

#include "core/store.h"

/* Two heaps hold what waits: DUE by urgency, LATER by time. An item that is processing is in
 * neither, also when it waits for its next turn. */
struct item {
	char *key;
	int64_t due_ms;
	uint64_t arrival; /* position among items of the same priority */
	enum work_priority priority;
	bool waiting;
	bool processing;
	struct heap *heap; /* NULL: in none */
	size_t index;      /* in that heap */
};

struct heap {
	struct item **items;
	size_t count, capacity;
	bool (*before)(const struct item *a, const struct item *b);
};

struct work_queue {
	const struct clock *clock;
	struct store *items;
	struct heap due, later;
	uint64_t arrivals;
};

static bool is_more_urgent(const struct item *a, const struct item *b)
{
	return a->priority != b->priority ? a->priority < b->priority : a->arrival < b->arrival;
}

static bool is_earlier(const struct item *a, const struct item *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->arrival < b->arrival;
}

static void place(struct heap *heap, size_t index, struct item *item)
{
	heap->items[index] = item;
	item->index = index;
}

static void sift_up(struct heap *heap, struct item *item)
{
	size_t index = item->index;

	for (; index > 0; index = (index - 1) / 2) {
		struct item *parent = heap->items[(index - 1) / 2];
		if (!heap->before(item, parent))
			break;
		place(heap, index, parent);
	}
	place(heap, index, item);
}

static void sift_down(struct heap *heap, struct item *item)
{
	size_t index = item->index;

	for (;;) {
		size_t child = 2 * index + 1;
		if (child >= heap->count)
			break;
		if (child + 1 < heap->count &&
		    heap->before(heap->items[child + 1], heap->items[child]))
			child++;
		if (!heap->before(heap->items[child], item))
			break;
		place(heap, index, heap->items[child]);
		index = child;
	}
	place(heap, index, item);
}

static void heap_add(struct heap *heap, struct item *item)
{
	if (heap->count == heap->capacity) {
		heap->capacity = heap->capacity > 0 ? 2 * heap->capacity : 16;
		heap->items = memory_resize(heap->items, heap->capacity, sizeof(*heap->items));
	}
	item->heap = heap;
	place(heap, heap->count++, item);
	sift_up(heap, item);
}

static void heap_remove(struct item *item)
{
	struct heap *heap = item->heap;

	if (!heap)
		return;
	item->heap = NULL;
	struct item *last = heap->items[--heap->count];
	if (last == item)
		return;
	place(heap, item->index, last);
	sift_up(heap, last);
	sift_down(heap, last);
}

static void item_free(void *object)
{
	struct item *item = object;

	heap_remove(item);
	memory_free(item->key);
	memory_free(item);
}

static struct item *item_of(struct work_queue *queue, const char *key)
{
	struct item *item = store_find(queue->items, key);

	if (item)
		return item;
	item = memory_new(sizeof(*item));
	item->key = memory_text(key);
	store_put(queue->items, key, item);
	return item;
}

/* Puts a waiting item where it belongs now. */
static void settle(struct work_queue *queue, struct item *item)
{
	bool is_due = item->due_ms <= clock_monotonic_ms(queue->clock);

	heap_remove(item);
	if (!item->processing)
		heap_add(is_due ? &queue->due : &queue->later, item);
}

static void take_due(struct work_queue *queue)
{
	int64_t now_ms = clock_monotonic_ms(queue->clock);

	while (queue->later.count > 0 && queue->later.items[0]->due_ms <= now_ms) {
		struct item *item = queue->later.items[0];
		heap_remove(item);
		item->arrival = queue->arrivals++;
		heap_add(&queue->due, item);
	}
}

struct work_queue *work_queue_new(const struct clock *clock)
{
	struct work_queue *queue = memory_new(sizeof(*queue));

	queue->clock = clock;
	queue->items = store_new(item_free);
	queue->due.before = is_more_urgent;
	queue->later.before = is_earlier;
	return queue;
}

void work_queue_free(struct work_queue *queue)
{
	if (!queue)
		return;
	store_free(queue->items);
	memory_free(queue->due.items);
	memory_free(queue->later.items);
	memory_free(queue);
}

void work_queue_add(struct work_queue *queue, const char *key, enum work_priority priority)
{
	work_queue_add_at(queue, key, clock_monotonic_ms(queue->clock), priority);
}

void work_queue_add_at(struct work_queue *queue, const char *key, int64_t due_ms,
		       enum work_priority priority)
{
	struct item *item = item_of(queue, key);

	/* What fell due meanwhile came before this. */
	take_due(queue);
	bool was_due = item->heap == &queue->due;
	if (!item->waiting || priority < item->priority)
		item->priority = priority;
	if (!item->waiting || due_ms < item->due_ms)
		item->due_ms = due_ms;
	item->waiting = true;
	if (!was_due)
		item->arrival = queue->arrivals++;
	settle(queue, item);
}

bool work_queue_next(struct work_queue *queue, char **ret_key)
{
	take_due(queue);
	if (queue->due.count == 0)
		return false;

	struct item *item = queue->due.items[0];
	heap_remove(item);
	item->waiting = false;
	item->processing = true;
	*ret_key = memory_text(item->key);
	return true;
}

void work_queue_done(struct work_queue *queue, const char *key)
{
	struct item *item = store_find(queue->items, key);

	if (!item || !item->processing)
		return;
	item->processing = false;
	if (item->waiting) {
		item->arrival = queue->arrivals++;
		settle(queue, item);
	} else {
		store_remove(queue->items, key);
	}
}

void work_queue_forget(struct work_queue *queue, const char *key)
{
	struct item *item = store_find(queue->items, key);

	if (!item)
		return;
	heap_remove(item);
	item->waiting = false;
	if (!item->processing)
		store_remove(queue->items, key);
}

int64_t work_queue_next_due_ms(const struct work_queue *queue)
{
	if (queue->due.count > 0)
		return queue->due.items[0]->due_ms;
	return queue->later.count > 0 ? queue->later.items[0]->due_ms : -1;
}

size_t work_queue_depth(struct work_queue *queue)
{
	take_due(queue);
	return queue->due.count;
}
