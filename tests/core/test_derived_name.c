#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/digest.h>
#include <base/memory.h>

#include "broker/core/derived_name.h"

static const char *const fields[] = {"hub", "8b0a", "1", NULL};
#define DIGEST "i4tepwhprip5ibc6woidixbd35"

/* RFC 1123: what every name and every label value may be. */
static bool is_label(const char *name)
{
	size_t size = strlen(name);

	return size >= 1 && size <= 63 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == size && name[0] != '-' &&
	       name[size - 1] != '-';
}

static void derived_name__cleans_and_cuts_the_readable_part(void **state)
{
	static const struct {
		const char *readable, *expected;
	} rows[] = {
		{"anchor", "credbroker-anchor-" DIGEST},
		{"", "credbroker-" DIGEST},
		{"Pod.Reader", "credbroker-pod-reader-" DIGEST},
		{"system:node", "credbroker-system-node-" DIGEST},
		{"---", "credbroker-" DIGEST},
		{"-a-", "credbroker-a-" DIGEST},
		{"a..b::c", "credbroker-a-b-c-" DIGEST},
		{"caf\xc3\xa9s", "credbroker-caf-s-" DIGEST},
		{"\xff\x01/\n", "credbroker-" DIGEST},
		{"1234567890123456789012345", "credbroker-1234567890123456789012345-" DIGEST},
		{"12345678901234567890123456", "credbroker-1234567890123456789012345-" DIGEST},
		{"123456789012345678901234.567", "credbroker-123456789012345678901234-" DIGEST},
		{"12345678901234567890123.567", "credbroker-12345678901234567890123-5-" DIGEST},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_free char *name = derived_name(rows[i].readable, fields);
		assert_string_equal(name, rows[i].expected);
		assert_true(is_label(name));
	}
}

static void derived_name__is_a_label_whatever_goes_in(void **state)
{
	uint32_t random = 11;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char readable[300] = {0};
		size_t size = random % sizeof(readable);
		for (size_t i = 0; i < size; i++) {
			random = random * 1664525u + 1013904223u;
			readable[i] = (char)(random >> 16);
		}
		random = random * 1664525u + 1013904223u;
		readable[sizeof(readable) - 1] = '\0';
		cleanup_free char *name = derived_name(readable, fields);
		assert_true(is_label(name));
	}
}

static void derived_name__differs_with_every_field(void **state)
{
	static const char *const rows[][5] = {
		{"hub", "8b0a", "1", NULL},     {"hub", "8b0a", "2", NULL},
		{"hub", "8b0a1", "", NULL},     {"hub8b0a", "1", NULL},
		{"hub", "8b0a", "1", "", NULL}, {"Hub", "8b0a", "1", NULL},
	};
	enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
	char *names[ROWS];

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		names[i] = derived_name("same", rows[i]);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(names[i], names[k]);
	}
	for (size_t i = 0; i < ROWS; i++)
		memory_free(names[i]);
}

static void derived_name__tells_long_names_apart(void **state)
{
	char one[254];
	char other[254];

	(void)state;
	memset(one, 'a', sizeof(one));
	one[253] = '\0';
	memcpy(other, one, sizeof(one));
	other[252] = 'b';
	cleanup_free char *a = derived_name(one, (const char *[]){one, NULL});
	cleanup_free char *b = derived_name(other, (const char *[]){other, NULL});
	assert_string_not_equal(a, b);
	assert_memory_equal(a, b, 36);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, DIGEST_SHORT_SIZE);
}

/* Short fields with shifting borders, where a sum over them without lengths would collide. */
static void derived_name__has_no_collision_among_many(void **state)
{
	enum { COUNT = 200000 };
	char(*digests)[DIGEST_SHORT_SIZE] = memory_new_array(COUNT, DIGEST_SHORT_SIZE);

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		char hub[8];
		char namespace[8];
		char name[8];
		snprintf(hub, sizeof(hub), "%d", i % 100);
		snprintf(namespace, sizeof(namespace), "%d", i / 100 % 100);
		snprintf(name, sizeof(name), "%d", i / 10000);
		digest_short((const char *[]){hub, namespace, name, NULL}, digests[i]);
	}
	qsort(digests, COUNT, DIGEST_SHORT_SIZE, compare);
	for (int i = 1; i < COUNT; i++)
		assert_true(compare(digests[i - 1], digests[i]) != 0);
	memory_free(digests);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(derived_name__cleans_and_cuts_the_readable_part),
		cmocka_unit_test(derived_name__is_a_label_whatever_goes_in),
		cmocka_unit_test(derived_name__differs_with_every_field),
		cmocka_unit_test(derived_name__tells_long_names_apart),
		cmocka_unit_test(derived_name__has_no_collision_among_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
