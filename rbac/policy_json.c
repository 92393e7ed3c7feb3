#include "rbac/policy_json.h"

#include <string.h>

#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>

bool policy_json_count(const struct json *object, const char *field, size_t least, size_t most,
		       size_t *ret_count, struct error *err)
{
	const struct json *list = json_find(object, field);
	size_t count = json_size(list);

	if (list && !json_is_array(list))
		return error_set(err, ERROR_INVALID, "%s must be a list", field);
	if (list && count < least)
		return error_set(err, ERROR_INVALID, "%s is empty: name something or leave it out",
				 field);
	if (count > most)
		return error_set(err, ERROR_INVALID, "%s has %zu entries: write at most %zu", field,
				 count, most);
	*ret_count = count;
	return true;
}

bool policy_json_check_text(const char *text, struct error *err)
{
	if (!text)
		return error_set(err, ERROR_INVALID, "must be a string");
	if (strlen(text) > POLICY_WORD_MAX)
		return error_set(err, ERROR_INVALID, "must have at most %d bytes", POLICY_WORD_MAX);
	for (const char *at = text; *at; at++)
		if ((unsigned char)*at < ' ' || *at == '\x7f')
			return error_set(err, ERROR_INVALID, "must have no control characters");
	return true;
}

const char *policy_json_name(const struct json *object, const char *field, struct error *err)
{
	const char *name = json_find_string(object, field);

	if (!policy_json_check_text(name, err)) {
		error_wrap(err, "%s", field);
		return NULL;
	}
	if (*name == '\0') {
		error_set(err, ERROR_INVALID, "%s is empty: write a name", field);
		return NULL;
	}
	return name;
}

bool policy_json_items(const struct json *object, const char *field, size_t least, size_t most,
		       policy_json_read *read_item, size_t size, struct policy_items *ret_items,
		       struct error *err)
{
	size_t count = 0;

	*ret_items = (struct policy_items){0};
	if (!policy_json_count(object, field, least, most, &count, err))
		return false;
	if (count == 0)
		return true;
	ret_items->items = memory_new_array(count, size);
	for (size_t i = 0; i < count; i++) {
		char *place = (char *)ret_items->items + i * size;

		ret_items->count = i + 1;
		if (!read_item(json_item(json_find(object, field), i), place, err))
			return error_wrap(err, "%s[%zu]", field, i);
	}
	return true;
}
