#include "core/ledger_record.h"

#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>
#include <base/timestamp.h>

#include "core/kube_path.h"
#include "core/ledger.h"

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
	object = ledger_add_object(ledger, resource, json_find_string(item, "namespace"),
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
	json_integer(json_find(item, "renewAtPercent"), &anchor->renew_at_percent);
	json_integer(json_find(item, "requestedSeconds"), &anchor->asked_s);
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
	ledger->secret.cluster = memory_text(json_find_string(secret, "cluster"));
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
	revocation_read(ledger, spec);
	json_integer(json_find(spec, "admittedGeneration"), &ledger->admitted_generation);
	json_integer(json_find(spec, "epoch"), &ledger->epoch);
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

static void read_annotations(struct ledger *ledger, const struct json *metadata)
{
	const struct json *annotations = json_find(metadata, "annotations");
	const char *forget = json_find_string(annotations, LEDGER_RECORD_FORGET);

	ledger->record_uid = memory_text(json_find_string(metadata, "uid"));
	if (!text_is_empty(forget) && !text_same(forget, "false"))
		ledger->forget = memory_text(forget);
}

struct ledger *ledger_record_read(const struct json *object, struct error *err)
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
	read_annotations(ledger, json_find(object, "metadata"));
	if (ledger->object_count > 0)
		ledger->identity_namespace = memory_text(ledger->objects[0].namespace);
	return ledger;
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
	if (anchor->renew_at_percent > 0)
		json_add_integer(item, "renewAtPercent", anchor->renew_at_percent);
	if (anchor->asked_s > 0)
		json_add_integer(item, "requestedSeconds", anchor->asked_s);
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
	json_add_string(secret, "cluster", ledger->secret.cluster);
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
	json_add_string(metadata, "uid", ledger->record_uid);
	json_add_string(labels, "app.kubernetes.io/managed-by", "credbroker");
	if (ledger->forget) /* a PUT takes away what it does not say */
		json_add_string(json_add_object(metadata, "annotations"), LEDGER_RECORD_FORGET,
				ledger->forget);
}

struct json *ledger_record_render(const struct ledger *ledger, const char *namespace)
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
	revocation_render(ledger, spec);
	json_add_integer(spec, "generation", ledger->generation);
	if (ledger->admitted_generation > 0)
		json_add_integer(spec, "admittedGeneration", ledger->admitted_generation);
	if (ledger->epoch > 0)
		json_add_integer(spec, "epoch", ledger->epoch);
	render_references(ledger, spec);
	render_lists(ledger, spec);
	return object;
}
