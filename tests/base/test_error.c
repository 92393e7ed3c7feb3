#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <base/error.h>

static void error_set__records_kind_and_text_and_returns_false(void **state)
{
	struct error err = {0};

	(void)state;
	assert_false(error_set(&err, ERROR_DENIED, "no %s for %d", "token", 7));
	assert_int_equal(err.kind, ERROR_DENIED);
	assert_string_equal(err.text, "no token for 7");
}

static void error_set__keeps_the_first_error(void **state)
{
	struct error err = {0};

	(void)state;
	error_set(&err, ERROR_CONFLICT, "first");
	assert_false(error_set(&err, ERROR_INTERNAL, "second"));
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_string_equal(err.text, "first");
}

static void error_set__cuts_a_long_text_at_a_utf8_boundary(void **state)
{
	char text[ERROR_TEXT_MAX + 8];
	struct error err = {0};

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text + ERROR_TEXT_MAX - 2, "\xc3\xa9", 2); /* the second byte would be the 256th */
	text[sizeof(text) - 1] = '\0';
	error_set(&err, ERROR_INVALID, "%s", text);
	assert_int_equal(strlen(err.text), ERROR_TEXT_MAX - 2);
	assert_int_equal(err.text[ERROR_TEXT_MAX - 3], 'a');
}

static void error_set__keeps_a_text_that_just_fits(void **state)
{
	char text[ERROR_TEXT_MAX];
	struct error err = {0};

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text + ERROR_TEXT_MAX - 3, "\xc3\xa9", 3);
	error_set(&err, ERROR_INVALID, "%s", text);
	assert_string_equal(err.text, text);
}

static void error_wrap__puts_the_context_in_front(void **state)
{
	struct error err = {0};

	(void)state;
	error_set(&err, ERROR_NOT_FOUND, "no such file");
	assert_false(error_wrap(&err, "load key %s", "a"));
	assert_false(error_wrap(&err, "mint token"));
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_string_equal(err.text, "mint token: load key a: no such file");
}

static void error_wrap__may_quote_the_error_itself(void **state)
{
	struct error err = {0};

	(void)state;
	error_set(&err, ERROR_INVALID, "inner");
	error_wrap(&err, "outer of %s", err.text);
	assert_string_equal(err.text, "outer of inner: inner");
}

static void error_wrap__cuts_a_long_text_at_its_end(void **state)
{
	char text[ERROR_TEXT_MAX];
	struct error err = {0};

	(void)state;
	memset(text, 'b', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	error_set(&err, ERROR_INVALID, "%s", text);
	error_wrap(&err, "outer");
	assert_int_equal(strlen(err.text), ERROR_TEXT_MAX - 1);
	assert_memory_equal(err.text, "outer: bbb", 10);
}

static void error_wrap__calls_a_failure_without_reason_our_bug(void **state)
{
	struct error err = {0};

	(void)state;
	assert_false(error_wrap(&err, "mint token"));
	assert_int_equal(err.kind, ERROR_INTERNAL);
	assert_string_equal(err.text, "mint token");
}

static void error_kind_name__names_every_kind(void **state)
{
	static const struct {
		enum error_kind kind;
		const char *name;
	} rows[] = {
		{ERROR_NONE, "none"},         {ERROR_INVALID, "invalid"},
		{ERROR_DENIED, "denied"},     {ERROR_NOT_FOUND, "not found"},
		{ERROR_CONFLICT, "conflict"}, {ERROR_UNAVAILABLE, "unavailable"},
		{ERROR_INTERNAL, "internal"}, {(enum error_kind)99, "internal"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(error_kind_name(rows[i].kind), rows[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(error_set__records_kind_and_text_and_returns_false),
		cmocka_unit_test(error_set__keeps_the_first_error),
		cmocka_unit_test(error_set__cuts_a_long_text_at_a_utf8_boundary),
		cmocka_unit_test(error_set__keeps_a_text_that_just_fits),
		cmocka_unit_test(error_wrap__puts_the_context_in_front),
		cmocka_unit_test(error_wrap__may_quote_the_error_itself),
		cmocka_unit_test(error_wrap__cuts_a_long_text_at_its_end),
		cmocka_unit_test(error_wrap__calls_a_failure_without_reason_our_bug),
		cmocka_unit_test(error_kind_name__names_every_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
