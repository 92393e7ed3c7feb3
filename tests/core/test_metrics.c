#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/memory.h>

#include "broker/core/metrics.h"

static struct metrics *page;

static int setup(void **state)
{
	(void)state;
	page = metrics_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	metrics_free(page);
	return 0;
}

static void assert_has(const char *lines)
{
	cleanup_free char *text = metrics_render(page);

	if (!strstr(text, lines))
		fail_msg("no\n%s\nin\n%s", lines, text);
}

static void metrics_render__has_help_and_type_of_each_metric_once(void **state)
{
	cleanup_free char *text = metrics_render(page);
	int types = 0;

	(void)state;
	for (const char *at = text; (at = strstr(at, "# TYPE credbroker_")); at++) {
		const char *name = at + strlen("# TYPE ");
		const char *end = strchr(name, ' ');
		cleanup_free char *again = memory_bytes(at, (size_t)(end + 1 - at));

		assert_null(strstr(end, again));
		assert_int_equal(strncmp(end - 6, "_total", 6) == 0,
				 strncmp(end, " counter\n", 9) == 0);
		assert_true(strncmp(end, " counter\n", 9) == 0 || strncmp(end, " gauge\n", 7) == 0);
		types++;
	}
	assert_int_equal(types, METRIC_COUNT);
	assert_int_equal(text[strlen(text) - 1], '\n');
}

static void metrics_add__writes_samples_below_their_type(void **state)
{
	(void)state;
	metrics_add(page, METRIC_MEMBER_CLOCK_SKEW, "fleet/one", -900.25);
	metrics_add(page, METRIC_MINTS, NULL, 9007199254740991.0);
	metrics_add(page, METRIC_MEMBER_CLOCK_SKEW, "fleet/two", 0);
	assert_has("# TYPE credbroker_member_clock_skew_seconds gauge\n"
		   "credbroker_member_clock_skew_seconds{cluster_profile=\"fleet/one\"} -900.25\n"
		   "credbroker_member_clock_skew_seconds{cluster_profile=\"fleet/two\"} 0\n# HELP");
	assert_has("\ncredbroker_mints_total 9007199254740991\n");
}

static void metrics_add__escapes_what_ends_a_label(void **state)
{
	(void)state;
	metrics_add(page, METRIC_MEMBER_UP, "a\"} 1\nb\\c", 1);
	assert_has("credbroker_member_up{cluster_profile=\"a\\\"} 1\\nb\\\\c\"} 1\n");
}

static void metrics_add__leaves_out_and_counts_what_is_too_much(void **state)
{
	char name[32];

	(void)state;
	for (int i = 0; i < METRIC_SERIES_MAX + 7; i++) {
		snprintf(name, sizeof(name), "fleet/m%d", i);
		metrics_add(page, METRIC_MEMBER_UP, name, 1);
	}
	assert_has("{cluster_profile=\"fleet/m4999\"} 1\n# HELP");
	metrics_free(page);
	setup(NULL);
	for (int i = 0; i < METRIC_SERIES_MAX + 7; i++)
		metrics_add(page, METRIC_MEMBER_UP, "m", 1);
	assert_has("credbroker_metrics_series_dropped 7\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(metrics_render__has_help_and_type_of_each_metric_once),
		TEST(metrics_add__writes_samples_below_their_type),
		TEST(metrics_add__escapes_what_ends_a_label),
		TEST(metrics_add__leaves_out_and_counts_what_is_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
