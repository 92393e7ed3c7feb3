#include "core/ledger.h"

#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/derived_name.h"
#include "core/kube_path.h"
#include "core/ledger_record.h"
#include "core/request.h"
#include "core/rights.h"

struct ledger_object *ledger_add_object(struct ledger *ledger, const struct kube_resource *resource,
					const char *namespace, const char *requested_name)
{
	struct ledger_object *object;

	ledger->objects =
		memory_resize(ledger->objects, ledger->object_count + 1, sizeof(*ledger->objects));
	object = &ledger->objects[ledger->object_count++];
	*object = (struct ledger_object){
		.resource = resource,
		.namespace = memory_text(namespace),
		.requested_name = memory_text(requested_name),
	};
	return object;
}

static void add_derived(struct ledger *ledger, const struct kube_resource *resource,
			const struct request_role *role)
{
	struct ledger_object *object =
		ledger_add_object(ledger, resource, role->namespace, role->name);
	const char *namespace = role->namespace ? role->namespace : "";
	const char *const fields[] = {ledger->hub_id, ledger->uid, resource->kind,
				      namespace,      role->name,  NULL};

	object->name = derived_name(role->name, fields);
}

static bool has_object(const struct ledger *ledger, const struct kube_resource *resource,
		       const struct request_role *role)
{
	for (size_t i = 0; i < ledger->object_count; i++)
		if (ledger->objects[i].resource == resource &&
		    text_same(ledger->objects[i].namespace, role->namespace) &&
		    text_same(ledger->objects[i].requested_name, role->name))
			return true;
	return false;
}

static const struct kube_resource *role_resource(const struct request_role *role)
{
	return role->namespace ? &KUBE_ROLES : &KUBE_CLUSTER_ROLES;
}

static const struct kube_resource *binding_resource(const struct request_role *role)
{
	return role->namespace ? &KUBE_ROLE_BINDINGS : &KUBE_CLUSTER_ROLE_BINDINGS;
}

bool ledger_covers(const struct ledger *ledger, const struct rights *rights)
{
	for (size_t i = 0; i < rights->count; i++) {
		const struct request_role *role = &rights->roles[i];

		if (!has_object(ledger, binding_resource(role), role) ||
		    (role->rules && !has_object(ledger, role_resource(role), role)))
			return false;
	}
	return true;
}

void ledger_extend(struct ledger *ledger, const struct rights *rights)
{
	for (size_t i = 0; i < rights->count; i++) {
		const struct request_role *role = &rights->roles[i];

		if (role->rules && !has_object(ledger, role_resource(role), role))
			add_derived(ledger, role_resource(role), role);
	}
	for (size_t i = 0; i < rights->count; i++) {
		const struct request_role *role = &rights->roles[i];

		if (!has_object(ledger, binding_resource(role), role))
			add_derived(ledger, binding_resource(role), role);
	}
}

static void add_identity(struct ledger *ledger, const char *service_account)
{
	struct ledger_object *object = ledger_add_object(
		ledger, &KUBE_SERVICE_ACCOUNTS, ledger->identity_namespace, service_account);

	object->name = memory_text(service_account);
}

struct ledger *ledger_new(const struct request *request, const struct rights *rights,
			  const struct ledger_plan *plan)
{
	struct ledger *ledger = memory_new(sizeof(*ledger));
	const char *namespace = request->service_account_namespace;

	ledger->uid = memory_text(request->uid);
	ledger->hub_id = memory_text(plan->hub_id);
	ledger->request_namespace = memory_text(request->namespace);
	ledger->request_name = memory_text(request->name);
	ledger->profile_key = memory_text(plan->profile_key);
	ledger->profile_uid = memory_text(plan->profile_uid);
	ledger->member_uid = memory_text(plan->member_uid);
	ledger->nonce = memory_text(plan->nonce);
	ledger->policy = memory_text(plan->policy);
	ledger->admitted_generation = request->generation;
	if (plan->requester_known) {
		char digest[DIGEST_SHORT_SIZE];

		request_requester_digest(request, digest);
		ledger->requester = memory_text(digest);
	}
	ledger->identity_namespace =
		memory_text(text_is_empty(namespace) ? plan->identity_namespace : namespace);
	ledger->generation = 1;
	ledger->secret.namespace = memory_text(request->namespace);
	ledger->secret.name = memory_text(request->name);
	add_identity(ledger, request->service_account);
	ledger_extend(ledger, rights);
	return ledger;
}

static void anchor_done(struct ledger_anchor *anchor)
{
	memory_free(anchor->uid);
	memory_free(anchor->jti);
	memory_free(anchor->terms);
	*anchor = (struct ledger_anchor){0};
}

static void object_done(struct ledger_object *object)
{
	memory_free(object->namespace);
	memory_free(object->name);
	memory_free(object->requested_name);
	memory_free(object->uid);
	memory_free(object->digest);
}

void ledger_remove_object(struct ledger *ledger, size_t index)
{
	object_done(&ledger->objects[index]);
	ledger->object_count--;
	memmove(&ledger->objects[index], &ledger->objects[index + 1],
		(ledger->object_count - index) * sizeof(*ledger->objects));
}

void ledger_free(void *pointer)
{
	struct ledger *ledger = pointer;

	if (!ledger)
		return;
	for (size_t i = 0; i < ledger->object_count; i++)
		object_done(&ledger->objects[i]);
	for (size_t i = 0; i < ledger->anchor_count; i++)
		anchor_done(&ledger->anchors[i]);
	memory_free(ledger->objects);
	memory_free(ledger->anchors);
	memory_free(ledger->uid);
	memory_free(ledger->resource_version);
	memory_free(ledger->hub_id);
	memory_free(ledger->request_namespace);
	memory_free(ledger->request_name);
	memory_free(ledger->profile_key);
	memory_free(ledger->profile_uid);
	memory_free(ledger->member_uid);
	memory_free(ledger->nonce);
	memory_free(ledger->revocation.reason);
	memory_free(ledger->forget);
	memory_free(ledger->record_uid);
	memory_free(ledger->policy);
	memory_free(ledger->requester);
	memory_free(ledger->identity_namespace);
	memory_free(ledger->secret.namespace);
	memory_free(ledger->secret.name);
	memory_free(ledger->secret.uid);
	memory_free(ledger->secret.cluster);
	memory_free(ledger);
}

struct ledger *ledger_dup(const struct ledger *ledger)
{
	cleanup_json struct json *object = ledger_record_render(ledger, "copy");
	struct error err = {0};

	return ledger_record_read(object, &err);
}

void ledger_lose_object(struct ledger *ledger, size_t index)
{
	struct ledger_object *object = &ledger->objects[index];

	memory_free(TAKE_PTR(object->uid));
	object->lost = true;
	object->suspect = object->replaced = false;
	if (object->resource != &KUBE_SERVICE_ACCOUNTS)
		return;
	for (size_t i = 0; i < ledger->anchor_count; i++)
		memory_free(TAKE_PTR(ledger->anchors[i].terms));
}

struct ledger_anchor *ledger_anchor(const struct ledger *ledger, int64_t generation)
{
	for (size_t i = 0; i < ledger->anchor_count; i++)
		if (ledger->anchors[i].generation == generation)
			return &ledger->anchors[i];
	return NULL;
}

struct ledger_anchor *ledger_add_anchor(struct ledger *ledger, int64_t generation)
{
	struct ledger_anchor *anchor;

	if (ledger->anchor_count == LEDGER_ANCHORS_MAX)
		return NULL;
	ledger->anchors = memory_resize(ledger->anchors, ledger->anchor_count + 1, sizeof(*anchor));
	anchor = &ledger->anchors[ledger->anchor_count++];
	*anchor = (struct ledger_anchor){0};
	anchor->generation = generation;
	return anchor;
}

void ledger_remove_anchor(struct ledger *ledger, int64_t generation)
{
	struct ledger_anchor *anchor = ledger_anchor(ledger, generation);
	struct ledger_anchor *last;

	if (!anchor)
		return;
	last = &ledger->anchors[ledger->anchor_count - 1];
	anchor_done(anchor);
	memmove(anchor, anchor + 1, (size_t)(last - anchor) * sizeof(*anchor));
	*last = (struct ledger_anchor){0};
	ledger->anchor_count--;
}

bool ledger_has_token(const struct ledger *ledger)
{
	for (size_t i = 0; i < ledger->anchor_count; i++)
		if (ledger->anchors[i].jti)
			return true;
	return false;
}

char *ledger_anchor_name(const struct ledger *ledger, int64_t generation)
{
	char number[24];
	const char *const fields[] = {ledger->hub_id, ledger->uid, number, ledger->nonce, NULL};

	snprintf(number, sizeof(number), "%lld", (long long)generation);
	return derived_name("anchor", fields);
}

void ledger_mark(const struct ledger *ledger, const char *kind, const char *namespace,
		 const char *name, char ret_mark[DIGEST_SHORT_SIZE])
{
	const char *const fields[] = {ledger->nonce, kind, namespace ? namespace : "", name, NULL};

	digest_short(fields, ret_mark);
}
