/* name_set.h - names that a policy lists. A name is a name: there are no wildcards.
 *
 * For rbac alone. */
#ifndef RBAC_NAME_SET_H
#define RBAC_NAME_SET_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct json;

/* Sorted by bytes. Zeroed: empty. */
struct name_set {
	char **names;
	size_t count;
};

/* Reads the list OBJECT.FIELD of strings, none of them empty; absent means no names, but a list
 * that is there has at least LEAST. False (ERROR_INVALID, saying what to write instead). RET_SET is
 * set in any case, for name_set_done(). */
bool name_set_read(const struct json *object, const char *field, size_t least,
		   struct name_set *ret_set, struct error *err);

/* The same for values, which may be empty strings. */
bool name_set_read_values(const struct json *object, const char *field, size_t least,
			  struct name_set *ret_set, struct error *err);

/* Makes SET of COUNT heap strings, which it takes. */
struct name_set name_set_of(char **names, size_t count);

void name_set_done(struct name_set *set);
#define cleanup_name_set __attribute__((cleanup(name_set_done)))

/* NAME may be NULL, which is in no set. */
bool name_set_has(const struct name_set *set, const char *name);

#endif
