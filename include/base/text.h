/* text.h - text that grows up to a cap that its owner chose.
 *
 * Going over the cap is not an accident but an answer: the text stays as it was and
 * text_ok() turns false, so that a chain of appends is checked once. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct error;

struct text {
	char *chars; /* NUL-terminated; NULL while empty */
	size_t size; /* without the NUL */
	size_t capacity;
	size_t size_max;
	bool overflown;
};

#define cleanup_text __attribute__((cleanup(text_done)))

/* An empty text of at most SIZE_MAX bytes; allocates nothing. */
struct text text_with_max(size_t size_max);

/* Wipes and releases the content; fine on an empty text and twice. */
void text_done(struct text *text);

void text_append(struct text *text, const char *chars);
void text_append_bytes(struct text *text, const char *bytes, size_t size);
void text_appendf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* False (ERROR_INVALID, naming WHAT and the cap) when any append did not fit. */
bool text_ok(const struct text *text, const char *what, struct error *err);

/* The content so far, never NULL; borrowed until the next change. */
const char *text_chars(const struct text *text);

/* Hands the content over (never NULL); TEXT is empty afterwards. */
char *text_take(struct text *text);

/* Equality where NULL equals only NULL. */
bool text_same(const char *a, const char *b);

/* True for NULL and "". */
bool text_is_empty(const char *text);

/* The largest size <= SIZE that does not cut a UTF-8 sequence of CHARS in two. */
size_t text_utf8_cut(const char *chars, size_t size);

#endif
