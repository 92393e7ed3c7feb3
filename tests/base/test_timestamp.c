#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/error.h>
#include <base/timestamp.h>
#include <cmocka.h>

static void timestamp_format__writes_rfc3339_in_utc(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} rows[] = {
		{0, "1970-01-01T00:00:00Z"},
		{-1, "1969-12-31T23:59:59Z"},
		{951782400, "2000-02-29T00:00:00Z"},
		{951868800, "2000-03-01T00:00:00Z"},
		{1078012800, "2004-02-29T00:00:00Z"},
		{4107542400, "2100-03-01T00:00:00Z"},
		{2147483648, "2038-01-19T03:14:08Z"},
		{1136239445, "2006-01-02T22:04:05Z"},
		{-62167219200, "0000-01-01T00:00:00Z"},
		{253402300799, "9999-12-31T23:59:59Z"},
		{253402300800, "9999-12-31T23:59:59Z"},
		{INT64_MAX, "9999-12-31T23:59:59Z"},
		{INT64_MIN, "0000-01-01T00:00:00Z"},
	};
	char text[TIMESTAMP_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		timestamp_format(rows[i].seconds, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void timestamp_format_micro__writes_exactly_six_digits(void **state)
{
	static const struct {
		int64_t microseconds;
		const char *text;
	} rows[] = {
		{0, "1970-01-01T00:00:00.000000Z"},
		{1, "1970-01-01T00:00:00.000001Z"},
		{-1, "1969-12-31T23:59:59.999999Z"},
		{1136239445120000, "2006-01-02T22:04:05.120000Z"},
	};
	char text[TIMESTAMP_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		timestamp_format_micro(rows[i].microseconds, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void timestamp_parse__takes_any_fraction_and_offset(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} rows[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"1985-04-12T23:20:50.52Z", 482196050},
		{"1996-12-19T16:39:57-08:00", 851042397},
		{"1996-12-20T00:39:57+00:00", 851042397},
		{"1996-12-20T00:39:57-00:00", 851042397},
		{"1937-01-01T12:00:27.87+00:20", -1041337173},
		{"2026-01-02T03:04:05.123456789Z", 1767323045},
		{"2026-01-02T03:04:05.999999Z", 1767323045},
		{"2026-01-02t03:04:05z", 1767323045},
		{"2000-02-29T00:00:00Z", 951782400},
		{"1969-12-31T23:59:59Z", -1},
		{"0000-01-01T00:00:00Z", -62167219200},
		{"9999-12-31T23:59:59Z", 253402300799},
	};
	struct error err = {0};
	int64_t seconds;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		seconds = -7;
		if (!timestamp_parse(rows[i].text, &seconds, &err) || seconds != rows[i].seconds)
			fail_msg("%s gave %lld", rows[i].text, (long long)seconds);
	}
}

static void timestamp_parse__refuses_the_rest(void **state)
{
	static const char *const rows[] = {
		"",
		"now",
		"2026-01-02",
		"2026-01-02T03:04Z",
		"2026-01-02 03:04:05Z",
		"2026-01-02T03:04:05",
		"2026-01-02T03:04:05.Z",
		"2026-01-02T03:04:05,5Z",
		"2026-01-02T03:04:05ZZ",
		"2026-01-02T03:04:05Z ",
		" 2026-01-02T03:04:05Z",
		"2026-1-02T03:04:05Z",
		"26-01-02T03:04:05Z",
		"02026-01-02T03:04:05Z",
		"-2026-01-02T03:04:05Z",
		"2026-00-02T03:04:05Z",
		"2026-13-02T03:04:05Z",
		"2026-01-00T03:04:05Z",
		"2026-01-32T03:04:05Z",
		"2026-04-31T03:04:05Z",
		"2026-02-29T03:04:05Z",
		"1900-02-29T03:04:05Z",
		"2026-01-02T24:00:00Z",
		"2026-01-02T03:60:05Z",
		"2026-01-02T23:59:60Z",
		"2026-01-02T03:04:05+24:00",
		"2026-01-02T03:04:05+01:60",
		"2026-01-02T03:04:05+1:00",
		"2026-01-02T03:04:05+0100",
		"2026-01-02T03:04:05+01",
		"2026-01-02T-3:04:05Z",
		"2026-01-02T+3:04:05Z",
	};
	int64_t seconds = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};
		if (timestamp_parse(rows[i], &seconds, &err) || err.kind != ERROR_INVALID)
			fail_msg("\"%s\" was accepted", rows[i]);
	}
	assert_int_equal(seconds, 42);
}

static void timestamp_parse__reads_back_every_day(void **state)
{
	struct error err = {0};
	char text[TIMESTAMP_SIZE];
	int64_t seconds;

	(void)state;
	for (int64_t day = -719526; day < 2932897; day += 13) {
		timestamp_format(day * 86400 + day % 86400, text);
		assert_true(timestamp_parse(text, &seconds, &err));
		assert_true(seconds == day * 86400 + day % 86400);
	}
}

static void timestamp_parse_http__takes_an_imf_fixdate(void **state)
{
	struct error err = {0};
	int64_t seconds;

	(void)state;
	assert_true(timestamp_parse_http("Sun, 06 Nov 1994 08:49:37 GMT", &seconds, &err));
	assert_true(seconds == 784111777);
	assert_true(timestamp_parse_http("Thu, 01 Jan 1970 00:00:00 GMT", &seconds, &err));
	assert_true(seconds == 0);
	assert_true(timestamp_parse_http("Wed, 31 Dec 1969 23:59:59 GMT", &seconds, &err));
	assert_true(seconds == -1);
}

static void timestamp_parse_http__refuses_the_rest(void **state)
{
	static const char *const rows[] = {
		"",
		"Sun",
		"Sunday, 06-Nov-94 08:49:37 GMT",
		"Sun Nov  6 08:49:37 1994",
		"Mon, 06 Nov 1994 08:49:37 GMT",
		"sun, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 nov 1994 08:49:37 GMT",
		"Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun,06 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 08:49:37 UTC",
		"Sun, 06 Nov 1994 08:49:37 GMT ",
		"Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:60 GMT",
		"Sun, 06 Nov 1994 24:49:37 GMT",
		"Sun, 31 Nov 1994 08:49:37 GMT",
		"Sun, 00 Nov 1994 08:49:37 GMT",
	};
	int64_t seconds = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};
		if (timestamp_parse_http(rows[i], &seconds, &err) || err.kind != ERROR_INVALID)
			fail_msg("\"%s\" was accepted", rows[i]);
	}
	assert_int_equal(seconds, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timestamp_format__writes_rfc3339_in_utc),
		cmocka_unit_test(timestamp_format_micro__writes_exactly_six_digits),
		cmocka_unit_test(timestamp_parse__takes_any_fraction_and_offset),
		cmocka_unit_test(timestamp_parse__refuses_the_rest),
		cmocka_unit_test(timestamp_parse__reads_back_every_day),
		cmocka_unit_test(timestamp_parse_http__takes_an_imf_fixdate),
		cmocka_unit_test(timestamp_parse_http__refuses_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
