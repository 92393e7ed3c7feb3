#include "edge/member_access.h"

#include <string.h>

#include <base/base64.h>
#include <base/cleanup.h>
#include <base/digest.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/secret.h>
#include <base/text.h>
#include <base/timestamp.h>

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

static char *digest_of(const struct secret *kubeconfig)
{
	char digest[DIGEST_HEX_SIZE];

	digest_hex(secret_expose(kubeconfig), kubeconfig->size, digest);
	return memory_text(digest);
}

static bool read_kubeconfig(const struct json *data, struct member_access *access,
			    struct error *err)
{
	const char *encoded = json_find_string(data, "kubeconfig");
	cleanup_secret struct secret kubeconfig = {0};

	if (!encoded)
		return error_set(err, ERROR_INVALID, "the member access has no key kubeconfig");
	if (!base64_decode(encoded, &kubeconfig, err))
		return error_wrap(err, "kubeconfig of the member access");
	access->digest = digest_of(&kubeconfig);
	if (!kubeconfig_read_inline(secret_expose(&kubeconfig), kubeconfig.size, &access->endpoint,
				    err))
		return error_wrap(err, "kubeconfig of the member access");
	return mode_is_served(data, err);
}

/* What is no time asks for nothing, as nobody could be told but the log. */
static int64_t read_rotate_at(const struct json *metadata)
{
	const char *text = json_find_string(metadata, "annotations", "credbroker.dev/rotate-at");
	struct error ignored = {0};
	int64_t seconds = 0;

	return text && timestamp_parse(text, &seconds, &ignored) && seconds > 0 ? seconds : 0;
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
	access->uid = memory_text(json_find_string(metadata, "uid"));
	access->version = version_of(metadata);
	access->profile_key = memory_text(profile_key);
	access->rotate_at = read_rotate_at(metadata);
	if (!read_kubeconfig(json_find(secret, "data"), access, &invalid))
		memcpy(access->invalid, invalid.text, sizeof(access->invalid));
	return access;
}

struct own_bootstrap member_access_bootstrap(const struct member_access *access)
{
	return (struct own_bootstrap){
		.access_name = access->name,
		.access_uid = access->uid,
		.profile_key = access->profile_key,
		.digest = access->digest,
	};
}

void member_access_free(void *pointer)
{
	struct member_access *access = pointer;

	if (!access)
		return;
	memory_free(access->name);
	memory_free(access->uid);
	memory_free(access->digest);
	memory_free(access->version);
	memory_free(access->profile_key);
	kube_endpoint_done(&access->endpoint);
	memory_free(access);
}
