#include "edge/log.h"

#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>
#include <base/timestamp.h>

/* A write of at most PIPE_BUF bytes to a pipe that poll() calls writable is taken whole and at
 * once (pipe(7)), without O_NONBLOCK, which would change the descriptor for its other users too. */
enum { LINE_MAX_BYTES = PIPE_BUF, VALUE_MAX = 1024, VALUE_MIN = 16 };

static enum log_level level_min = LOG_LEVEL_INFO;
static int64_t dropped;

static const char *const level_names[] = {
	[LOG_LEVEL_DEBUG] = "debug",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_ERROR] = "error",
};

static void add_value(struct json *line, const char *key, const char *value, size_t value_max)
{
	size_t size = strnlen(value, value_max + 1);
	if (size <= value_max) {
		json_add_string(line, key, value);
		return;
	}
	cleanup_free char *cut = memory_bytes(value, text_utf8_cut(value, value_max));
	json_add_string(line, key, cut);
}

static char *build_line(enum log_level level, const char *message, va_list pairs, size_t value_max,
			size_t *ret_size)
{
	cleanup_json struct json *line = json_object_new();
	char time[TIMESTAMP_SIZE];

	for (const char *key = va_arg(pairs, const char *); key;
	     key = va_arg(pairs, const char *)) {
		const char *value = va_arg(pairs, const char *);
		if (value)
			add_value(line, key, value, value_max);
	}
	timestamp_format_micro(clock_wall_us(clock_system()), time);
	json_add_string(line, "time", time);
	json_add_string(line, "level", level_names[level]);
	json_add_string(line, "message", message);
	if (dropped > 0)
		json_add_integer(line, "dropped", dropped);
	return json_dump(line, ret_size);
}

/* LINE ends with a NUL, which gives way to the line's end. */
static bool write_at_once(char *line, size_t size)
{
	struct pollfd target = {.fd = STDERR_FILENO, .events = POLLOUT};

	if (size + 1 > LINE_MAX_BYTES)
		return false;
	if (poll(&target, 1, 0) != 1 || !(target.revents & POLLOUT))
		return false;
	line[size] = '\n';
	return write(STDERR_FILENO, line, size + 1) == (ssize_t)(size + 1);
}

void log_set_level(enum log_level level)
{
	level_min = level;
}

void log_event(enum log_level level, const char *message, ...)
{
	if (level < level_min)
		return;

	cleanup_free char *line = NULL;
	size_t size = SIZE_MAX;
	for (size_t value_max = VALUE_MAX; size >= LINE_MAX_BYTES && value_max >= VALUE_MIN;
	     value_max /= 4) {
		va_list pairs;
		va_start(pairs, message);
		memory_free(line);
		line = build_line(level, message, pairs, value_max, &size);
		va_end(pairs);
	}
	if (write_at_once(line, size))
		dropped = 0;
	else
		dropped++;
}
