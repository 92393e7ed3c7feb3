#include "core/cluster_profile.h"

#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>

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
	return profile;
}

void cluster_profile_free(void *pointer)
{
	struct cluster_profile *profile = pointer;

	if (!profile)
		return;
	memory_free(profile->uid);
	memory_free(profile);
}
