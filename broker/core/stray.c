#include "core/stray.h"

#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/kube_path.h"
#include "core/member_objects.h"
#include "core/request_nonce.h"

enum { RANK_BINDING, RANK_IDENTITY, RANK_ROLE };

void stray_free(void *pointer)
{
	struct stray *stray = pointer;

	if (!stray)
		return;
	memory_free(stray->namespace);
	memory_free(stray->name);
	memory_free(stray->uid);
	memory_free(stray->resource_version);
	memory_free(stray->request_uid);
	memory_free(stray);
}

struct stray *stray_read(const struct kube_resource *resource, const struct json *item,
			 const char *hub_id, const char *request_uid, const struct secret *key)
{
	const struct json *metadata = json_find(item, "metadata");
	const char *version = json_find_string(metadata, "resourceVersion");
	const char *uid = member_object_uid(item);
	struct stray *stray;
	char nonce[NONCE_SIZE];

	request_nonce(key, hub_id, request_uid, nonce);
	if (!uid || text_is_empty(version) || json_find(metadata, "deletionTimestamp") ||
	    !member_object_has_mark(item, resource, nonce))
		return NULL;
	stray = memory_new(sizeof(*stray));
	stray->resource = resource;
	stray->namespace = memory_text(json_find_string(metadata, "namespace"));
	stray->name = memory_text(json_find_string(metadata, "name"));
	stray->uid = memory_text(uid);
	stray->resource_version = memory_text(version);
	stray->request_uid = memory_text(request_uid);
	return stray;
}

int stray_rank(const struct stray *stray)
{
	if (stray->resource == &KUBE_ROLE_BINDINGS ||
	    stray->resource == &KUBE_CLUSTER_ROLE_BINDINGS)
		return RANK_BINDING;
	return stray->resource == &KUBE_SERVICE_ACCOUNTS ? RANK_IDENTITY : RANK_ROLE;
}
