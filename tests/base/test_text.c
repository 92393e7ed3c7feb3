#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <base/error.h>
#include <base/memory.h>
#include <base/text.h>

static void text_append__grows(void **state)
{
	cleanup_text struct text text = text_with_max(1000);
	struct error err = {0};

	(void)state;
	assert_string_equal(text_chars(&text), "");
	text_append(&text, "one");
	text_append_bytes(&text, " two three", 4);
	text_appendf(&text, " %s %d", "four", 5);
	assert_string_equal(text_chars(&text), "one two four 5");
	assert_int_equal(text.size, 14);
	for (int i = 0; i < 9; i++)
		text_appendf(&text, "%*d", 100, i);
	assert_int_equal(text.size, 914);
	assert_true(text_ok(&text, "name", &err));
}

static void text_append__may_fill_the_cap(void **state)
{
	cleanup_text struct text text = text_with_max(5);
	struct error err = {0};

	(void)state;
	text_append(&text, "12345");
	text_append(&text, "");
	assert_true(text_ok(&text, "name", &err));
	assert_string_equal(text_chars(&text), "12345");
}

static void text_append__over_the_cap_changes_nothing(void **state)
{
	cleanup_text struct text text = text_with_max(5);
	struct error err = {0};

	(void)state;
	text_append(&text, "123");
	text_append(&text, "456");
	assert_string_equal(text_chars(&text), "123");
	assert_false(text_ok(&text, "the name", &err));
	assert_int_equal(err.kind, ERROR_INVALID);
	assert_string_equal(err.text, "the name is longer than 5 bytes");
}

static void text_append__after_an_overflow_adds_nothing_more(void **state)
{
	cleanup_text struct text text = text_with_max(5);
	struct error err = {0};

	(void)state;
	text_append(&text, "123");
	text_appendf(&text, "%d", 456);
	text_append_bytes(&text, "4", 1);
	text_appendf(&text, "5");
	assert_string_equal(text_chars(&text), "123");
	assert_false(text_ok(&text, "x", &err));
}

static void text_with_max__of_nothing_holds_nothing(void **state)
{
	cleanup_text struct text text = text_with_max(0);
	struct error err = {0};

	(void)state;
	text_append(&text, "");
	assert_true(text_ok(&text, "x", &err));
	text_append(&text, "a");
	assert_false(text_ok(&text, "x", &err));
}

static void text_take__hands_over_and_starts_anew(void **state)
{
	cleanup_text struct text text = text_with_max(5);
	struct error err = {0};

	(void)state;
	text_append(&text, "abc");
	text_append(&text, "defg");
	char *taken = text_take(&text);
	assert_string_equal(taken, "abc");
	assert_string_equal(text_chars(&text), "");
	assert_true(text_ok(&text, "x", &err));
	memory_free(taken);

	char *empty = text_take(&text);
	assert_string_equal(empty, "");
	memory_free(empty);
}

static void text_done__is_fine_twice(void **state)
{
	struct text text = text_with_max(10);

	(void)state;
	text_append(&text, "abc");
	text_done(&text);
	text_done(&text);
	assert_string_equal(text_chars(&text), "");
}

static void text_same__takes_null_for_null_only(void **state)
{
	const char copy[] = {'a', '\0'};

	(void)state;
	assert_true(text_same(NULL, NULL));
	assert_true(text_same("a", copy));
	assert_false(text_same("a", "b"));
	assert_false(text_same("a", NULL));
	assert_false(text_same(NULL, ""));
}

static void text_is_empty__is_true_for_null_and_nothing(void **state)
{
	(void)state;
	assert_true(text_is_empty(NULL));
	assert_true(text_is_empty(""));
	assert_false(text_is_empty(" "));
}

static void text_utf8_cut__never_cuts_a_sequence(void **state)
{
	static const struct {
		const char *what, *chars;
		size_t size, expected;
	} rows[] = {
		{"nothing", "abc", 0, 0},
		{"ascii", "abc", 2, 2},
		{"a whole pair", "\xc3\xa9", 2, 2},
		{"half a pair", "a\xc3\xa9", 2, 1},
		{"only half a pair", "\xc3\xa9", 1, 0},
		{"one of three", "a\xe2\x82\xac", 2, 1},
		{"two of three", "a\xe2\x82\xac", 3, 1},
		{"three of three", "a\xe2\x82\xac", 4, 4},
		{"one of four", "\xf0\x9f\x98\x80", 1, 0},
		{"three of four", "\xf0\x9f\x98\x80", 3, 0},
		{"four of four", "\xf0\x9f\x98\x80", 4, 4},
		{"stray continuation bytes", "a\x80\x80\x80\x80\x80", 6, 6},
		{"nothing but continuation bytes", "\x80\x80", 2, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (text_utf8_cut(rows[i].chars, rows[i].size) != rows[i].expected)
			fail_msg("%s", rows[i].what);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_append__grows),
		cmocka_unit_test(text_append__may_fill_the_cap),
		cmocka_unit_test(text_append__over_the_cap_changes_nothing),
		cmocka_unit_test(text_append__after_an_overflow_adds_nothing_more),
		cmocka_unit_test(text_with_max__of_nothing_holds_nothing),
		cmocka_unit_test(text_take__hands_over_and_starts_anew),
		cmocka_unit_test(text_done__is_fine_twice),
		cmocka_unit_test(text_same__takes_null_for_null_only),
		cmocka_unit_test(text_is_empty__is_true_for_null_and_nothing),
		cmocka_unit_test(text_utf8_cut__never_cuts_a_sequence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
