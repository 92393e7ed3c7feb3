#include "core/denial_steps.h"

#include <stddef.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access.h"
#include "core/access_steps.h"
#include "core/hub_state.h"
#include "core/kube_path.h"
#include "core/ledger.h"
#include "core/request.h"
#include "core/store.h"

/* One object that the decision rests on. */
struct ground {
	const struct kube_resource *resource;
	const struct store *store;
	const char *key; /* NULL: it does not rest on one */
};

enum { GROUND_COUNT = 3 };

static struct ground ground_of(const struct access_steps *steps, const struct access *access,
			       size_t index)
{
	const struct request *request = access_steps_request(steps, access);
	const struct ground grounds[GROUND_COUNT] = {
		{&KUBE_ACCESS_POLICIES, steps->seen->policies,
		 access->ledger ? access->ledger->policy : NULL},
		{&KUBE_NAMESPACES, steps->seen->namespaces, request ? request->namespace : NULL},
		{&KUBE_CLUSTER_PROFILES, steps->seen->profiles, access->profile_key},
	};

	return grounds[index];
}

static bool is_shown(const struct ground *ground)
{
	return !ground->key || store_find(ground->store, ground->key);
}

static void look_further(struct access_steps *steps, struct access *access);

/* The decision is taken anew when this is over. What is there but cannot be read says neither yes
 * nor no, and is looked at again after a while. */
static void take_ground(struct access_steps *steps, struct access *access,
			const struct ground *ground, const struct json *object)
{
	struct error err = {0};

	if (!is_shown(ground) && access->departures != store_departures(ground->store)) {
		access_steps_succeed(steps, access); /* it may be gone again: asked anew */
		return;
	}
	if (!is_shown(ground)) /* another request may have found it already */
		steps->found(steps->context, ground->resource, ground->key, object);
	if (is_shown(ground)) {
		access_steps_succeed(steps, access);
		return;
	}
	error_set(&err, ERROR_UNAVAILABLE, "%s %.80s is there, but cannot be read",
		  ground->resource->kind, ground->key);
	access_steps_fail(steps, access, "HubUnavailable", &err);
}

static void ground_answered(struct access_steps *steps, struct access *access,
			    const struct kube_reply *reply)
{
	struct ground ground = ground_of(steps, access, access->chain);

	if (reply->err && reply->kube.reason != KUBE_REASON_NOT_FOUND) {
		access_steps_fail(steps, access, "HubUnavailable", reply->err);
		return;
	}
	if (!reply->err && ground.key) {
		take_ground(steps, access, &ground, reply->object);
		return;
	}
	access->chain++;
	look_further(steps, access);
}

static void read_ground(struct access_steps *steps, struct access *access,
			const struct ground *ground)
{
	const char *slash = strchr(ground->key, '/');
	size_t size = slash ? (size_t)(slash - ground->key) : 0;
	cleanup_free char *in = slash ? memory_bytes(ground->key, size) : NULL;
	cleanup_free char *path = NULL;
	struct error err = {0};

	if (!kube_path_object(ground->resource, in, slash ? slash + 1 : ground->key, NULL, &path,
			      &err)) {
		access_steps_fail(steps, access, "InvalidRequest", &err);
		return;
	}
	access->departures = store_departures(ground->store);
	access_steps_call_hub(
		steps, access,
		&(struct kube_request){.verb = KUBE_GET, .path = path, .urgent = true},
		ground_answered);
}

static void look_further(struct access_steps *steps, struct access *access)
{
	for (; access->chain < GROUND_COUNT; access->chain++) {
		struct ground ground = ground_of(steps, access, access->chain);

		if (!is_shown(&ground)) {
			read_ground(steps, access, &ground);
			return;
		}
	}
	access->denial_confirmed = true;
	access_steps_succeed(steps, access);
}

void denial_step_confirm(struct access_steps *steps, struct access *access)
{
	access->chain = 0;
	look_further(steps, access);
}
