/* secret.h - bytes that are wiped, compared in constant time, and cannot be printed by accident.
 *
 * It is a struct and not a char *, so no formatter takes it. Only the files that tests/rules
 * lists may call secret_expose(). */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

struct secret {
	char *bytes; /* NUL behind them; NULL when empty */
	size_t size; /* without the NUL */
};

#define cleanup_secret __attribute__((cleanup(secret_done)))

/* A copy of SIZE bytes; the caller's, released with secret_done(). */
struct secret secret_from_bytes(const char *bytes, size_t size);
struct secret secret_dup(const struct secret *secret);

/* Takes BYTES (memory of base/memory.h), which hold SIZE bytes and a NUL. */
struct secret secret_take(char *bytes, size_t size);

/* Hands over the content; SECRET is empty afterwards. */
struct secret secret_move(struct secret *secret);

/* Wipes and releases; fine when empty and twice. */
void secret_done(struct secret *secret);

bool secret_is_empty(const struct secret *secret);

/* In constant time for equal sizes. */
bool secret_equal(const struct secret *a, const struct secret *b);

/* The NUL-terminated bytes, never NULL; borrowed. The name is for reviewers to search. */
const char *secret_expose(const struct secret *secret);

#endif
