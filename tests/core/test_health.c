#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/memory.h>

#include "broker/core/health.h"

static void assert_text(const struct health *health, enum health_probe probe, bool verbose,
			const char *expected)
{
	cleanup_free char *text =
		health_text(health, probe, probe == HEALTH_LIVE ? "livez" : "readyz", verbose);

	assert_string_equal(text, expected);
}

static void health_text__is_short_unless_something_is_wrong(void **state)
{
	struct health health = {0};

	(void)state;
	health_set(&health, HEALTH_LIVE, "loop", true, "stuck");
	health_set(&health, HEALTH_READY, "hub", true, "away");
	assert_text(&health, HEALTH_LIVE, false, "ok");
	assert_text(&health, HEALTH_LIVE, true, "[+]loop ok\nlivez check passed\n");
	assert_text(&health, HEALTH_READY, false, "ok");
	assert_text(&health, HEALTH_READY, true, "[+]loop ok\n[+]hub ok\nreadyz check passed\n");
	health_set(&health, HEALTH_READY, "hub", false, "away");
	assert_text(&health, HEALTH_READY, false,
		    "[+]loop ok\n[-]hub failed: away\nreadyz check failed\n");
	assert_text(&health, HEALTH_LIVE, false, "ok");
}

static void health_set__changes_the_check_of_that_name(void **state)
{
	struct health health = {0};

	(void)state;
	health_set(&health, HEALTH_READY, "a", false, "one");
	health_set(&health, HEALTH_READY, "b", true, NULL);
	health_set(&health, HEALTH_READY, "a", false, "two");
	assert_int_equal(health.count, 2);
	assert_text(&health, HEALTH_READY, true,
		    "[-]a failed: two\n[+]b ok\nreadyz check failed\n");
	health_set(&health, HEALTH_READY, "a", true, NULL);
	assert_true(health_is_ok(&health, HEALTH_READY));
}

static void health_remark__is_said_where_the_check_is_ok(void **state)
{
	struct health health = {0};

	(void)state;
	health_set(&health, HEALTH_READY, "a", true, NULL);
	health_remark(&health, "a", "standing by");
	assert_text(&health, HEALTH_READY, true, "[+]a ok: standing by\nreadyz check passed\n");
	health_set(&health, HEALTH_READY, "a", false, "one");
	assert_text(&health, HEALTH_READY, true, "[-]a failed: one\nreadyz check failed\n");
}

static void health_is_ok__holds_for_ready_only_while_it_is_live(void **state)
{
	struct health health = {0};

	(void)state;
	assert_true(health_is_ok(&health, HEALTH_LIVE));
	health_set(&health, HEALTH_LIVE, "loop", false, "stuck");
	assert_false(health_is_ok(&health, HEALTH_LIVE));
	assert_false(health_is_ok(&health, HEALTH_READY));
}

static void health_text__has_room_for_all_checks(void **state)
{
	static const char reason[] = "a reason that has about as many words as they have here";
	struct health health = {0};
	cleanup_free char *text = NULL;
	char name[HEALTH_NAME_MAX];

	(void)state;
	for (int i = 0; i < HEALTH_CHECKS_MAX; i++) {
		snprintf(name, sizeof(name), "%0*d", HEALTH_NAME_MAX - 1, i);
		health_set(&health, HEALTH_READY, name, false, reason);
	}
	text = health_text(&health, HEALTH_READY, "readyz", true);
	assert_non_null(strstr(text, "readyz check failed\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(health_text__is_short_unless_something_is_wrong),
		cmocka_unit_test(health_set__changes_the_check_of_that_name),
		cmocka_unit_test(health_remark__is_said_where_the_check_is_ok),
		cmocka_unit_test(health_is_ok__holds_for_ready_only_while_it_is_live),
		cmocka_unit_test(health_text__has_room_for_all_checks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
