#include <rbac/grant_danger.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <base/error.h>
#include <base/json.h>
#include <base/text.h>

#include <rbac/rule_set.h>

#include "support/rule_sample.h"

static uint32_t bit(enum grant_danger danger)
{
	return UINT32_C(1) << danger;
}

static uint32_t read_dangers(const struct json *names)
{
	uint32_t dangers = 0;

	for (size_t i = 0; i < json_size(names); i++) {
		const char *name = json_string(json_item(names, i));
		enum grant_danger danger = GRANT_DANGER_COUNT;

		if (!grant_danger_parse(name, &danger))
			fail_msg("no danger is called %s", name);
		dangers |= bit(danger);
	}
	return dangers;
}

static void check_row(const struct json *row)
{
	struct error err = {0};
	const char *what = json_find_string(row, "what");
	uint32_t expected = read_dangers(json_find(row, "dangers"));
	cleanup_rule_set struct rule_set *set = rule_sample_read(json_find(row, "set"), &err);

	if (!set)
		fail_msg("%s: %s", what, err.text);
	uint32_t found = grant_danger_find(set);
	for (size_t i = 0; i < GRANT_DANGER_COUNT; i++)
		if ((found ^ expected) & UINT32_C(1) << i)
			fail_msg("%s: %s is %s", what, grant_danger_name((enum grant_danger)i),
				 found & UINT32_C(1) << i ? "found" : "not found");
}

static void grant_danger_find__decides_every_row(void **state)
{
	cleanup_json struct json *rows = rule_sample_rows(TEST_DATA "/ceilings/dangers.json");

	(void)state;
	for (size_t i = 0; i < json_size(rows); i++)
		check_row(json_item(rows, i));
}

/* Policies say them: a changed name would take what they allow away. */
static void grant_danger_name__is_stable(void **state)
{
	static const char *const expected[] = {"any-verb",
					       "any-group",
					       "any-resource",
					       "escalate",
					       "bind",
					       "impersonate",
					       "serviceaccount-tokens",
					       "list-all-secrets",
					       "nodes-proxy",
					       "exec-anywhere",
					       "attach-anywhere",
					       "ephemeral-containers-anywhere",
					       "csr-approval",
					       "signers",
					       "admission-writes",
					       "rbac-writes",
					       "secret-writes",
					       "serviceaccount-writes",
					       "non-resource-urls"};

	(void)state;
	assert_int_equal(sizeof(expected) / sizeof(expected[0]), GRANT_DANGER_COUNT);
	for (size_t i = 0; i < GRANT_DANGER_COUNT; i++) {
		enum grant_danger danger = GRANT_DANGER_COUNT;

		assert_string_equal(grant_danger_name((enum grant_danger)i), expected[i]);
		assert_true(grant_danger_parse(expected[i], &danger));
		assert_int_equal(danger, i);
	}
}

static void grant_danger_parse__knows_no_other_name(void **state)
{
	enum grant_danger danger = GRANT_DANGER_COUNT;

	(void)state;
	assert_false(grant_danger_parse(NULL, &danger));
	assert_false(grant_danger_parse("", &danger));
	assert_false(grant_danger_parse("*", &danger));
	assert_false(grant_danger_parse("Bind", &danger));
	assert_int_equal(danger, GRANT_DANGER_COUNT);
}

static void grant_danger_accept__wants_each_by_name(void **state)
{
	struct error err = {0};
	cleanup_rule_set struct rule_set *set = rule_sample_set(
		"[{\"rules\":[{\"verbs\":[\"bind\"],\"apiGroups\":[\"rbac.authorization.k8s.io\"],"
		"\"resources\":[\"roles\"]}]}]");

	(void)state;
	assert_false(grant_danger_accept(set, 0, &err));
	assert_int_equal(err.kind, ERROR_DENIED);
	assert_string_equal(err.text,
			    "the rules contain \"bind\", which a policy must allow by name");
	err = (struct error){0};
	assert_false(grant_danger_accept(set, bit(GRANT_DANGER_BIND), &err));
	assert_non_null(strstr(err.text, "\"rbac-writes\""));
	err = (struct error){0};
	assert_true(grant_danger_accept(set, bit(GRANT_DANGER_BIND) | bit(GRANT_DANGER_RBAC_WRITES),
					&err));
	assert_int_equal(err.kind, ERROR_NONE);
}

static void grant_danger_accept__names_the_first_on_the_list(void **state)
{
	struct error err = {0};
	cleanup_rule_set struct rule_set *set =
		rule_sample_set("[{\"rules\":[{\"verbs\":[\"*\"],\"nonResourceURLs\":[\"*\"]}]}]");

	(void)state;
	assert_false(grant_danger_accept(set, 0, &err));
	assert_non_null(strstr(err.text, "\"any-verb\""));
	err = (struct error){0};
	assert_false(grant_danger_accept(set, bit(GRANT_DANGER_ANY_VERB), &err));
	assert_non_null(strstr(err.text, "\"non-resource-urls\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grant_danger_find__decides_every_row),
		cmocka_unit_test(grant_danger_name__is_stable),
		cmocka_unit_test(grant_danger_parse__knows_no_other_name),
		cmocka_unit_test(grant_danger_accept__wants_each_by_name),
		cmocka_unit_test(grant_danger_accept__names_the_first_on_the_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
