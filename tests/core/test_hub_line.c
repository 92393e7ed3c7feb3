#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "broker/core/access.h"
#include "broker/core/hub_line.h"

enum { MANY = HUB_LINE_PLACES + 3 };

static struct hub_line line;
static struct access *accesses[MANY];

static int setup(void **state)
{
	char uid[16];

	(void)state;
	hub_line_init(&line);
	for (int i = 0; i < MANY; i++) {
		snprintf(uid, sizeof(uid), "uid-%d", i);
		accesses[i] = access_new(uid, "team-a/reader");
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < MANY; i++)
		access_free(accesses[i]);
	hub_line_done(&line);
	return 0;
}

static void fill(void)
{
	for (int i = 0; i < HUB_LINE_PLACES; i++)
		assert_true(hub_line_enter(&line, accesses[i]));
}

static void hub_line_enter__has_a_bounded_number_of_places(void **state)
{
	(void)state;
	fill();
	assert_false(hub_line_enter(&line, accesses[HUB_LINE_PLACES]));
	assert_null(hub_line_call(&line));
}

static void hub_line_enter__lets_who_is_undone_pass(void **state)
{
	(void)state;
	fill();
	accesses[HUB_LINE_PLACES]->ending = true;
	assert_true(hub_line_enter(&line, accesses[HUB_LINE_PLACES]));
}

static void hub_line_call__calls_in_order_for_each_place_that_is_left(void **state)
{
	(void)state;
	fill();
	for (int i = HUB_LINE_PLACES; i < MANY; i++)
		assert_false(hub_line_enter(&line, accesses[i]));
	hub_line_leave(&line, accesses[0]);
	assert_ptr_equal(hub_line_call(&line), accesses[HUB_LINE_PLACES]);
	assert_null(hub_line_call(&line));
	assert_false(hub_line_enter(&line, accesses[0])); /* the place is kept */
	assert_true(hub_line_enter(&line, accesses[HUB_LINE_PLACES]));
	hub_line_leave(&line, accesses[1]);
	assert_ptr_equal(hub_line_call(&line), accesses[HUB_LINE_PLACES + 1]);
}

static void hub_line_give_up__leaves_the_place_to_the_next(void **state)
{
	(void)state;
	fill();
	assert_false(hub_line_enter(&line, accesses[HUB_LINE_PLACES]));
	assert_false(hub_line_enter(&line, accesses[HUB_LINE_PLACES + 1]));
	hub_line_leave(&line, accesses[0]);
	assert_non_null(hub_line_call(&line));
	hub_line_give_up(&line, accesses[HUB_LINE_PLACES]);
	assert_ptr_equal(hub_line_call(&line), accesses[HUB_LINE_PLACES + 1]);
}

static void hub_line_leave__takes_who_has_no_place(void **state)
{
	(void)state;
	hub_line_leave(&line, accesses[0]);
	fill();
	assert_false(hub_line_enter(&line, accesses[HUB_LINE_PLACES]));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hub_line_enter__has_a_bounded_number_of_places),
		TEST(hub_line_enter__lets_who_is_undone_pass),
		TEST(hub_line_call__calls_in_order_for_each_place_that_is_left),
		TEST(hub_line_give_up__leaves_the_place_to_the_next),
		TEST(hub_line_leave__takes_who_has_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
