/* timestamp.h - RFC 3339 to and from seconds since 1970, UTC. Pure. */
#ifndef BASE_TIMESTAMP_H
#define BASE_TIMESTAMP_H

#include <stdbool.h>
#include <stdint.h>

struct error;

enum { TIMESTAMP_SIZE = 32 };

/* "2006-01-02T15:04:05Z" (metav1.Time). */
void timestamp_format(int64_t seconds, char ret_text[TIMESTAMP_SIZE]);

/* "2006-01-02T15:04:05.000000Z": exactly six digits (metav1.MicroTime, kube-semantics L-06). */
void timestamp_format_micro(int64_t microseconds, char ret_text[TIMESTAMP_SIZE]);

/* Any fraction and offset; the fraction is cut off. ERROR_INVALID otherwise. */
bool timestamp_parse(const char *text, int64_t *ret_seconds, struct error *err);

/* An HTTP date (IMF-fixdate, RFC 9110 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT". */
bool timestamp_parse_http(const char *text, int64_t *ret_seconds, struct error *err);

#endif
