/* http_headers.h - what is kept of the headers of one response, within caps. Pure. */
#ifndef EDGE_HTTP_HEADERS_H
#define EDGE_HTTP_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum { HTTP_HEADER_VALUE_MAX = 256, HTTP_HEADERS_COUNT_MAX = 128 };

struct http_headers {
	int status;    /* of the last status line; 0 before the first */
	bool complete; /* the headers of a final (not 1xx) response have ended */
	char content_type[HTTP_HEADER_VALUE_MAX]; /* "" when absent */
	char warning[HTTP_HEADER_VALUE_MAX]; /* text of the first Warning: 299; "" when absent */
	int64_t retry_after_s;               /* -1 when absent or not a number of seconds */
	int64_t date_s;                      /* -1 when absent or malformed */
	size_t bytes;                        /* counted over all lines, trailers and 1xx included */
	size_t count;
};

void http_headers_init(struct http_headers *headers);

/* Takes in one LINE of SIZE bytes as it came, with its line end: a status line, a header, or the
 * empty line. Lines behind the end of the headers (trailers) only count. Fails with ERROR_INVALID
 * once there are more bytes than HTTP_HEADERS_MAX or more lines than HTTP_HEADERS_COUNT_MAX. */
bool http_headers_add(struct http_headers *headers, const char *line, size_t size,
		      struct error *err);

#endif
