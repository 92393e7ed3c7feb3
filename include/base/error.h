/* error.h - what went wrong: a kind for code to act on, a text for people.
 *
 * No secret may enter the text: it ends up in logs, conditions and Events. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>

enum error_kind {
	ERROR_NONE,
	ERROR_INVALID, /* the input is wrong: wait until it changes */
	ERROR_DENIED,  /* a policy or the API server said no */
	ERROR_NOT_FOUND,
	ERROR_CONFLICT,    /* somebody wrote first, or the name is taken: read again */
	ERROR_UNAVAILABLE, /* a peer or the network failed: retry later */
	ERROR_INTERNAL,    /* our bug */
};

enum { ERROR_TEXT_MAX = 256 };

/* Owned by the caller, usually on the stack; nothing to free. */
struct error {
	enum error_kind kind;
	char text[ERROR_TEXT_MAX];
};

/* Records the first error; later ones are ignored. A text that does not fit is cut at a
 * UTF-8 boundary. Always returns false, so that a failing function can say
 * `return error_set(err, ...)`. */
bool error_set(struct error *err, enum error_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts the caller's context in front of the text, keeping the kind:
 * "mint token: load key: no such file". Always returns false. */
bool error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The kind's name in lower case, as logs print it: "unavailable". Static. */
const char *error_kind_name(enum error_kind kind);

#endif
