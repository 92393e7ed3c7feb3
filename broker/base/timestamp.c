#include <base/timestamp.h>

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <base/error.h>

enum {
	DAY_S = 86400,
	ERA_DAYS = 146097,       /* 400 years */
	EPOCH_ERA_DAYS = 719468, /* from 0000-03-01 to 1970-01-01 */
};

/* RFC 3339 has four digits for the year: nothing before 0000, nothing after 9999. */
static const int64_t seconds_min = -62167219200;
static const int64_t seconds_max = 253402300799;

static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
				     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const weekdays[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};

/* A moment in UTC, as people write it. */
struct moment {
	int year, month, day, hour, minute, second;
};

/* Rounds down, also below zero. */
static int64_t divide(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Days since 1970 in the Gregorian calendar. Years are counted from March, so that the leap day
 * is the last of its year; then (153 m + 2) / 5 days lie before month m. */
static int64_t days_of(const struct moment *moment)
{
	int64_t year = moment->year - (moment->month <= 2);
	int64_t month = (moment->month + 9) % 12;
	int64_t era = divide(year, 400);
	int64_t year_of_era = year - era * 400;
	int64_t day_of_year = (153 * month + 2) / 5 + moment->day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * ERA_DAYS + day_of_era - EPOCH_ERA_DAYS;
}

static void set_date(struct moment *moment, int64_t days)
{
	int64_t shifted = days + EPOCH_ERA_DAYS;
	int64_t era = divide(shifted, ERA_DAYS);
	int64_t day_of_era = shifted - era * ERA_DAYS;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
			       day_of_era / (ERA_DAYS - 1)) /
			      365;
	int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month = (5 * day_of_year + 2) / 153;

	moment->day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
	moment->month = (int)(month < 10 ? month + 3 : month - 9);
	moment->year = (int)(year_of_era + era * 400 + (moment->month <= 2));
}

static struct moment moment_of(int64_t seconds)
{
	int64_t days = divide(seconds, DAY_S);
	int rest = (int)(seconds - days * DAY_S);
	struct moment moment = {.hour = rest / 3600, .minute = rest / 60 % 60, .second = rest % 60};

	set_date(&moment, days);
	return moment;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 && leap ? 29 : days[month - 1];
}

static bool moment_exists(const struct moment *moment)
{
	return moment->month >= 1 && moment->month <= 12 && moment->day >= 1 &&
	       moment->day <= days_in_month(moment->year, moment->month) && moment->hour <= 23 &&
	       moment->minute <= 59 && moment->second <= 59;
}

static int64_t seconds_of(const struct moment *moment)
{
	return days_of(moment) * DAY_S + moment->hour * 3600 + moment->minute * 60 + moment->second;
}

static int64_t clamp(int64_t seconds)
{
	if (seconds < seconds_min)
		return seconds_min;
	return seconds > seconds_max ? seconds_max : seconds;
}

void timestamp_format(int64_t seconds, char ret_text[TIMESTAMP_SIZE])
{
	struct moment m = moment_of(clamp(seconds));

	snprintf(ret_text, TIMESTAMP_SIZE, "%04u-%02u-%02uT%02u:%02u:%02uZ",
		 (unsigned)m.year % 10000, (unsigned)m.month % 100, (unsigned)m.day % 100,
		 (unsigned)m.hour % 100, (unsigned)m.minute % 100, (unsigned)m.second % 100);
}

void timestamp_format_micro(int64_t microseconds, char ret_text[TIMESTAMP_SIZE])
{
	int64_t seconds = divide(microseconds, 1000000);
	unsigned rest = (unsigned)(microseconds - seconds * 1000000);

	timestamp_format(seconds, ret_text);
	char *zone = ret_text + strlen(ret_text) - 1;
	snprintf(zone, (size_t)(ret_text + TIMESTAMP_SIZE - zone), ".%06uZ", rest % 1000000);
}

/* Exactly COUNT digits; moves *TEXT behind them. */
static bool take_number(const char **text, int count, int *ret_value)
{
	int value = 0;

	for (int i = 0; i < count; i++) {
		if ((*text)[i] < '0' || (*text)[i] > '9')
			return false;
		value = value * 10 + ((*text)[i] - '0');
	}
	*text += count;
	*ret_value = value;
	return true;
}

static bool take_char(const char **text, char expected)
{
	if (**text != expected)
		return false;
	(*text)++;
	return true;
}

/* "hh:mm" or "hh:mm:ss" */
static bool take_clock(const char **text, struct moment *moment)
{
	return take_number(text, 2, &moment->hour) && take_char(text, ':') &&
	       take_number(text, 2, &moment->minute) && take_char(text, ':') &&
	       take_number(text, 2, &moment->second);
}

static bool take_date(const char **text, struct moment *moment)
{
	return take_number(text, 4, &moment->year) && take_char(text, '-') &&
	       take_number(text, 2, &moment->month) && take_char(text, '-') &&
	       take_number(text, 2, &moment->day);
}

/* "." and at least one digit, or nothing. */
static bool skip_fraction(const char **text)
{
	int digit;

	if (!take_char(text, '.'))
		return true;
	if (!take_number(text, 1, &digit))
		return false;
	while (take_number(text, 1, &digit))
		;
	return true;
}

/* "Z", "+hh:mm" or "-hh:mm". */
static bool take_offset(const char **text, int64_t *ret_seconds)
{
	int hours;
	int minutes;

	*ret_seconds = 0;
	if (take_char(text, 'Z') || take_char(text, 'z'))
		return true;
	int sign = **text == '-' ? -1 : 1;
	if (!take_char(text, '+') && !take_char(text, '-'))
		return false;
	if (!take_number(text, 2, &hours) || !take_char(text, ':') ||
	    !take_number(text, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

bool timestamp_parse(const char *text, int64_t *ret_seconds, struct error *err)
{
	struct moment moment;
	int64_t offset;

	bool ok = take_date(&text, &moment) && (take_char(&text, 'T') || take_char(&text, 't')) &&
		  take_clock(&text, &moment) && skip_fraction(&text) &&
		  take_offset(&text, &offset) && *text == '\0' && moment_exists(&moment);
	if (!ok)
		return error_set(err, ERROR_INVALID, "not an RFC 3339 time");
	*ret_seconds = seconds_of(&moment) - offset;
	return true;
}

/* One of NAMES, three letters each. */
static bool take_name(const char **text, const char *const *names, int count, int *ret_index)
{
	for (int i = 0; i < count; i++) {
		if (strncmp(*text, names[i], 3) != 0)
			continue;
		*text += 3;
		*ret_index = i;
		return true;
	}
	return false;
}

static bool take_http_date(const char **text, struct moment *moment, int *ret_weekday)
{
	bool ok = take_name(text, weekdays, 7, ret_weekday) && take_char(text, ',') &&
		  take_char(text, ' ') && take_number(text, 2, &moment->day) &&
		  take_char(text, ' ') && take_name(text, months, 12, &moment->month) &&
		  take_char(text, ' ') && take_number(text, 4, &moment->year) &&
		  take_char(text, ' ');

	moment->month++;
	return ok;
}

bool timestamp_parse_http(const char *text, int64_t *ret_seconds, struct error *err)
{
	struct moment moment = {0};
	int weekday;

	bool ok = take_http_date(&text, &moment, &weekday) && take_clock(&text, &moment) &&
		  strcmp(text, " GMT") == 0 && moment_exists(&moment);
	if (!ok || ((days_of(&moment) % 7) + 7) % 7 != weekday)
		return error_set(err, ERROR_INVALID, "not an HTTP date");
	*ret_seconds = seconds_of(&moment);
	return true;
}
