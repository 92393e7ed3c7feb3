#include "core/cluster_profile.h"

#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>

static struct json *copy_of(const struct json *value)
{
	return value ? json_dup(value) : NULL;
}

struct cluster_profile *cluster_profile_read(const struct json *object, struct error *err)
{
	const char *uid = json_find_string(object, "metadata", "uid");
	struct cluster_profile *profile;

	if (!uid) {
		error_set(err, ERROR_INVALID, "a ClusterProfile without uid");
		return NULL;
	}
	profile = memory_new(sizeof(*profile));
	profile->uid = memory_text(uid);
	profile->manager = memory_text(json_find_string(object, "spec", "clusterManager", "name"));
	profile->labels = copy_of(json_find(object, "metadata", "labels"));
	profile->properties = copy_of(json_find(object, "status", "properties"));
	return profile;
}

void cluster_profile_free(void *pointer)
{
	struct cluster_profile *profile = pointer;

	if (!profile)
		return;
	memory_free(profile->uid);
	memory_free(profile->manager);
	json_free(profile->labels);
	json_free(profile->properties);
	memory_free(profile);
}
