#include "rbac/text_pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <base/error.h>
#include <base/limits.h>

static void free_pattern(struct text_pattern **pattern)
{
	text_pattern_free(*pattern);
}

#define cleanup_pattern __attribute__((cleanup(free_pattern)))

static void expect_match(const char *text, const char *value, bool expected)
{
	struct error err = {0};
	cleanup_pattern struct text_pattern *pattern = text_pattern_new(text, &err);

	if (!pattern)
		fail_msg("%s: %s", text, err.text);
	if (text_pattern_matches(pattern, value) != expected)
		fail_msg("%s and %s", text, value);
}

static void expect_refused(const char *text, const char *reason)
{
	struct error err = {0};
	cleanup_pattern struct text_pattern *pattern = text_pattern_new(text, &err);

	if (pattern)
		fail_msg("%s: taken", text);
	assert_int_equal(err.kind, ERROR_INVALID);
	if (!strstr(err.text, reason))
		fail_msg("%s: %s", text, err.text);
}

static void text_pattern_matches__wants_the_whole_text(void **state)
{
	static const struct {
		const char *pattern, *value;
		bool matches;
	} rows[] = {
		{"team-a", "team-a", true},
		{"team-a", "my-team-a", false},
		{"team-a", "team-a2", false},
		{"^team", "team-a", false},
		{"team$", "my-team", false},
		{"", "", true},
		{"", "a", false},
		{"a|b", "b", true},
		{"^a|b$", "ax", false},
		{"^a|b$", "xb", false},
		{"a|ab|abc", "abc", true},
		{"(a|ab)(c|bcd)", "abcd", true},
		{"[]a]+", "]a", true},
		{"[^]a]", "]", false},
		{"[[:digit:]x]{2}", "1x", true},
		{"[^](]", "(", false},
		{"[^](]", "x", true},
		{"[[:alpha:](]", "(", true},
		{"[[:alpha:])+]+", "a)+", true},
		{"a{2}", "aaa", false},
		{"a{2,}", "aaa", true},
		{"a{0,2}", "", true},
		{"\\.\\$\\{", ".${", true},
		{"[)(]", ")", true},
		{"team-.*", "team-", true},
		{"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", "a.b-c.d",
		 true},
		{"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", "a..d",
		 false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_match(rows[i].pattern, rows[i].value, rows[i].matches);
}

static void text_pattern_new__refuses_what_costs_much_or_means_nothing(void **state)
{
	static const struct {
		const char *pattern, *reason;
	} rows[] = {
		{"(a)\\1", "has a \"\\\" before what needs none"},
		{"\\d", "has a \"\\\" before what needs none"},
		{"[a\\d]{300}", "begins no repetition"},
		{"a\\", "has a \"\\\" before what needs none"},
		{"a{256}", "begins no repetition"},
		{"a{1,256}", "begins no repetition"},
		{"a{1000}", "begins no repetition"},
		{"a{99999999999999999999}", "begins no repetition"},
		{"a{1,99999999999999999999}", "begins no repetition"},
		{"a{,3}", "begins no repetition"},
		{"a{0001}", "begins no repetition"},
		{"a{1,0002}", "begins no repetition"},
		{"a{x}", "begins no repetition"},
		{"a{1", "begins no repetition"},
		{"a{1,2", "begins no repetition"},
		{"a{", "begins no repetition"},
		{"(a{2}){2}", "repeats what has"},
		{"(a+)+", "repeats what has"},
		{"((a+)*)+", "repeats what has"},
		{"((a+b)?c){2}", "repeats what has"},
		{"a++", "repeats what has"},
		{"a{2}{2}", "repeats what has"},
		{"(a{128}b){1}", "repeats what has"},
		{"a{200}b{57}", "stands for more than 256 characters"},
		{"(abcde){52}", "stands for more than 256 characters"},
		{"a)", "closes a group that is not open"},
		{"a)|(b", "closes a group that is not open"},
		{"(a", "has a \"(\" without its \")\""},
		{"[a", "has a \"[\" without its \"]\""},
		{"[]", "has a \"[\" without its \"]\""},
		{"[[.a.]]", "has \"[\" within \"[]\""},
		{"[[:alpha:", "has \"[\" within \"[]\""},
		{"[[:nothing:]]", "is no extended regular expression"},
		{"*a", "is no extended regular expression"},
		{"a{2,1}", "is no extended regular expression"},
		{"((((((((((((((((a))))))))))))))))",
		 "has groups nested too deep: write at most 15"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_refused(rows[i].pattern, rows[i].reason);
}

static void text_pattern_new__takes_what_is_just_in_its_caps(void **state)
{
	char longest[TEMPLATE_PATTERN_MAX + 2] = {0};
	char value[TEMPLATE_PATTERN_MAX + 1] = {0};

	(void)state;
	memset(longest, 'a', TEMPLATE_PATTERN_MAX);
	memset(value, 'a', TEMPLATE_PATTERN_MAX);
	expect_match(longest, value, true);
	longest[TEMPLATE_PATTERN_MAX] = 'a';
	expect_refused(longest, "has more than 256 bytes");
	value[255] = '\0';
	expect_match("a{255}b?", value, true);
	expect_match("a{1,255}b?", value, true);
	expect_match("(abcd){64}", "abcd", false);
	snprintf(longest, sizeof(longest), "(%0*d)+", 128, 0);
	expect_match(longest, "0", false);
	snprintf(longest, sizeof(longest), "(%0*d)+", 129, 0);
	expect_refused(longest, "stands for more than 256 characters");
	expect_match("a{1,128}b+c{126}", "abc", false);
	expect_match("(((((((((((((((a)))))))))))))))", "a", true);
}

/* Longer than glibc's automaton is kept. */
static void text_pattern_matches__gives_the_same_answer_again_and_again(void **state)
{
	struct error err = {0};
	cleanup_pattern struct text_pattern *pattern = text_pattern_new("[a-z]{1,9}", &err);

	(void)state;
	for (int i = 0; i < 300; i++) {
		assert_true(text_pattern_matches(pattern, "team"));
		assert_false(text_pattern_matches(pattern, "team-a"));
	}
	assert_string_equal(text_pattern_text(pattern), "[a-z]{1,9}");
	text_pattern_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_pattern_matches__wants_the_whole_text),
		cmocka_unit_test(text_pattern_new__refuses_what_costs_much_or_means_nothing),
		cmocka_unit_test(text_pattern_new__takes_what_is_just_in_its_caps),
		cmocka_unit_test(text_pattern_matches__gives_the_same_answer_again_and_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
