#include "core/own_credential.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <base/base64.h>
#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>
#include <base/timestamp.h>

#include "core/derived_name.h"
#include "delivery/cluster_facts.h"
#include "delivery/kubeconfig_format.h"

#define RECORD_ANNOTATION "credbroker.dev/own-credential"

enum { RECORD_MAX = 16 << 10 };

char *own_credential_name(const char *hub_id, const struct own_bootstrap *bootstrap)
{
	const char *const fields[] = {"own-credential",      hub_id,
				      bootstrap->access_uid, bootstrap->profile_key,
				      bootstrap->digest,     NULL};

	return derived_name(bootstrap->access_name, fields);
}

char *own_credential_anchor_name(const struct own_credential *own, int64_t generation)
{
	char text[24];
	const char *const fields[] = {"own-anchor", own->name, text, NULL};

	snprintf(text, sizeof(text), "%lld", (long long)generation);
	return derived_name("own", fields);
}

struct own_credential *own_credential_new(const char *hub_id, const struct own_bootstrap *bootstrap)
{
	struct own_credential *own = memory_new(sizeof(*own));

	own->name = own_credential_name(hub_id, bootstrap);
	own->access_name = memory_text(bootstrap->access_name);
	own->access_uid = memory_text(bootstrap->access_uid);
	own->profile_key = memory_text(bootstrap->profile_key);
	own->digest = memory_text(bootstrap->digest);
	return own;
}

/* A stored token never needs a file or a client certificate. */
static void copy_endpoint(struct kube_endpoint *endpoint, const struct kube_endpoint *source,
			  const struct secret *token)
{
	kube_endpoint_done(endpoint);
	*endpoint = (struct kube_endpoint){
		.server = memory_text(source->server),
		.ca_pem = memory_text(source->ca_pem),
		.token = secret_dup(token),
		.tls_server_name = memory_text(source->tls_server_name),
	};
}

struct own_credential *own_credential_dup(const struct own_credential *own)
{
	struct own_credential *copy = memory_new(sizeof(*copy));

	*copy = *own;
	copy->name = memory_text(own->name);
	copy->uid = memory_text(own->uid);
	copy->resource_version = memory_text(own->resource_version);
	copy->access_name = memory_text(own->access_name);
	copy->access_uid = memory_text(own->access_uid);
	copy->profile_key = memory_text(own->profile_key);
	copy->digest = memory_text(own->digest);
	copy->account_namespace = memory_text(own->account_namespace);
	copy->account_name = memory_text(own->account_name);
	copy->account_uid = memory_text(own->account_uid);
	copy->endpoint = (struct kube_endpoint){0};
	copy_endpoint(&copy->endpoint, &own->endpoint, &own->endpoint.token);
	return copy;
}

void own_credential_free(void *pointer)
{
	struct own_credential *own = pointer;

	if (!own)
		return;
	memory_free(own->name);
	memory_free(own->uid);
	memory_free(own->resource_version);
	memory_free(own->access_name);
	memory_free(own->access_uid);
	memory_free(own->profile_key);
	memory_free(own->digest);
	memory_free(own->account_namespace);
	memory_free(own->account_name);
	memory_free(own->account_uid);
	kube_endpoint_done(&own->endpoint);
	memory_free(own);
}

/* Reading. */

static bool read_text(const struct json *record, const char *key, char **place, struct error *err)
{
	const char *text = json_find_string(record, key);

	if (text_is_empty(text))
		return error_set(err, ERROR_INVALID, RECORD_ANNOTATION " has no %s", key);
	*place = memory_text(text);
	return true;
}

static bool read_number(const struct json *record, const char *key, int64_t *place,
			struct error *err)
{
	if (!json_integer(json_find(record, key), place) || *place < 0)
		return error_set(err, ERROR_INVALID, RECORD_ANNOTATION " has no %s", key);
	return true;
}

static bool read_time(const struct json *record, const char *key, int64_t *place, struct error *err)
{
	const char *text = json_find_string(record, key);

	return !text || timestamp_parse(text, place, err);
}

static bool read_stale(const struct json *record, struct own_credential *own, struct error *err)
{
	const struct json *stale = json_find(record, "stale");

	if (json_size(stale) > OWN_STALE_MAX)
		return error_set(err, ERROR_INVALID, RECORD_ANNOTATION " has too many anchors");
	for (size_t i = 0; i < json_size(stale); i++)
		if (!json_integer(json_find(json_item(stale, i), "generation"),
				  &own->stale[own->stale_count++]))
			return error_set(err, ERROR_INVALID,
					 RECORD_ANNOTATION " has a stale anchor without a number");
	return true;
}

static bool read_record(const struct json *record, struct own_credential *own, struct error *err)
{
	return read_text(record, "access", &own->access_name, err) &&
	       read_text(record, "accessUID", &own->access_uid, err) &&
	       read_text(record, "clusterProfile", &own->profile_key, err) &&
	       read_text(record, "bootstrap", &own->digest, err) &&
	       read_text(record, "namespace", &own->account_namespace, err) &&
	       read_text(record, "serviceAccount", &own->account_name, err) &&
	       read_text(record, "serviceAccountUID", &own->account_uid, err) &&
	       read_number(record, "generation", &own->generation, err) &&
	       read_number(record, "live", &own->live, err) && read_stale(record, own, err) &&
	       read_time(record, "issuedAt", &own->issued_at, err) &&
	       read_time(record, "expiresAt", &own->expires_at, err) &&
	       read_time(record, "renewAt", &own->renew_at, err) &&
	       read_time(record, "rotateAt", &own->rotate_at, err);
}

static bool read_endpoint(const struct json *secret, struct own_credential *own, struct error *err)
{
	const char *encoded = json_find_string(secret, "data", "kubeconfig");
	cleanup_secret struct secret kubeconfig = {0};

	if (own->live == 0)
		return true;
	if (!encoded)
		return error_set(err, ERROR_INVALID, "no key kubeconfig");
	return base64_decode(encoded, &kubeconfig, err) &&
	       kubeconfig_read_inline(secret_expose(&kubeconfig), kubeconfig.size, &own->endpoint,
				      err);
}

static bool read_all(const struct json *secret, struct own_credential *own, struct error *err)
{
	const struct json *metadata = json_find(secret, "metadata");
	const char *text = json_find_string(metadata, "annotations", RECORD_ANNOTATION);
	cleanup_json struct json *record = NULL;

	own->name = memory_text(json_find_string(metadata, "name"));
	own->uid = memory_text(json_find_string(metadata, "uid"));
	own->resource_version = memory_text(json_find_string(metadata, "resourceVersion"));
	if (!own->name || !text || strlen(text) > RECORD_MAX)
		return error_set(err, ERROR_INVALID, "no annotation " RECORD_ANNOTATION);
	record = json_parse(text, strlen(text), err);
	return record && read_record(record, own, err) && read_endpoint(secret, own, err);
}

struct own_credential *own_credential_read(const struct json *secret, struct error *err)
{
	struct own_credential *own = memory_new(sizeof(*own));

	if (read_all(secret, own, err))
		return own;
	error_wrap(err, "own credential");
	own_credential_free(own);
	return NULL;
}

/* Writing. */

static void add_time(struct json *record, const char *key, int64_t seconds)
{
	char text[TIMESTAMP_SIZE];

	if (seconds == 0)
		return;
	timestamp_format(seconds, text);
	json_add_string(record, key, text);
}

static struct json *render_record(const struct own_credential *own)
{
	struct json *record = json_object_new();
	struct json *stale = json_array_new();

	for (size_t i = 0; i < own->stale_count; i++)
		json_add_integer(json_append_object(stale), "generation", own->stale[i]);
	json_add_string(record, "access", own->access_name);
	json_add_string(record, "accessUID", own->access_uid);
	json_add_string(record, "clusterProfile", own->profile_key);
	json_add_string(record, "bootstrap", own->digest);
	json_add_string(record, "namespace", own->account_namespace);
	json_add_string(record, "serviceAccount", own->account_name);
	json_add_string(record, "serviceAccountUID", own->account_uid);
	json_add_integer(record, "generation", own->generation);
	json_add_integer(record, "live", own->live);
	json_add(record, "stale", stale);
	add_time(record, "issuedAt", own->issued_at);
	add_time(record, "expiresAt", own->expires_at);
	add_time(record, "renewAt", own->renew_at);
	add_time(record, "rotateAt", own->rotate_at);
	return record;
}

static void add_metadata(struct json *secret, const struct own_credential *own,
			 const char *namespace)
{
	struct json *metadata = json_add_object(secret, "metadata");
	struct json *labels = json_add_object(metadata, "labels");
	cleanup_json struct json *record = render_record(own);
	size_t size = 0;
	cleanup_free char *text = json_dump(record, &size);

	json_add_string(metadata, "namespace", namespace);
	json_add_string(metadata, "name", own->name);
	json_add_string(metadata, "uid", own->uid);
	json_add_string(metadata, "resourceVersion", own->resource_version);
	json_add_string(labels, "app.kubernetes.io/part-of", "credbroker");
	json_add_string(labels, "credbroker.dev/own-credential", "true");
	json_add_string(json_add_object(metadata, "annotations"), RECORD_ANNOTATION, text);
}

struct json *own_credential_render(const struct own_credential *own, const char *namespace)
{
	struct json *secret = json_object_new();
	struct json *data = json_add_object(secret, "data");
	const char *slash = strchr(own->profile_key, '/');
	const struct cluster_facts cluster = {
		.name = slash ? slash + 1 : own->profile_key,
		.server = own->endpoint.server,
		.ca_pem = own->endpoint.ca_pem,
		.tls_server_name = own->endpoint.tls_server_name,
	};

	json_add_string(secret, "apiVersion", "v1");
	json_add_string(secret, "kind", "Secret");
	json_add_string(secret, "type", "Opaque");
	add_metadata(secret, own, namespace);
	if (own->live > 0) {
		cleanup_secret struct secret kubeconfig =
			kubeconfig_format(&cluster, &own->endpoint.token);
		cleanup_free char *text =
			base64_encode(secret_expose(&kubeconfig), kubeconfig.size);

		json_add_string(data, "kubeconfig", text);
	}
	return secret;
}

/* Changing. */

static void make_stale(struct own_credential *own, int64_t generation)
{
	if (generation == 0)
		return;
	assert(own->stale_count < OWN_STALE_MAX);
	own->stale[own->stale_count++] = generation;
}

void own_credential_take(struct own_credential *own)
{
	if (own->generation != own->live)
		make_stale(own, own->generation);
	own->generation++;
}

static bool is_stale(const struct own_credential *own, int64_t generation)
{
	for (size_t i = 0; i < own->stale_count; i++)
		if (own->stale[i] == generation)
			return true;
	return false;
}

void own_credential_drop(struct own_credential *own, int64_t generation)
{
	bool known = generation == own->live || generation == own->generation ||
		     is_stale(own, generation);

	if (!known && own->stale_count < OWN_STALE_MAX)
		make_stale(own, generation);
}

void own_credential_keep(struct own_credential *own, const struct kube_endpoint *endpoint,
			 const struct secret *token)
{
	make_stale(own, own->live);
	own->live = own->generation;
	copy_endpoint(&own->endpoint, endpoint, token);
}

/* On the member. */

struct json *own_credential_anchor(const struct own_credential *own)
{
	struct json *anchor = json_object_new();
	struct json *metadata = json_add_object(anchor, "metadata");
	cleanup_free char *name = own_credential_anchor_name(own, own->generation);

	json_add_string(anchor, "apiVersion", "v1");
	json_add_string(anchor, "kind", "Secret");
	json_add_string(anchor, "type", "credbroker.dev/anchor");
	json_add_string(metadata, "namespace", own->account_namespace);
	json_add_string(metadata, "name", name);
	json_add_string(json_add_object(metadata, "labels"), "app.kubernetes.io/part-of",
			"credbroker");
	return anchor;
}

struct json *own_credential_token_request(const struct own_credential *own, int64_t lifetime_s,
					  const char *anchor_uid)
{
	struct json *request = json_object_new();
	struct json *metadata = json_add_object(request, "metadata");
	struct json *spec = json_add_object(request, "spec");
	struct json *anchor = json_add_object(spec, "boundObjectRef");
	cleanup_free char *anchor_name = own_credential_anchor_name(own, own->generation);

	json_add_string(request, "apiVersion", "authentication.k8s.io/v1");
	json_add_string(request, "kind", "TokenRequest");
	json_add_string(metadata, "namespace", own->account_namespace);
	json_add_string(metadata, "name", own->account_name);
	json_add_string(metadata, "uid", own->account_uid);
	json_add_array(spec, "audiences");
	json_add_integer(spec, "expirationSeconds", lifetime_s);
	json_add_string(anchor, "apiVersion", "v1");
	json_add_string(anchor, "kind", "Secret");
	json_add_string(anchor, "name", anchor_name);
	json_add_string(anchor, "uid", anchor_uid);
	return request;
}
