#include "edge/member_access.h"

#include <string.h>

#include <base/base64.h>
#include <base/cleanup.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/secret.h>
#include <base/text.h>

static bool is_profile_key(const char *key)
{
	const char *slash = key ? strchr(key, '/') : NULL;

	return slash && slash > key && slash[1] && !strchr(slash + 1, '/') && strlen(key) <= 317;
}

static char *version_of(const struct json *metadata)
{
	struct text version = text_with_max(512);
	const char *uid = json_find_string(metadata, "uid");
	const char *resource_version = json_find_string(metadata, "resourceVersion");

	text_appendf(&version, "%s/%s", uid ? uid : "", resource_version ? resource_version : "");
	return text_take(&version);
}

static bool mode_is_served(const struct json *data, struct error *err)
{
	const char *encoded = json_find_string(data, "mode");
	cleanup_secret struct secret mode = {0};

	if (!encoded)
		return true;
	if (!base64_decode(encoded, &mode, err))
		return error_wrap(err, "mode");
	if (strcmp(secret_expose(&mode), "push") != 0)
		return error_set(err, ERROR_INVALID,
				 "key mode of the member access: only push is served");
	return true;
}

static bool read_endpoint(const struct json *data, struct kube_endpoint *ret_endpoint,
			  struct error *err)
{
	const char *encoded = json_find_string(data, "kubeconfig");
	cleanup_secret struct secret kubeconfig = {0};

	if (!encoded)
		return error_set(err, ERROR_INVALID, "the member access has no key kubeconfig");
	if (!base64_decode(encoded, &kubeconfig, err))
		return error_wrap(err, "kubeconfig of the member access");
	if (!kubeconfig_read_inline(secret_expose(&kubeconfig), kubeconfig.size, ret_endpoint, err))
		return error_wrap(err, "kubeconfig of the member access");
	return mode_is_served(data, err);
}

struct member_access *member_access_read(const struct json *secret, struct error *err)
{
	const struct json *metadata = json_find(secret, "metadata");
	const char *profile_key =
		json_find_string(metadata, "annotations", "credbroker.dev/cluster-profile");
	struct error invalid = {0};
	struct member_access *access;

	if (!is_profile_key(profile_key)) {
		error_set(err, ERROR_INVALID,
			  "annotation credbroker.dev/cluster-profile must be <namespace>/<name>");
		return NULL;
	}
	access = memory_new(sizeof(*access));
	access->name = memory_text(json_find_string(metadata, "name"));
	access->version = version_of(metadata);
	access->profile_key = memory_text(profile_key);
	if (!read_endpoint(json_find(secret, "data"), &access->endpoint, &invalid))
		memcpy(access->invalid, invalid.text, sizeof(access->invalid));
	return access;
}

void member_access_free(void *pointer)
{
	struct member_access *access = pointer;

	if (!access)
		return;
	memory_free(access->name);
	memory_free(access->version);
	memory_free(access->profile_key);
	kube_endpoint_done(&access->endpoint);
	memory_free(access);
}
