#include "edge/http_headers.h"

#include <string.h>
#include <strings.h>

#include <base/error.h>
#include <base/limits.h>
#include <base/timestamp.h>

/* Without the white space around it. */
struct value {
	const char *chars;
	size_t size;
};

static struct value trimmed(const char *chars, size_t size)
{
	while (size > 0 && (*chars == ' ' || *chars == '\t')) {
		chars++;
		size--;
	}
	while (size > 0 && strchr(" \t\r\n", chars[size - 1]))
		size--;
	return (struct value){chars, size};
}

/* True when LINE is the header NAME (in lower case, with its colon); *RET_VALUE is what stands
 * behind it. */
static bool is_header(const char *line, size_t size, const char *name, struct value *ret_value)
{
	size_t length = strlen(name);

	/* Most lines are told apart by their first letter. */
	if (size < length || (line[0] | 0x20) != name[0] || strncasecmp(line, name, length) != 0)
		return false;
	*ret_value = trimmed(line + length, size - length);
	return true;
}

/* A value that does not fit is as good as none. */
static void keep(struct value value, char target[HTTP_HEADER_VALUE_MAX])
{
	if (value.size >= HTTP_HEADER_VALUE_MAX)
		return;
	memcpy(target, value.chars, value.size);
	target[value.size] = '\0';
}

static int64_t seconds_in(struct value value)
{
	int64_t seconds = 0;

	if (value.size == 0 || value.size > 9)
		return -1;
	for (size_t i = 0; i < value.size; i++) {
		if (value.chars[i] < '0' || value.chars[i] > '9')
			return -1;
		seconds = 10 * seconds + (value.chars[i] - '0');
	}
	return seconds;
}

static int64_t date_in(struct value value)
{
	char text[HTTP_HEADER_VALUE_MAX] = "";
	struct error err = {0};
	int64_t seconds;

	keep(value, text);
	return timestamp_parse_http(text, &seconds, &err) ? seconds : -1;
}

/* 299 agent "text" (RFC 7234 5.5): only this code is used by API servers. */
static void keep_warning(struct value value, char target[HTTP_HEADER_VALUE_MAX])
{
	if (target[0] != '\0' || value.size < 4 || strncmp(value.chars, "299 ", 4) != 0)
		return;
	const char *first = memchr(value.chars, '"', value.size);
	const char *last = memrchr(value.chars, '"', value.size);
	if (first && last > first)
		keep((struct value){first + 1, (size_t)(last - first) - 1}, target);
}

/* "HTTP/1.1 200 OK" */
static int status_in(const char *line, size_t size)
{
	const char *space = memchr(line, ' ', size);

	if (!space || size - (size_t)(space - line) < 4)
		return 0;
	return (int)seconds_in((struct value){space + 1, 3});
}

static void begin_response(struct http_headers *headers, int status)
{
	size_t bytes = headers->bytes;
	size_t count = headers->count;

	http_headers_init(headers);
	headers->status = status;
	headers->bytes = bytes;
	headers->count = count;
}

static void keep_header(struct http_headers *headers, const char *line, size_t size)
{
	struct value value;

	if (is_header(line, size, "content-type:", &value))
		keep(value, headers->content_type);
	else if (is_header(line, size, "retry-after:", &value))
		headers->retry_after_s = seconds_in(value);
	else if (is_header(line, size, "date:", &value))
		headers->date_s = date_in(value);
	else if (is_header(line, size, "warning:", &value))
		keep_warning(value, headers->warning);
}

void http_headers_init(struct http_headers *headers)
{
	memset(headers, 0, sizeof(*headers));
	headers->retry_after_s = -1;
	headers->date_s = -1;
}

bool http_headers_add(struct http_headers *headers, const char *line, size_t size,
		      struct error *err)
{
	headers->bytes += size;
	headers->count++;
	if (headers->bytes > HTTP_HEADERS_MAX || headers->count > HTTP_HEADERS_COUNT_MAX)
		return error_set(err, ERROR_INVALID, "the reply has too many headers");
	if (headers->complete)
		return true;
	if (size >= 5 && strncmp(line, "HTTP/", 5) == 0)
		begin_response(headers, status_in(line, size));
	else if (trimmed(line, size).size == 0)
		headers->complete = headers->status >= 200;
	else
		keep_header(headers, line, size);
	return true;
}
