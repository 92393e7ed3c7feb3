#include "core/kube_call.h"

#include <string.h>

#include <base/json.h>

struct json *kube_delete_options(const char *uid, const char *resource_version)
{
	struct json *options = json_object_new();

	json_add_string(options, "apiVersion", "v1");
	json_add_string(options, "kind", "DeleteOptions");
	json_add_string(options, "propagationPolicy", "Background");
	if (uid || resource_version) {
		struct json *preconditions = json_add_object(options, "preconditions");
		json_add_string(preconditions, "uid", uid);
		json_add_string(preconditions, "resourceVersion", resource_version);
	}
	return options;
}

bool kube_call_version_is_older(const char *version, const char *than)
{
	size_t size = strlen(version);
	size_t other = strlen(than);

	return size != other ? size < other : strcmp(version, than) < 0;
}
