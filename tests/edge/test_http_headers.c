#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <base/error.h>
#include <base/limits.h>

#include "broker/edge/http_headers.h"

/* Ends with NULL. */
static struct http_headers read_lines(const char *const *lines)
{
	struct http_headers headers;
	struct error err = {0};

	http_headers_init(&headers);
	for (; *lines; lines++)
		assert_true(http_headers_add(&headers, *lines, strlen(*lines), &err));
	return headers;
}

#define READ(...) read_lines((const char *const[]){__VA_ARGS__, NULL})

static void add__keeps_what_callers_ask_for(void **state)
{
	struct http_headers headers =
		READ("HTTP/1.1 429 Too Many Requests\r\n",
		     "content-TYPE:  text/plain; charset=utf-8 \r\n", "Retry-After: 7\r\n",
		     "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
		     "Warning: 299 - \"expiry was shortened\"\r\n", "X-Else: 1\r\n", "\r\n");

	(void)state;
	assert_int_equal(headers.status, 429);
	assert_true(headers.complete);
	assert_string_equal(headers.content_type, "text/plain; charset=utf-8");
	assert_int_equal(headers.retry_after_s, 7);
	assert_int_equal(headers.date_s, 784111777);
	assert_string_equal(headers.warning, "expiry was shortened");
}

static void add__says_what_is_absent(void **state)
{
	struct http_headers headers = READ("HTTP/1.1 200 OK\r\n", "\r\n");

	(void)state;
	assert_string_equal(headers.content_type, "");
	assert_string_equal(headers.warning, "");
	assert_int_equal(headers.retry_after_s, -1);
	assert_int_equal(headers.date_s, -1);
}

static void add__takes_only_seconds_for_retry_after(void **state)
{
	static const char *const values[] = {"Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
					     "Retry-After: -1\r\n",
					     "Retry-After: \r\n",
					     "Retry-After: 99999999999999999999\r\n",
					     "Retry-After: 1.5\r\n",
					     "Retry-After: +1\r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_int_equal(READ("HTTP/1.1 429 x\r\n", values[i]).retry_after_s, -1);
	assert_int_equal(READ("HTTP/1.1 429 x\r\n", "Retry-After: 999999999\r\n").retry_after_s,
			 999999999);
}

static void add__keeps_the_first_warning_299_alone(void **state)
{
	struct http_headers headers = READ("HTTP/1.1 200 OK\r\n", "Warning: 110 - \"stale\"\r\n",
					   "Warning: 299 - \"first\"\r\n",
					   "Warning: 299 - \"second\"\r\n", "Warning: 299 \"\r\n");

	(void)state;
	assert_string_equal(headers.warning, "first");
	assert_string_equal(READ("HTTP/1.1 200 OK\r\n", "Warning: 299 - \"\r\n").warning, "");
	assert_string_equal(READ("HTTP/1.1 200 OK\r\n", "Warning: 299\r\n").warning, "");
}

static void add__starts_anew_behind_an_informational_response(void **state)
{
	struct http_headers headers =
		READ("HTTP/1.1 103 Early Hints\r\n", "Content-Type: text/html\r\n",
		     "Retry-After: 1\r\n", "\r\n", "HTTP/1.1 200 OK\r\n");

	(void)state;
	assert_int_equal(headers.status, 200);
	assert_false(headers.complete);
	assert_string_equal(headers.content_type, "");
	assert_int_equal(headers.retry_after_s, -1);
}

static void add__does_not_believe_trailers(void **state)
{
	struct http_headers headers =
		READ("HTTP/1.1 200 OK\r\n", "Content-Type: application/json\r\n", "\r\n",
		     "Content-Type: text/html\r\n", "HTTP/1.1 500 x\r\n");

	(void)state;
	assert_string_equal(headers.content_type, "application/json");
	assert_int_equal(headers.status, 200);
}

static void add__drops_a_value_that_is_too_long(void **state)
{
	char line[HTTP_HEADER_VALUE_MAX + 100];

	(void)state;
	memset(line, 'a', sizeof(line));
	memcpy(line, "Content-Type: ", 14);
	line[sizeof(line) - 1] = '\0';
	assert_string_equal(READ("HTTP/1.1 200 OK\r\n", line).content_type, "");
}

static void add__survives_lines_that_are_none(void **state)
{
	static const char *const lines[] = {
		"",          ":",          "HTTP/",        "HTTP/1.1",
		"HTTP/1.1 ", "HTTP/1.1 2", "HTTP/1.1 abc", "Content-Type:",
		"Date: \r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_false(READ(lines[i]).complete);
}

/* Counts how many times LINE is taken. */
static size_t lines_taken(const char *line)
{
	struct http_headers headers;
	struct error err = {0};
	size_t count = 0;

	http_headers_init(&headers);
	while (count < 100000 && http_headers_add(&headers, line, strlen(line), &err))
		count++;
	assert_int_equal(err.kind, ERROR_INVALID);
	return count;
}

static void add__caps_number_and_bytes_also_over_many_responses(void **state)
{
	char line[8192];

	(void)state;
	assert_int_equal(lines_taken("X: 1\r\n"), HTTP_HEADERS_COUNT_MAX);
	assert_int_equal(lines_taken("HTTP/1.1 103 Early Hints\r\n"), HTTP_HEADERS_COUNT_MAX);
	memset(line, 'a', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	assert_int_equal(lines_taken(line), HTTP_HEADERS_MAX / (sizeof(line) - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add__keeps_what_callers_ask_for),
		cmocka_unit_test(add__says_what_is_absent),
		cmocka_unit_test(add__takes_only_seconds_for_retry_after),
		cmocka_unit_test(add__keeps_the_first_warning_299_alone),
		cmocka_unit_test(add__starts_anew_behind_an_informational_response),
		cmocka_unit_test(add__does_not_believe_trailers),
		cmocka_unit_test(add__drops_a_value_that_is_too_long),
		cmocka_unit_test(add__survives_lines_that_are_none),
		cmocka_unit_test(add__caps_number_and_bytes_also_over_many_responses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
