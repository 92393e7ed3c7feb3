#include <rbac/namespace_pattern.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <base/error.h>

#define LONGEST "aaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"

static void namespace_pattern_check__takes_names_and_ends(void **state)
{
	static const char *const good[] = {"a", "vault", "kube-*",        "*-system",
					   "*", "a-9",   "*" LONGEST "z", LONGEST "z*"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct error err = {0};

		if (!namespace_pattern_check(good[i], &err))
			fail_msg("%s: %s", good[i], err.text);
	}
}

static void namespace_pattern_check__refuses_anything_else(void **state)
{
	static const char *const form = "write a namespace or the beginning or end of one, such as "
					"\"vault\", \"vault-*\" or \"*-vault\"";
	static const char *const words =
		"write lower-case letters, digits and \"-\", and a \"*\" at "
		"one end at most";
	static const char *const ends = "write a \"*\" at one end only";
	static const struct {
		const char *pattern;
		const char *const *message;
	} bad[] = {
		{NULL, &form},         {"", &form},        {"*" LONGEST "zz", &form},
		{"a*b", &words},       {"Kube-*", &words}, {"kube *", &words},
		{"a.b", &words},       {"kube-?", &words}, {"a_b", &words},
		{"k\xd0\xb5", &words}, {"*a*", &ends},     {"**", &ends},
		{"a/", &words},        {"a:", &words},     {"a`", &words},
		{"a{", &words},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = {0};

		assert_false(namespace_pattern_check(bad[i].pattern, &err));
		assert_int_equal(err.kind, ERROR_INVALID);
		assert_string_equal(err.text, *bad[i].message);
	}
}

static void namespace_pattern_matches__compares_bytes(void **state)
{
	static const struct {
		const char *pattern;
		const char *name;
		bool matches;
	} rows[] = {
		{"vault", "vault", true},
		{"vault", "vault-1", false},
		{"vault", "my-vault", false},
		{"vault", "Vault", false},
		{"kube-*", "kube-system", true},
		{"kube-*", "kube-", true},
		{"kube-*", "kube", false},
		{"kube-*", "my-kube-system", false},
		{"*-system", "a-system", true},
		{"*-system", "-system", true},
		{"*-system", "system", false},
		{"*-system", "a-system-1", false},
		{"*-system", "a-systen", false},
		{"*", "anything", true},
		{"*", "", true},
		{"*a", "a", true},
		{"*aa", "a", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (namespace_pattern_matches(rows[i].pattern, rows[i].name) != rows[i].matches)
			fail_msg("%s %s", rows[i].pattern, rows[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(namespace_pattern_check__takes_names_and_ends),
		cmocka_unit_test(namespace_pattern_check__refuses_anything_else),
		cmocka_unit_test(namespace_pattern_matches__compares_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
