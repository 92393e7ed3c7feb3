#include "core/hub_namespace.h"

#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>

struct hub_namespace *hub_namespace_read(const struct json *object, struct error *err)
{
	const struct json *labels = json_find(object, "metadata", "labels");
	struct hub_namespace *result;

	if (!json_find_string(object, "metadata", "uid")) {
		error_set(err, ERROR_INVALID, "a Namespace without uid");
		return NULL;
	}
	result = memory_new(sizeof(*result));
	result->labels = labels ? json_dup(labels) : NULL;
	return result;
}

void hub_namespace_free(void *pointer)
{
	struct hub_namespace *namespace_seen = pointer;

	if (!namespace_seen)
		return;
	json_free(namespace_seen->labels);
	memory_free(namespace_seen);
}
