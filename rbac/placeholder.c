#include "rbac/placeholder.h"

#include <stddef.h>
#include <string.h>

#include <base/error.h>

/* Not isalpha() and its like: they ask the locale. */
static const char small_letters[] = "abcdefghijklmnopqrstuvwxyz";
static const char letters_and_digits[] = "abcdefghijklmnopqrstuvwxyz"
					 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

static bool is_legal(const char *name, size_t size)
{
	return size > 0 && size <= PLACEHOLDER_NAME_MAX && strspn(name, small_letters) > 0 &&
	       strspn(name, letters_and_digits) >= size;
}

bool placeholder_name_is_legal(const char *name)
{
	return name && is_legal(name, strlen(name));
}

bool placeholder_read(const char *text, struct placeholder *ret_placeholder, struct error *err)
{
	struct placeholder placeholder = {0};
	size_t size = strlen(text);

	if (strstr(text, "$(")) {
		bool is_whole = strncmp(text, "$(", 2) == 0 && text[size - 1] == ')';

		if (!is_whole || !is_legal(text + 2, size - 3))
			return error_set(err, ERROR_INVALID,
					 "\"$(\" begins no placeholder there: a whole string such "
					 "as \"$(name)\" is one, parts of a string are not "
					 "replaced");
		memcpy(placeholder.name, text + 2, size - 3);
	}
	*ret_placeholder = placeholder;
	return true;
}
