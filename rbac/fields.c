#include "rbac/fields.h"

#include <stddef.h>

#include <base/error.h>
#include <base/json.h>
#include <base/text.h>

#include "rbac/template_values.h"

struct known_fields {
	const char *const *names;
	struct error *err;
};

static bool is_known(void *context, const char *key, const struct json *value)
{
	const struct known_fields *known = context;

	(void)value;
	for (size_t i = 0; known->names[i]; i++)
		if (text_same(key, known->names[i]))
			return true;
	return error_set(known->err, ERROR_INVALID,
			 "\"%.80s\" is no field of it: leave it out, or write \"%s\"",
			 template_value_is_plain(key) ? key : "?", known->names[0]);
}

bool fields_are_known(const struct json *json, const char *const *known, struct error *err)
{
	struct known_fields context = {.names = known, .err = err};

	if (!json_is_object(json))
		return error_set(err, ERROR_INVALID, "it must be an object with the field \"%s\"",
				 known[0]);
	return json_each(json, is_known, &context);
}
