#include "rbac/name_set.h"

#include <stdlib.h>
#include <string.h>

#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>

#include "rbac/policy_json.h"

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool read_value(const struct json *item, void *place, struct error *err)
{
	const char *value = json_string(item);

	if (!policy_json_check_text(value, err))
		return false;
	*(char **)place = memory_text(value);
	return true;
}

static bool read_name(const struct json *item, void *place, struct error *err)
{
	const char *name = json_string(item);

	if (name && *name == '\0')
		return error_set(err, ERROR_INVALID, "is empty: write a name or leave it out");
	return read_value(item, place, err);
}

static bool read_list(const struct json *object, const char *field, size_t least,
		      policy_json_read *read, struct name_set *ret_set, struct error *err)
{
	struct policy_items names = {0};
	bool ok = policy_json_items(object, field, least, POLICY_LIST_MAX, read, sizeof(char *),
				    &names, err);

	*ret_set = (struct name_set){names.items, names.count};
	if (ok)
		*ret_set = name_set_of(names.items, names.count);
	return ok;
}

bool name_set_read(const struct json *object, const char *field, size_t least,
		   struct name_set *ret_set, struct error *err)
{
	return read_list(object, field, least, read_name, ret_set, err);
}

bool name_set_read_values(const struct json *object, const char *field, size_t least,
			  struct name_set *ret_set, struct error *err)
{
	return read_list(object, field, least, read_value, ret_set, err);
}

struct name_set name_set_of(char **names, size_t count)
{
	if (count > 1)
		qsort(names, count, sizeof(*names), compare_names);
	return (struct name_set){names, count};
}

void name_set_done(struct name_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		memory_free(set->names[i]);
	memory_free(set->names);
	*set = (struct name_set){0};
}

bool name_set_has(const struct name_set *set, const char *name)
{
	return name && set->count > 0 &&
	       bsearch(&name, set->names, set->count, sizeof(name), compare_names) != NULL;
}
