#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "broker/core/access.h"
#include "broker/core/step_line.h"

enum { PLACES = 5, MANY = PLACES + 3 };

static struct step_line *line;
static struct access *accesses[MANY];

static int setup(void **state)
{
	char uid[16];

	(void)state;
	line = step_line_new(PLACES);
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
	step_line_free(line);
	return 0;
}

static void fill(void)
{
	for (int i = 0; i < PLACES; i++)
		assert_true(step_line_enter(line, accesses[i]));
}

static void step_line_enter__has_a_bounded_number_of_places(void **state)
{
	(void)state;
	fill();
	assert_false(step_line_enter(line, accesses[PLACES]));
	assert_null(step_line_call(line));
}

static void step_line_enter__lets_who_is_undone_pass(void **state)
{
	(void)state;
	fill();
	accesses[PLACES]->ending = true;
	assert_true(step_line_enter(line, accesses[PLACES]));
}

static void step_line_call__calls_in_order_for_each_place_that_is_left(void **state)
{
	(void)state;
	fill();
	for (int i = PLACES; i < MANY; i++)
		assert_false(step_line_enter(line, accesses[i]));
	step_line_leave(accesses[0]);
	assert_ptr_equal(step_line_call(line), accesses[PLACES]);
	assert_null(step_line_call(line));
	assert_false(step_line_enter(line, accesses[0])); /* the place is kept */
	assert_true(step_line_enter(line, accesses[PLACES]));
	step_line_leave(accesses[1]);
	assert_ptr_equal(step_line_call(line), accesses[PLACES + 1]);
}

static void step_line_leave__leaves_the_place_to_the_next(void **state)
{
	(void)state;
	fill();
	assert_false(step_line_enter(line, accesses[PLACES]));
	assert_false(step_line_enter(line, accesses[PLACES + 1]));
	step_line_leave(accesses[0]);
	assert_non_null(step_line_call(line));
	step_line_leave(accesses[PLACES]);
	assert_ptr_equal(step_line_call(line), accesses[PLACES + 1]);
}

static void step_line_has_place__only_where_nobody_waits(void **state)
{
	(void)state;
	assert_true(step_line_has_place(line));
	fill();
	assert_false(step_line_has_place(line));
	assert_false(step_line_enter(line, accesses[PLACES]));
	step_line_leave(accesses[0]);
	assert_false(step_line_has_place(line));
	step_line_leave(accesses[PLACES]);
	assert_true(step_line_has_place(line));
}

static void step_line_leave__takes_who_has_no_place(void **state)
{
	(void)state;
	step_line_leave(accesses[0]);
	fill();
	assert_false(step_line_enter(line, accesses[PLACES]));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(step_line_enter__has_a_bounded_number_of_places),
		TEST(step_line_enter__lets_who_is_undone_pass),
		TEST(step_line_call__calls_in_order_for_each_place_that_is_left),
		TEST(step_line_leave__leaves_the_place_to_the_next),
		TEST(step_line_has_place__only_where_nobody_waits),
		TEST(step_line_leave__takes_who_has_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
