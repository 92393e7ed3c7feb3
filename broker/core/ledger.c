#include "core/ledger.h"

#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>
#include <base/timestamp.h>

#include "core/derived_name.h"
#include "core/kube_path.h"
#include "core/request.h"
#include "core/rights.h"

static const struct kube_resource *const object_resources[] = {
	&KUBE_SERVICE_ACCOUNTS,      &KUBE_ROLES, &KUBE_CLUSTER_ROLES, &KUBE_ROLE_BINDINGS,
	&KUBE_CLUSTER_ROLE_BINDINGS,
};

static const struct kube_resource *resource_of_kind(const char *kind)
{
	for (size_t i = 0; i < sizeof(object_resources) / sizeof(object_resources[0]); i++)
		if (text_same(object_resources[i]->kind, kind))
			return object_resources[i];
	return NULL;
}

static struct ledger_object *add_object(struct ledger *ledger, const struct kube_resource *resource,
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
	struct ledger_object *object = add_object(ledger, resource, role->namespace, role->name);
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
	struct ledger_object *object = add_object(ledger, &KUBE_SERVICE_ACCOUNTS,
						  ledger->identity_namespace, service_account);

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

static bool read_text(const struct json *json, const char *field, char **ret_text,
		      struct error *err)
{
	if (text_is_empty(json_string(json)))
		return error_set(err, ERROR_INVALID, "an IssuedCredential without %s", field);
	*ret_text = memory_text(json_string(json));
	return true;
}

static bool read_object(struct ledger *ledger, const struct json *item, struct error *err)
{
	const struct kube_resource *resource = resource_of_kind(json_find_string(item, "kind"));
	struct ledger_object *object;

	if (!resource)
		return error_set(err, ERROR_INVALID, "an IssuedCredential with an unknown object");
	object = add_object(ledger, resource, json_find_string(item, "namespace"),
			    json_find_string(item, "requestedName"));
	object->uid = memory_text(json_find_string(item, "uid"));
	object->digest = memory_text(json_find_string(item, "digest"));
	object->existing = json_is_true(json_find(item, "existing"));
	return read_text(json_find(item, "name"), "objects[].name", &object->name, err);
}

static int64_t read_time(const struct json *json)
{
	struct error ignored = {0};
	int64_t seconds = 0;

	if (json_string(json))
		timestamp_parse(json_string(json), &seconds, &ignored);
	return seconds;
}

static bool read_anchor(struct ledger *ledger, const struct json *item, struct error *err)
{
	struct ledger_anchor *anchor;
	int64_t generation;

	if (!json_integer(json_find(item, "generation"), &generation) ||
	    !(anchor = ledger_add_anchor(ledger, generation)))
		return error_set(err, ERROR_INVALID, "an IssuedCredential with a bad anchor");
	anchor->uid = memory_text(json_find_string(item, "uid"));
	anchor->jti = memory_text(json_find_string(item, "jti"));
	anchor->terms = memory_text(json_find_string(item, "terms"));
	anchor->issued_at = read_time(json_find(item, "issuedAt"));
	anchor->expires_at = read_time(json_find(item, "expirationTimestamp"));
	anchor->rotate_at = read_time(json_find(item, "rotateAt"));
	return true;
}

static char *joined_key(const struct json *reference)
{
	struct text key = text_with_max(HTTP_PATH_MAX);
	const char *namespace = json_find_string(reference, "namespace");
	const char *name = json_find_string(reference, "name");

	text_appendf(&key, "%s/%s", namespace ? namespace : "", name ? name : "");
	return text_take(&key);
}

static bool read_lists(struct ledger *ledger, const struct json *spec, struct error *err)
{
	const struct json *objects = json_find(spec, "objects");
	const struct json *anchors = json_find(spec, "anchors");

	for (size_t i = 0; i < json_size(objects); i++)
		if (!read_object(ledger, json_item(objects, i), err))
			return false;
	if (ledger->object_count == 0 || ledger->objects[0].resource != &KUBE_SERVICE_ACCOUNTS)
		return error_set(err, ERROR_INVALID, "an IssuedCredential without its identity");
	for (size_t i = 0; i < json_size(anchors); i++)
		if (!read_anchor(ledger, json_item(anchors, i), err))
			return false;
	return true;
}

static bool read_secret(struct ledger *ledger, const struct json *secret, struct error *err)
{
	ledger->secret.uid = memory_text(json_find_string(secret, "uid"));
	json_integer(json_find(secret, "generation"), &ledger->secret.generation);
	return read_text(json_find(secret, "namespace"), "secret.namespace",
			 &ledger->secret.namespace, err) &&
	       read_text(json_find(secret, "name"), "secret.name", &ledger->secret.name, err);
}

static bool read_spec(struct ledger *ledger, const struct json *spec, struct error *err)
{
	const struct json *request = json_find(spec, "request");

	ledger->profile_key = joined_key(json_find(spec, "clusterProfile"));
	ledger->policy = memory_text(json_find_string(spec, "policy"));
	ledger->revoking = json_is_true(json_find(spec, "revoking"));
	json_integer(json_find(spec, "admittedGeneration"), &ledger->admitted_generation);
	ledger->requester = memory_text(json_find_string(spec, "requester"));
	ledger->profile_uid = memory_text(json_find_string(spec, "clusterProfile", "uid"));
	if (!json_integer(json_find(spec, "generation"), &ledger->generation))
		return error_set(err, ERROR_INVALID, "an IssuedCredential without generation");
	return read_text(json_find(spec, "hubID"), "hubID", &ledger->hub_id, err) &&
	       read_text(json_find(request, "uid"), "request.uid", &ledger->uid, err) &&
	       read_text(json_find(request, "namespace"), "request.namespace",
			 &ledger->request_namespace, err) &&
	       read_text(json_find(request, "name"), "request.name", &ledger->request_name, err) &&
	       read_text(json_find(spec, "memberUID"), "memberUID", &ledger->member_uid, err) &&
	       read_text(json_find(spec, "nonce"), "nonce", &ledger->nonce, err) &&
	       read_secret(ledger, json_find(spec, "secret"), err) && read_lists(ledger, spec, err);
}

struct ledger *ledger_read(const struct json *object, struct error *err)
{
	const struct json *spec = json_find(object, "spec");
	size_t object_count = json_size(json_find(spec, "objects"));
	struct ledger *ledger = memory_new(sizeof(*ledger));

	if ((object_count > LEDGER_OBJECTS_MAX &&
	     !error_set(err, ERROR_INVALID, "an IssuedCredential with too many objects")) ||
	    !read_text(json_find(object, "metadata", "resourceVersion"), "resourceVersion",
		       &ledger->resource_version, err) ||
	    !read_spec(ledger, spec, err)) {
		ledger_free(ledger);
		return NULL;
	}
	if (ledger->object_count > 0)
		ledger->identity_namespace = memory_text(ledger->objects[0].namespace);
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
	memory_free(ledger->policy);
	memory_free(ledger->requester);
	memory_free(ledger->identity_namespace);
	memory_free(ledger->secret.namespace);
	memory_free(ledger->secret.name);
	memory_free(ledger->secret.uid);
	memory_free(ledger);
}

static void render_time(struct json *object, const char *key, int64_t seconds)
{
	char text[TIMESTAMP_SIZE];

	if (seconds == 0)
		return;
	timestamp_format(seconds, text);
	json_add_string(object, key, text);
}

static void render_anchor(const struct ledger *ledger, const struct ledger_anchor *anchor,
			  struct json *item)
{
	cleanup_free char *name = ledger_anchor_name(ledger, anchor->generation);

	json_add_integer(item, "generation", anchor->generation);
	json_add_string(item, "namespace", ledger->identity_namespace);
	json_add_string(item, "name", name);
	json_add_string(item, "uid", anchor->uid);
	json_add_string(item, "jti", anchor->jti);
	json_add_string(item, "terms", anchor->terms);
	render_time(item, "issuedAt", anchor->issued_at);
	render_time(item, "expirationTimestamp", anchor->expires_at);
	render_time(item, "rotateAt", anchor->rotate_at);
}

static void render_lists(const struct ledger *ledger, struct json *spec)
{
	struct json *objects = json_add_array(spec, "objects");
	struct json *anchors = json_add_array(spec, "anchors");

	for (size_t i = 0; i < ledger->object_count; i++) {
		const struct ledger_object *object = &ledger->objects[i];
		struct json *item = json_append_object(objects);

		json_add_string(item, "kind", object->resource->kind);
		json_add_string(item, "namespace", object->namespace);
		json_add_string(item, "name", object->name);
		json_add_string(item, "requestedName", object->requested_name);
		json_add_string(item, "uid", object->uid);
		json_add_string(item, "digest", object->digest);
		if (object->existing)
			json_add_bool(item, "existing", true);
	}
	for (size_t i = 0; i < ledger->anchor_count; i++)
		render_anchor(ledger, &ledger->anchors[i], json_append_object(anchors));
}

static void render_references(const struct ledger *ledger, struct json *spec)
{
	struct json *request = json_add_object(spec, "request");
	struct json *profile = json_add_object(spec, "clusterProfile");
	struct json *secret = json_add_object(spec, "secret");
	size_t slash = strcspn(ledger->profile_key, "/");
	cleanup_free char *profile_namespace = memory_bytes(ledger->profile_key, slash);

	json_add_string(request, "namespace", ledger->request_namespace);
	json_add_string(request, "name", ledger->request_name);
	json_add_string(request, "uid", ledger->uid);
	json_add_string(profile, "namespace", profile_namespace);
	json_add_string(profile, "name", ledger->profile_key + slash + 1);
	json_add_string(profile, "uid", ledger->profile_uid);
	json_add_string(secret, "namespace", ledger->secret.namespace);
	json_add_string(secret, "name", ledger->secret.name);
	json_add_string(secret, "uid", ledger->secret.uid);
	if (ledger->secret.generation > 0)
		json_add_integer(secret, "generation", ledger->secret.generation);
}

static void render_metadata(const struct ledger *ledger, const char *namespace,
			    struct json *metadata)
{
	struct json *labels = json_add_object(metadata, "labels");

	json_add_string(metadata, "namespace", namespace);
	json_add_string(metadata, "name", ledger->uid);
	json_add_string(metadata, "resourceVersion", ledger->resource_version);
	json_add_string(labels, "app.kubernetes.io/managed-by", "credbroker");
}

struct json *ledger_render(const struct ledger *ledger, const char *namespace)
{
	struct json *object = json_object_new();
	struct json *spec;

	json_add_string(object, "apiVersion", "credbroker.dev/v1alpha1");
	json_add_string(object, "kind", "IssuedCredential");
	render_metadata(ledger, namespace, json_add_object(object, "metadata"));
	spec = json_add_object(object, "spec");
	json_add_string(spec, "hubID", ledger->hub_id);
	json_add_string(spec, "memberUID", ledger->member_uid);
	json_add_string(spec, "nonce", ledger->nonce);
	json_add_string(spec, "policy", ledger->policy);
	json_add_string(spec, "requester", ledger->requester);
	if (ledger->revoking)
		json_add_bool(spec, "revoking", true);
	json_add_integer(spec, "generation", ledger->generation);
	if (ledger->admitted_generation > 0)
		json_add_integer(spec, "admittedGeneration", ledger->admitted_generation);
	render_references(ledger, spec);
	render_lists(ledger, spec);
	return object;
}

struct ledger *ledger_dup(const struct ledger *ledger)
{
	cleanup_json struct json *object = ledger_render(ledger, "copy");
	struct error err = {0};

	return ledger_read(object, &err);
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
