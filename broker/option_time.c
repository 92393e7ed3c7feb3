#include "option_time.h"

#include <string.h>

#include <base/error.h>

static int64_t seconds_of_unit(const char *unit)
{
	if (strcmp(unit, "s") == 0)
		return 1;
	if (strcmp(unit, "m") == 0)
		return 60;
	return strcmp(unit, "h") == 0 ? 3600 : 0;
}

bool option_time_take(const char *value, int64_t *ret_seconds, struct error *err)
{
	enum { DIGITS_MAX = 5, TIME_MAX_S = 24 * 3600 };
	size_t digits = strspn(value, "0123456789");
	int64_t seconds = 0;

	for (size_t i = 0; i < digits && digits <= DIGITS_MAX; i++)
		seconds = seconds * 10 + (value[i] - '0');
	seconds *= seconds_of_unit(value + digits);
	if (seconds < 1 || seconds > TIME_MAX_S)
		return error_set(err, ERROR_INVALID,
				 "\"%.80s\" is no time from 1s to 24h, such as 30s, 10m or 2h",
				 value);
	*ret_seconds = seconds;
	return true;
}
