#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/core/backoff.h"
#include <cmocka.h>

static const struct backoff plain = {.first_ms = 500, .max_ms = 30000};
static const struct backoff jittered = {.first_ms = 1000, .max_ms = 8000, .jitter_percent = 50};

static void backoff_delay_ms__doubles_up_to_the_cap(void **state)
{
	static const int64_t expected[] = {500, 1000, 2000, 4000, 8000, 16000, 30000, 30000};

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		assert_true(backoff_delay_ms(&plain, i, 12345) == expected[i]);
	assert_true(backoff_delay_ms(&plain, UINT32_MAX, UINT32_MAX) == 30000);
}

static void backoff_delay_ms__adds_jitter_within_its_share(void **state)
{
	int64_t least = INT64_MAX;
	int64_t most = 0;

	(void)state;
	for (uint32_t random = 0; random < 5000; random++) {
		int64_t delay_ms = backoff_delay_ms(&jittered, 1, random * 2654435761u);
		least = delay_ms < least ? delay_ms : least;
		most = delay_ms > most ? delay_ms : most;
	}
	assert_in_range(least, 2000, 2020);
	assert_in_range(most, 2980, 3000);
}

static void backoff_delay_ms__adds_jitter_above_the_cap_too(void **state)
{
	(void)state;
	assert_true(backoff_delay_ms(&jittered, 10, 0) == 8000);
	assert_true(backoff_delay_ms(&jittered, 10, 1000) == 12000);
}

static void backoff_delay_ms__survives_odd_settings(void **state)
{
	static const struct backoff none = {0};
	static const struct backoff above = {.first_ms = 100, .max_ms = 10};
	static const struct backoff huge = {.first_ms = 1, .max_ms = INT64_MAX / 200000};

	(void)state;
	assert_true(backoff_delay_ms(&none, UINT32_MAX, 7) == 0);
	assert_true(backoff_delay_ms(&above, 0, 7) == 10);
	assert_true(backoff_delay_ms(&huge, UINT32_MAX, 7) == INT64_MAX / 200000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(backoff_delay_ms__doubles_up_to_the_cap),
		cmocka_unit_test(backoff_delay_ms__adds_jitter_within_its_share),
		cmocka_unit_test(backoff_delay_ms__adds_jitter_above_the_cap_too),
		cmocka_unit_test(backoff_delay_ms__survives_odd_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
