#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/core/destinations.h"

static struct destinations *destinations;

static int setup(void **state)
{
	(void)state;
	destinations = destinations_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	destinations_free(destinations);
	return 0;
}

static void assert_state(const char *namespace, int64_t now_ms, enum destination_state expected)
{
	assert_int_equal(destinations_state(destinations, namespace, now_ms), expected);
}

static void destinations_state__is_unknown_before_it_was_asked(void **state)
{
	(void)state;
	assert_state("team-a", 0, DESTINATION_UNKNOWN);
}

static void destinations_learn__is_believed_for_a_minute_when_open(void **state)
{
	(void)state;
	destinations_learn(destinations, "team-a", true, 1000);
	assert_state("team-a", 1000, DESTINATION_OPEN);
	assert_state("team-a", 60999, DESTINATION_OPEN);
	assert_state("team-a", 61000, DESTINATION_UNKNOWN);
}

static void destinations_learn__is_believed_for_ten_seconds_when_closed(void **state)
{
	(void)state;
	destinations_learn(destinations, "team-a", false, 1000);
	assert_state("team-a", 1000, DESTINATION_CLOSED);
	assert_state("team-a", 10999, DESTINATION_CLOSED);
	assert_state("team-a", 11000, DESTINATION_UNKNOWN);
}

static void destinations_learn__replaces_what_was_believed(void **state)
{
	(void)state;
	destinations_learn(destinations, "team-a", true, 0);
	destinations_learn(destinations, "team-a", false, 5000);
	assert_state("team-a", 5000, DESTINATION_CLOSED);
	destinations_learn(destinations, "team-a", true, 6000);
	assert_state("team-a", 65999, DESTINATION_OPEN);
}

static void destinations_learn__says_nothing_of_other_namespaces(void **state)
{
	(void)state;
	destinations_learn(destinations, "team-a", true, 0);
	destinations_learn(destinations, "team-b", false, 0);
	assert_state("team-a", 1, DESTINATION_OPEN);
	assert_state("team-b", 1, DESTINATION_CLOSED);
	assert_state("team", 1, DESTINATION_UNKNOWN);
}

/* Only compared. */
static struct access *number(uintptr_t n)
{
	return (struct access *)n;
}

static void destinations_begin_question__lets_one_ask_for_a_namespace(void **state)
{
	(void)state;
	assert_true(destinations_begin_question(destinations, "team-a", number(1)));
	assert_false(destinations_begin_question(destinations, "team-a", number(2)));
	assert_true(destinations_begin_question(destinations, "team-b", number(3)));
}

static void destinations_end_question__hands_out_each_that_waited_once(void **state)
{
	uintptr_t sum = 0;
	struct access *waiting;

	(void)state;
	for (uintptr_t n = 0; n <= 20; n++)
		destinations_begin_question(destinations, "team-a", number(n));
	while ((waiting = destinations_end_question(destinations, "team-a")) != NULL)
		sum += (uintptr_t)waiting;
	assert_int_equal(sum, 20 * 21 / 2);
	assert_true(destinations_begin_question(destinations, "team-a", number(1)));
	assert_null(destinations_end_question(destinations, "team-a"));
}

static void destinations_free__takes_nothing(void **state)
{
	(void)state;
	destinations_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(destinations_state__is_unknown_before_it_was_asked,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			destinations_learn__is_believed_for_a_minute_when_open, setup, teardown),
		cmocka_unit_test_setup_teardown(
			destinations_learn__is_believed_for_ten_seconds_when_closed, setup,
			teardown),
		cmocka_unit_test_setup_teardown(destinations_learn__replaces_what_was_believed,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			destinations_learn__says_nothing_of_other_namespaces, setup, teardown),
		cmocka_unit_test_setup_teardown(
			destinations_begin_question__lets_one_ask_for_a_namespace, setup, teardown),
		cmocka_unit_test_setup_teardown(
			destinations_end_question__hands_out_each_that_waited_once, setup,
			teardown),
		cmocka_unit_test(destinations_free__takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
