#include <rbac/grant_policy.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/text.h>

#include <rbac/rule_set.h>

#include "support/rule_sample.h"

static void check_row(const struct json *row)
{
	struct error err = {0};
	struct grant_right gap = {0};
	const char *what = json_find_string(row, "what");
	const char *expected = json_find_string(row, "gap");
	cleanup_rule_set struct rule_set *ceiling =
		rule_sample_read(json_find(row, "ceiling"), &err);
	cleanup_rule_set struct rule_set *wanted = rule_sample_read(json_find(row, "wanted"), &err);

	if (!ceiling || !wanted)
		fail_msg("%s: %s", what, err.text);
	bool covered = grant_policy_covers(ceiling, wanted, &err);
	if (covered != !expected || !text_same(expected, covered ? NULL : err.text))
		fail_msg("%s: %s", what, covered ? "is covered" : err.text);
	assert_int_equal(err.kind, covered ? ERROR_NONE : ERROR_DENIED);
	assert_int_equal(grant_policy_find_gap(ceiling, wanted, &gap), !covered);
	if (covered)
		assert_null(gap.verb);
}

static void grant_policy_covers__decides_every_row(void **state)
{
	cleanup_json struct json *rows = rule_sample_rows(TEST_DATA "/ceilings/pairs.json");

	(void)state;
	for (size_t i = 0; i < json_size(rows); i++)
		check_row(json_item(rows, i));
}

static void grant_policy_covers__a_ceiling_covers_itself(void **state)
{
	cleanup_json struct json *rows = rule_sample_rows(TEST_DATA "/ceilings/pairs.json");

	(void)state;
	for (size_t i = 0; i < json_size(rows); i++) {
		const struct json *row = json_item(rows, i);
		struct error err = {0};
		cleanup_rule_set struct rule_set *set =
			rule_sample_read(json_find(row, "wanted"), &err);

		if (!grant_policy_covers(set, set, &err))
			fail_msg("%s: %s", json_find_string(row, "what"), err.text);
	}
}

static void grant_policy_covers__cuts_a_text_that_is_too_long(void **state)
{
	struct error err = {0};
	cleanup_rule_set struct rule_set *none = rule_set_new();
	char verb[RULE_WORD_MAX + 1] = {0};
	char parts[4096];

	(void)state;
	memset(verb, 'v', sizeof(verb) - 1);
	snprintf(parts, sizeof(parts),
		 "[{\"rules\":[{\"verbs\":[\"%s\",\"%.200s\"],\"apiGroups\":[\"\"],"
		 "\"resources\":[\"pods\"]}]}]",
		 verb, verb);
	cleanup_rule_set struct rule_set *wanted = rule_sample_set(parts);
	assert_false(grant_policy_covers(none, wanted, &err));
	assert_int_equal(strncmp(err.text, "verbs [vvv", 10), 0);
}

static void grant_policy_find_gap__tells_the_parts_of_a_right(void **state)
{
	struct grant_right gap = {0};
	cleanup_rule_set struct rule_set *none = rule_set_new();
	cleanup_rule_set struct rule_set *wanted = rule_sample_set(
		"[{\"namespace\":\"app\",\"rules\":[{\"verbs\":[\"list\",\"get\"],"
		"\"apiGroups\":[\"b\",\"a\"],\"resources\":[\"y\",\"x\"],\"resourceNames\":["
		"\"n\",\"m\"]}]}]");

	(void)state;
	assert_true(grant_policy_find_gap(none, wanted, &gap));
	assert_string_equal(gap.namespace_name, "app");
	assert_string_equal(gap.group, "a");
	assert_string_equal(gap.resource, "x");
	assert_string_equal(gap.name, "m");
	assert_string_equal(gap.verb, "get");
	assert_null(gap.url);
}

static void grant_policy_find_gap__tells_the_parts_of_a_url(void **state)
{
	struct grant_right gap = {0};
	cleanup_rule_set struct rule_set *ceiling = rule_sample_set(
		"[{\"rules\":[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/a\"]}]}]");
	cleanup_rule_set struct rule_set *wanted = rule_sample_set(
		"[{\"rules\":[{\"verbs\":[\"get\",\"post\"],\"nonResourceURLs\":[\"/a\"]}]}]");

	(void)state;
	assert_true(grant_policy_find_gap(ceiling, wanted, &gap));
	assert_string_equal(gap.url, "/a");
	assert_string_equal(gap.verb, "post");
	assert_null(gap.namespace_name);
	assert_null(gap.group);
	assert_null(gap.resource);
	assert_null(gap.name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grant_policy_covers__decides_every_row),
		cmocka_unit_test(grant_policy_covers__a_ceiling_covers_itself),
		cmocka_unit_test(grant_policy_covers__cuts_a_text_that_is_too_long),
		cmocka_unit_test(grant_policy_find_gap__tells_the_parts_of_a_right),
		cmocka_unit_test(grant_policy_find_gap__tells_the_parts_of_a_url),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
