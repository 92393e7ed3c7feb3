#include "core/requester_steps.h"

#include <stddef.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access.h"
#include "core/access_steps.h"
#include "core/kube_path.h"
#include "core/request.h"

enum {
	YES_MS = 60 * 1000, /* one answer serves the steps up to a token */
	/* An API server that has just started says no until it has read its roles: one no is none.
	 */
	FIRST_NO_MS = 10 * 1000,
	NO_MS = 30 * 1000, /* nothing tells when a right is given */
};

static void answer(struct access_steps *steps, struct access *access, bool may)
{
	int64_t valid_ms = access->requester_refusals == 0 ? FIRST_NO_MS : NO_MS;

	access->requester_refusals = may ? 0 : access->requester_refusals + 1;
	access->requester_asked_until_ms =
		clock_monotonic_ms(steps->clock) + (may ? YES_MS : valid_ms);
	access->permission_round = 0; /* it is decided anew */
	access_steps_succeed(steps, access);
}

static void ask(struct access_steps *steps, struct access *access, const struct request *request);

static void answered(struct access_steps *steps, struct access *access,
		     const struct kube_reply *reply)
{
	const struct request *request = access_steps_request(steps, access);
	const struct json *status = json_find(reply->object, "status");
	struct error err = {0};

	if (reply->err) {
		access_steps_fail(steps, access, "HubUnavailable", reply->err);
		return;
	}
	if (!request || request->generation != access->seen_generation) {
		access_steps_succeed(steps, access);
		return;
	}
	if (json_is_true(json_find(status, "allowed"))) {
		access->chain++;
		ask(steps, access, request);
		return;
	}
	if (!text_is_empty(json_find_string(status, "evaluationError"))) {
		error_set(&err, ERROR_UNAVAILABLE, "the hub cannot tell what the requester may");
		access_steps_fail(steps, access, "HubUnavailable", &err);
		return;
	}
	answer(steps, access, false);
}

static void add_attributes(const struct access *access, const struct request *request,
			   struct json *attributes)
{
	const struct kube_resource *resource =
		access->chain == 0 ? &KUBE_CLUSTER_PROFILES : &KUBE_RBAC_TEMPLATES;
	size_t slash = strcspn(access->profile_key, "/");
	cleanup_free char *namespace = memory_bytes(access->profile_key, slash);

	json_add_string(attributes, "group", resource->group);
	json_add_string(attributes, "resource", resource->plural);
	if (access->chain == 0) {
		json_add_string(attributes, "namespace", namespace);
		json_add_string(attributes, "name", access->profile_key + slash + 1);
		json_add_string(attributes, "verb", "request-token");
		return;
	}
	json_add_string(attributes, "name",
			json_find_string(json_item(request->templates, access->chain - 1), "name"));
	json_add_string(attributes, "verb", "use");
}

static struct json *review_of(const struct access *access, const struct request *request)
{
	struct json *review = json_object_new();
	struct json *spec = json_add_object(review, "spec");
	struct json *groups = json_add_array(spec, "groups");

	json_add_string(review, "apiVersion", "authorization.k8s.io/v1");
	json_add_string(review, "kind", KUBE_SUBJECT_ACCESS_REVIEWS.kind);
	json_add_string(spec, "user", request->requester);
	json_add_string(spec, "uid", request->requester_uid);
	for (size_t i = 0; i < request->requester_group_count; i++)
		json_append_string(groups, request->requester_groups[i]);
	add_attributes(access, request, json_add_object(spec, "resourceAttributes"));
	return review;
}

static void ask(struct access_steps *steps, struct access *access, const struct request *request)
{
	cleanup_json struct json *review = NULL;
	cleanup_free char *path = NULL;
	struct error err = {0};

	if (access->chain > json_size(request->templates)) {
		answer(steps, access, true);
		return;
	}
	if (!kube_path_create(&KUBE_SUBJECT_ACCESS_REVIEWS, NULL, &path, &err)) {
		access_steps_fail(steps, access, "HubUnavailable", &err);
		return;
	}
	review = review_of(access, request);
	access_steps_call_hub(
		steps, access,
		&(struct kube_request){.verb = KUBE_CREATE, .path = path, .body = review},
		answered);
}

void requester_step_check(struct access_steps *steps, struct access *access)
{
	const struct request *request = access_steps_request(steps, access);

	access->chain = 0;
	if (request && request->requester)
		ask(steps, access, request);
	else
		access_steps_succeed(steps, access);
}
