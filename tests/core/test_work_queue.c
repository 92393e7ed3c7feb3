#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/memory.h>
#include <base/text.h>

#include "broker/core/work_queue.h"

static int64_t now_ms;

static int64_t read_now(void *context)
{
	(void)context;
	return now_ms;
}

static const struct clock held_clock = {read_now, read_now, NULL};

static struct work_queue *new_queue(void)
{
	now_ms = 1000;
	return work_queue_new(&held_clock);
}

static void assert_next(struct work_queue *queue, const char *expected)
{
	cleanup_free char *key = NULL;

	assert_true(work_queue_next(queue, &key));
	assert_string_equal(key, expected);
}

static void assert_none(struct work_queue *queue)
{
	char *key = NULL;

	assert_false(work_queue_next(queue, &key));
	assert_null(key);
}

static void work_queue_add__hands_out_each_key_once_in_order(void **state)
{
	struct work_queue *queue = new_queue();

	(void)state;
	work_queue_add(queue, "a", WORK_NORMAL);
	work_queue_add(queue, "b", WORK_NORMAL);
	work_queue_add(queue, "a", WORK_NORMAL);
	now_ms += 5;
	work_queue_add(queue, "c", WORK_NORMAL);
	work_queue_add(queue, "a", WORK_NORMAL);
	assert_int_equal(work_queue_depth(queue), 3);
	assert_next(queue, "a");
	assert_next(queue, "b");
	assert_next(queue, "c");
	assert_none(queue);
	assert_int_equal(work_queue_depth(queue), 0);
	work_queue_free(queue);
}

static void work_queue_next__gives_no_key_to_two_workers(void **state)
{
	struct work_queue *queue = new_queue();

	(void)state;
	work_queue_add(queue, "a", WORK_NORMAL);
	assert_next(queue, "a");
	work_queue_add(queue, "a", WORK_NORMAL);
	assert_none(queue);
	assert_int_equal(work_queue_next_due_ms(queue), -1);
	work_queue_done(queue, "a");
	assert_next(queue, "a");
	work_queue_done(queue, "a");
	assert_none(queue);
	work_queue_free(queue);
}

static void work_queue_done__puts_what_came_meanwhile_behind_the_others(void **state)
{
	struct work_queue *queue = new_queue();

	(void)state;
	work_queue_add(queue, "a", WORK_NORMAL);
	assert_next(queue, "a");
	work_queue_add(queue, "a", WORK_NORMAL);
	work_queue_add(queue, "b", WORK_NORMAL);
	work_queue_done(queue, "a");
	assert_next(queue, "b");
	assert_next(queue, "a");
	work_queue_free(queue);
}

static void work_queue_done__of_what_is_not_processing_does_nothing(void **state)
{
	struct work_queue *queue = new_queue();

	(void)state;
	work_queue_done(queue, "a");
	work_queue_add(queue, "a", WORK_NORMAL);
	work_queue_done(queue, "a");
	assert_next(queue, "a");
	work_queue_free(queue);
}

static void work_queue_add_at__waits_for_its_time(void **state)
{
	struct work_queue *queue = new_queue();

	(void)state;
	assert_int_equal(work_queue_next_due_ms(queue), -1);
	work_queue_add_at(queue, "late", 3000, WORK_NORMAL);
	work_queue_add_at(queue, "soon", 2000, WORK_NORMAL);
	assert_int_equal(work_queue_next_due_ms(queue), 2000);
	assert_int_equal(work_queue_depth(queue), 0);
	now_ms = 1999;
	assert_none(queue);
	now_ms = 2000;
	assert_int_equal(work_queue_depth(queue), 1);
	assert_true(work_queue_next_due_ms(queue) <= now_ms);
	assert_next(queue, "soon");
	assert_none(queue);
	now_ms = 9000;
	assert_next(queue, "late");
	assert_int_equal(work_queue_next_due_ms(queue), -1);
	work_queue_free(queue);
}

static void work_queue_add_at__keeps_the_earlier_time(void **state)
{
	struct work_queue *queue = new_queue();

	(void)state;
	work_queue_add_at(queue, "a", 3000, WORK_NORMAL);
	work_queue_add_at(queue, "a", 5000, WORK_NORMAL);
	assert_int_equal(work_queue_next_due_ms(queue), 3000);
	work_queue_add_at(queue, "a", 2000, WORK_NORMAL);
	assert_int_equal(work_queue_next_due_ms(queue), 2000);
	work_queue_add(queue, "a", WORK_NORMAL);
	assert_next(queue, "a");
	now_ms = 9000;
	assert_none(queue);
	work_queue_free(queue);
}

static void work_queue_add_at__does_not_delay_what_is_due(void **state)
{
	struct work_queue *queue = new_queue();

	(void)state;
	work_queue_add(queue, "a", WORK_NORMAL);
	work_queue_add_at(queue, "a", 5000, WORK_NORMAL);
	assert_next(queue, "a");
	work_queue_done(queue, "a");
	now_ms = 9000;
	assert_none(queue);
	work_queue_free(queue);
}

static void work_queue_add_at__while_processing_counts_from_done(void **state)
{
	struct work_queue *queue = new_queue();

	(void)state;
	work_queue_add(queue, "a", WORK_NORMAL);
	assert_next(queue, "a");
	work_queue_add_at(queue, "a", 5000, WORK_NORMAL);
	work_queue_add_at(queue, "a", 4000, WORK_NORMAL);
	assert_int_equal(work_queue_next_due_ms(queue), -1);
	work_queue_done(queue, "a");
	assert_int_equal(work_queue_next_due_ms(queue), 4000);
	now_ms = 4000;
	assert_next(queue, "a");
	work_queue_free(queue);
}

static void work_queue_next__takes_the_more_urgent_first(void **state)
{
	struct work_queue *queue = new_queue();

	(void)state;
	work_queue_add(queue, "background", WORK_BACKGROUND);
	work_queue_add(queue, "normal 1", WORK_NORMAL);
	work_queue_add(queue, "revoke", WORK_REVOKE);
	work_queue_add(queue, "normal 2", WORK_NORMAL);
	assert_next(queue, "revoke");
	assert_next(queue, "normal 1");
	assert_next(queue, "normal 2");
	assert_next(queue, "background");
	work_queue_free(queue);
}

static void work_queue_add__keeps_the_more_urgent_priority_and_the_place(void **state)
{
	struct work_queue *queue = new_queue();

	(void)state;
	work_queue_add(queue, "a", WORK_BACKGROUND);
	work_queue_add(queue, "b", WORK_NORMAL);
	work_queue_add(queue, "a", WORK_NORMAL);
	work_queue_add(queue, "c", WORK_REVOKE);
	work_queue_add(queue, "c", WORK_BACKGROUND);
	assert_next(queue, "c");
	assert_next(queue, "a");
	assert_next(queue, "b");
	work_queue_free(queue);
}

static void work_queue_next__forgets_the_priority_of_finished_work(void **state)
{
	struct work_queue *queue = new_queue();

	(void)state;
	work_queue_add(queue, "a", WORK_REVOKE);
	assert_next(queue, "a");
	work_queue_add(queue, "a", WORK_BACKGROUND);
	work_queue_done(queue, "a");
	work_queue_add(queue, "b", WORK_NORMAL);
	assert_next(queue, "b");
	assert_next(queue, "a");
	work_queue_free(queue);
}

static void work_queue_next__finds_a_revocation_among_ten_thousand(void **state)
{
	struct work_queue *queue = new_queue();
	char key[32];

	(void)state;
	for (int i = 0; i < 10000; i++) {
		snprintf(key, sizeof(key), "background-%d", i);
		work_queue_add(queue, key, WORK_BACKGROUND);
	}
	work_queue_add_at(queue, "revoke", 1500, WORK_REVOKE);
	assert_next(queue, "background-0");
	now_ms = 1500;
	assert_next(queue, "revoke");
	assert_next(queue, "background-1");
	work_queue_free(queue);
}

static void work_queue_next__goes_by_time_among_those_that_fell_due(void **state)
{
	struct work_queue *queue = new_queue();

	(void)state;
	work_queue_add_at(queue, "third", 3000, WORK_NORMAL);
	work_queue_add_at(queue, "first", 1500, WORK_NORMAL);
	work_queue_add_at(queue, "second", 2000, WORK_NORMAL);
	work_queue_add_at(queue, "second too", 2000, WORK_NORMAL);
	now_ms = 4000;
	work_queue_add(queue, "fourth", WORK_NORMAL);
	assert_next(queue, "first");
	assert_next(queue, "second");
	assert_next(queue, "second too");
	assert_next(queue, "third");
	assert_next(queue, "fourth");
	work_queue_free(queue);
}

static void work_queue_forget__drops_what_waits(void **state)
{
	struct work_queue *queue = new_queue();

	(void)state;
	work_queue_add(queue, "due", WORK_NORMAL);
	work_queue_add_at(queue, "later", 2000, WORK_NORMAL);
	work_queue_forget(queue, "due");
	work_queue_forget(queue, "later");
	work_queue_forget(queue, "unknown");
	now_ms = 9000;
	assert_none(queue);
	assert_int_equal(work_queue_next_due_ms(queue), -1);
	work_queue_free(queue);
}

static void work_queue_forget__while_processing_drops_what_came_meanwhile(void **state)
{
	struct work_queue *queue = new_queue();

	(void)state;
	work_queue_add(queue, "a", WORK_NORMAL);
	assert_next(queue, "a");
	work_queue_add(queue, "a", WORK_NORMAL);
	work_queue_forget(queue, "a");
	work_queue_add_at(queue, "b", 5000, WORK_NORMAL);
	assert_none(queue);
	work_queue_done(queue, "a");
	assert_none(queue);
	work_queue_add(queue, "a", WORK_NORMAL);
	assert_next(queue, "a");
	work_queue_free(queue);
	work_queue_free(NULL);
}

static void work_queue_add__takes_long_keys(void **state)
{
	struct work_queue *queue = new_queue();
	char key[601];

	(void)state;
	memset(key, 'k', sizeof(key));
	key[600] = '\0';
	work_queue_add(queue, key, WORK_NORMAL);
	assert_next(queue, key);
	work_queue_free(queue);
}

/* A queue that cannot be wrong: an array that is searched. */
enum { KEYS = 60 };
struct model_item {
	bool waiting, processing, is_due;
	int64_t due_ms;
	enum work_priority priority;
	uint64_t arrival;
};
struct model {
	struct model_item items[KEYS];
	uint64_t arrivals;
};

static bool comes_first(const struct model_item *a, const struct model_item *b)
{
	return a->priority != b->priority ? a->priority < b->priority : a->arrival < b->arrival;
}

/* What fell due takes its place in order of time. */
static void model_take_due(struct model *model)
{
	for (;;) {
		struct model_item *first = NULL;
		for (int i = 0; i < KEYS; i++) {
			struct model_item *item = &model->items[i];
			if (!item->waiting || item->processing || item->is_due ||
			    item->due_ms > now_ms)
				continue;
			if (!first || item->due_ms < first->due_ms ||
			    (item->due_ms == first->due_ms && item->arrival < first->arrival))
				first = item;
		}
		if (!first)
			return;
		first->is_due = true;
		first->arrival = model->arrivals++;
	}
}

static void model_add(struct model *model, int key, int64_t due_ms, enum work_priority priority)
{
	struct model_item *item = &model->items[key];

	model_take_due(model);
	if (!item->waiting || priority < item->priority)
		item->priority = priority;
	if (!item->waiting || due_ms < item->due_ms)
		item->due_ms = due_ms;
	item->waiting = true;
	if (item->is_due)
		return;
	item->arrival = model->arrivals++;
	item->is_due = !item->processing && item->due_ms <= now_ms;
}

static int model_next(struct model *model)
{
	int best = -1;

	model_take_due(model);
	for (int i = 0; i < KEYS; i++)
		if (model->items[i].is_due &&
		    (best < 0 || comes_first(&model->items[i], &model->items[best])))
			best = i;
	if (best >= 0) {
		model->items[best].waiting = model->items[best].is_due = false;
		model->items[best].processing = true;
	}
	return best;
}

static void model_done(struct model *model, int key)
{
	struct model_item *item = &model->items[key];

	if (!item->processing)
		return;
	item->processing = false;
	item->arrival = model->arrivals++;
	item->is_due = item->waiting && item->due_ms <= now_ms;
}

static uint32_t roll(uint32_t *random, uint32_t below)
{
	*random = *random * 1664525u + 1013904223u;
	return (*random >> 8) % below;
}

static void compare_next(struct work_queue *queue, struct model *model)
{
	char expected[16];
	int best = model_next(model);

	snprintf(expected, sizeof(expected), "key-%d", best);
	if (best < 0)
		assert_none(queue);
	else
		assert_next(queue, expected);
}

static void change(struct work_queue *queue, struct model *model, uint32_t *random)
{
	int number = (int)roll(random, KEYS);
	enum work_priority priority = (enum work_priority)roll(random, 3);
	int64_t due_ms = now_ms + roll(random, 50) - 10;
	char key[16];

	snprintf(key, sizeof(key), "key-%d", number);
	switch (roll(random, 7)) {
	case 0:
		work_queue_add(queue, key, priority);
		model_add(model, number, now_ms, priority);
		break;
	case 1:
	case 2:
		work_queue_add_at(queue, key, due_ms, priority);
		model_add(model, number, due_ms, priority);
		break;
	case 3:
		work_queue_forget(queue, key);
		model->items[number].waiting = model->items[number].is_due = false;
		break;
	case 4:
		now_ms += 3;
		break;
	default:
		work_queue_done(queue, key);
		model_done(model, number);
		compare_next(queue, model);
		break;
	}
}

static void work_queue__agrees_with_an_array_over_random_changes(void **state)
{
	struct work_queue *queue = new_queue();
	struct model model = {0};
	uint32_t random = 3;

	(void)state;
	for (int step = 0; step < 100000; step++)
		change(queue, &model, &random);
	work_queue_free(queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(work_queue_add__hands_out_each_key_once_in_order),
		cmocka_unit_test(work_queue_next__gives_no_key_to_two_workers),
		cmocka_unit_test(work_queue_done__puts_what_came_meanwhile_behind_the_others),
		cmocka_unit_test(work_queue_done__of_what_is_not_processing_does_nothing),
		cmocka_unit_test(work_queue_add_at__waits_for_its_time),
		cmocka_unit_test(work_queue_add_at__keeps_the_earlier_time),
		cmocka_unit_test(work_queue_add_at__does_not_delay_what_is_due),
		cmocka_unit_test(work_queue_add_at__while_processing_counts_from_done),
		cmocka_unit_test(work_queue_next__takes_the_more_urgent_first),
		cmocka_unit_test(work_queue_add__keeps_the_more_urgent_priority_and_the_place),
		cmocka_unit_test(work_queue_next__forgets_the_priority_of_finished_work),
		cmocka_unit_test(work_queue_next__finds_a_revocation_among_ten_thousand),
		cmocka_unit_test(work_queue_next__goes_by_time_among_those_that_fell_due),
		cmocka_unit_test(work_queue_forget__drops_what_waits),
		cmocka_unit_test(work_queue_forget__while_processing_drops_what_came_meanwhile),
		cmocka_unit_test(work_queue_add__takes_long_keys),
		cmocka_unit_test(work_queue__agrees_with_an_array_over_random_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
