#include "core/kube_call.h"

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
