#include "core/derived_name.h"

#include <stdbool.h>
#include <stddef.h>

#include <base/digest.h>
#include <base/text.h>

static const char prefix[] = "credbroker-";

enum {
	PREFIX_SIZE = sizeof(prefix) - 1,
	/* What is left between the prefix and "-DIGEST". */
	READABLE_MAX = DERIVED_NAME_MAX - PREFIX_SIZE - DIGEST_SHORT_SIZE,
};

/* The character as a label may hold it, or '-'. */
static char cleaned(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '-';
}

/* Letters and digits with single dashes between them, none at either end. */
static void append_readable(struct text *name, const char *readable)
{
	size_t size = 0;
	bool dash = false;

	for (; *readable; readable++) {
		char c = cleaned(*readable);
		if (c == '-') {
			dash = size > 0;
			continue;
		}
		size += dash ? 2 : 1;
		if (size > READABLE_MAX)
			break;
		text_appendf(name, dash ? "-%c" : "%c", c);
		dash = false;
	}
	if (name->size > PREFIX_SIZE)
		text_append(name, "-");
}

char *derived_name(const char *readable, const char *const *fields)
{
	struct text name = text_with_max(DERIVED_NAME_MAX);
	char digest[DIGEST_SHORT_SIZE];

	text_append(&name, prefix);
	append_readable(&name, readable);
	digest_short(fields, digest);
	text_append(&name, digest);
	return text_take(&name);
}
