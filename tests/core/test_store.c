#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <base/memory.h>
#include <base/text.h>

#include "broker/core/store.h"

static int freed;

static void free_object(void *object)
{
	freed++;
	memory_free(object);
}

static struct store *new_store(void)
{
	freed = 0;
	return store_new(free_object);
}

static bool join(void *context, const char *key, void *object)
{
	text_appendf(context, "%s=%s ", key, (const char *)object);
	return strcmp(key, "stop") != 0;
}

static void join_key(void *context, const char *key)
{
	text_appendf(context, "%s ", key);
}

static void assert_content(const struct store *store, const char *expected)
{
	cleanup_text struct text text = text_with_max(10000);

	store_each(store, join, &text);
	assert_string_equal(text_chars(&text), expected);
}

static void store_put__replaces_and_releases(void **state)
{
	struct store *store = new_store();

	(void)state;
	store_put(store, "ns/a", memory_text("1"));
	store_put(store, "ns/b", memory_text("2"));
	store_put(store, "ns/a", memory_text("3"));
	assert_int_equal(freed, 1);
	assert_int_equal(store_count(store), 2);
	assert_string_equal(store_find(store, "ns/a"), "3");
	assert_null(store_find(store, "ns/c"));
	assert_null(store_find(store, "ns"));
	store_free(store);
	assert_int_equal(freed, 3);
}

static void store_put__of_the_same_object_keeps_it(void **state)
{
	struct store *store = new_store();
	char *object = memory_text("1");

	(void)state;
	store_put(store, "a", object);
	store_put(store, "a", object);
	assert_int_equal(freed, 0);
	assert_ptr_equal(store_find(store, "a"), object);
	store_free(store);
}

static void store_put__copies_the_key(void **state)
{
	struct store *store = new_store();
	char key[] = "ns/a";

	(void)state;
	store_put(store, key, memory_text("1"));
	key[0] = 'x';
	assert_non_null(store_find(store, "ns/a"));
	store_free(store);
}

static void store_remove__says_whether_there_was_one(void **state)
{
	struct store *store = new_store();

	(void)state;
	store_put(store, "a", memory_text("1"));
	assert_true(store_remove(store, "a"));
	assert_false(store_remove(store, "a"));
	assert_int_equal(freed, 1);
	assert_int_equal(store_count(store), 0);
	store_free(store);
}

static void store_each__goes_in_order_of_arrival_and_stops(void **state)
{
	struct store *store = new_store();
	cleanup_text struct text text = text_with_max(100);

	(void)state;
	store_put(store, "z", memory_text("1"));
	store_put(store, "a", memory_text("2"));
	store_put(store, "stop", memory_text("3"));
	store_put(store, "m", memory_text("4"));
	store_put(store, "z", memory_text("5"));
	assert_false(store_each(store, join, &text));
	assert_string_equal(text_chars(&text), "z=5 a=2 stop=3 ");
	store_remove(store, "stop");
	assert_content(store, "z=5 a=2 m=4 ");
	store_remove(store, "z");
	store_remove(store, "m");
	assert_content(store, "a=2 ");
	store_put(store, "m", memory_text("6"));
	assert_content(store, "a=2 m=6 ");
	store_free(store);
}

static void store_replace__drops_what_did_not_come_again(void **state)
{
	struct store *store = new_store();
	cleanup_text struct text gone = text_with_max(100);

	(void)state;
	store_put(store, "a", memory_text("1"));
	store_put(store, "b", memory_text("1"));
	store_put(store, "c", memory_text("1"));
	store_replace_begin(store);
	store_put(store, "b", memory_text("2"));
	store_put(store, "d", memory_text("2"));
	store_replace_end(store, join_key, &gone);
	assert_string_equal(text_chars(&gone), "a c ");
	assert_content(store, "b=2 d=2 ");
	store_free(store);
}

struct lookup {
	struct store *store;
	bool found;
};

static void find_removed(void *context, const char *key)
{
	struct lookup *lookup = context;

	lookup->found = text_same(store_find(lookup->store, key), "last words");
}

static void store_replace__tells_a_key_while_its_object_is_still_there(void **state)
{
	struct lookup lookup = {.store = new_store()};

	(void)state;
	store_put(lookup.store, "a", memory_text("last words"));
	store_replace_begin(lookup.store);
	store_replace_end(lookup.store, find_removed, &lookup);
	assert_true(lookup.found);
	assert_int_equal(store_count(lookup.store), 0);
	store_free(lookup.store);
}

static void store_replace__that_was_given_up_drops_nothing(void **state)
{
	struct store *store = new_store();

	(void)state;
	store_put(store, "a", memory_text("1"));
	store_replace_begin(store);
	assert_content(store, "a=1 ");
	store_replace_begin(store);
	store_put(store, "a", memory_text("2"));
	store_replace_end(store, NULL, NULL);
	store_replace_end(store, NULL, NULL);
	assert_content(store, "a=2 ");
	store_free(store);
}

static void store_replace__takes_changes_between_begin_and_end(void **state)
{
	struct store *store = new_store();

	(void)state;
	store_put(store, "a", memory_text("1"));
	store_replace_begin(store);
	assert_true(store_remove(store, "a"));
	store_put(store, "a", memory_text("2"));
	store_replace_end(store, NULL, NULL);
	assert_content(store, "a=2 ");
	store_free(store);
}

static void store_new__without_a_free_function_owns_nothing(void **state)
{
	static int object;
	struct store *store = store_new(NULL);

	(void)state;
	store_put(store, "a", &object);
	store_put(store, "b", &object);
	store_remove(store, "a");
	store_free(store);
	store_free(NULL);
}

/* A map that cannot be wrong: an array. */
enum { KEYS = 400 };
struct model {
	int value[KEYS]; /* 0: absent */
	bool seen[KEYS];
};

static uint32_t roll(uint32_t *random)
{
	*random = *random * 1664525u + 1013904223u;
	return *random >> 8;
}

static char *number_text(int number)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", number);
	return memory_text(text);
}

static void assert_same(const struct store *store, const struct model *model)
{
	size_t count = 0;

	for (int i = 0; i < KEYS; i++) {
		char key[32];
		snprintf(key, sizeof(key), "namespace-%d/name-%d", i % 7, i);
		const char *found = store_find(store, key);
		char *expected = model->value[i] ? number_text(model->value[i]) : NULL;
		assert_true(text_same(found, expected));
		memory_free(expected);
		count += model->value[i] != 0;
	}
	assert_int_equal(store_count(store), count);
}

static void end_replacement(struct store *store, struct model *model)
{
	store_replace_end(store, NULL, NULL);
	for (int i = 0; i < KEYS; i++)
		if (!model->seen[i])
			model->value[i] = 0;
}

static void change(struct store *store, struct model *model, uint32_t *random, int step)
{
	char key[32];
	int i = (int)(roll(random) % KEYS);

	snprintf(key, sizeof(key), "namespace-%d/name-%d", i % 7, i);
	if (roll(random) % 3 > 0) {
		store_put(store, key, number_text(step));
		model->value[i] = step;
		model->seen[i] = true;
	} else {
		assert_int_equal(store_remove(store, key), model->value[i] != 0);
		model->value[i] = 0;
	}
}

static void store__agrees_with_an_array_over_random_changes(void **state)
{
	struct store *store = new_store();
	struct model model = {0};
	uint32_t random = 7;
	bool replacing = false;

	(void)state;
	for (int step = 1; step < 60000; step++) {
		change(store, &model, &random, step);
		if (step % 503 == 0) {
			if (replacing)
				end_replacement(store, &model);
			replacing = roll(&random) % 2 == 0;
			store_replace_begin(store);
			memset(model.seen, 0, sizeof(model.seen));
		}
		if (step % 997 == 0)
			assert_same(store, &model);
	}
	assert_same(store, &model);
	store_free(store);
}

static void store_departures__counts_removals_and_new_lists(void **state)
{
	struct store *store = store_new(NULL);
	uint64_t before = store_departures(store);

	(void)state;
	store_put(store, "a", &before);
	assert_int_equal(store_departures(store), before);
	store_remove(store, "not there");
	assert_int_not_equal(store_departures(store), before);
	before = store_departures(store);
	store_remove(store, "a");
	assert_int_not_equal(store_departures(store), before);
	before = store_departures(store);
	store_replace_begin(store);
	assert_int_not_equal(store_departures(store), before);
	store_free(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(store_put__replaces_and_releases),
		cmocka_unit_test(store_put__of_the_same_object_keeps_it),
		cmocka_unit_test(store_put__copies_the_key),
		cmocka_unit_test(store_remove__says_whether_there_was_one),
		cmocka_unit_test(store_each__goes_in_order_of_arrival_and_stops),
		cmocka_unit_test(store_replace__drops_what_did_not_come_again),
		cmocka_unit_test(store_replace__tells_a_key_while_its_object_is_still_there),
		cmocka_unit_test(store_replace__that_was_given_up_drops_nothing),
		cmocka_unit_test(store_replace__takes_changes_between_begin_and_end),
		cmocka_unit_test(store_new__without_a_free_function_owns_nothing),
		cmocka_unit_test(store_departures__counts_removals_and_new_lists),
		cmocka_unit_test(store__agrees_with_an_array_over_random_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
