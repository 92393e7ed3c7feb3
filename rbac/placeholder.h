/* placeholder.h - "$(name)": the place of a value in a template.
 *
 * For rbac alone. A placeholder is a whole string; there is no way to write "$(" otherwise. */
#ifndef RBAC_PLACEHOLDER_H
#define RBAC_PLACEHOLDER_H

#include <stdbool.h>

struct error;

enum { PLACEHOLDER_NAME_MAX = 63 };
#define PLACEHOLDER_NAME_FORM "a lower-case letter, then letters and digits, at most 63"

struct placeholder {
	char name[PLACEHOLDER_NAME_MAX + 1]; /* "" in a string that is not one */
};

/* Is NAME (may be NULL) a name for a parameter or a variable? */
bool placeholder_name_is_legal(const char *name);

/* False (ERROR_INVALID, saying what to write) when "$(" is in TEXT, but TEXT is no placeholder. */
bool placeholder_read(const char *text, struct placeholder *ret_placeholder, struct error *err);

#endif
