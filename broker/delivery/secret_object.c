#include "delivery/secret_object.h"

#include <stdio.h>
#include <string.h>

#include <base/base64.h>
#include <base/cleanup.h>
#include <base/json.h>
#include <base/secret.h>
#include <base/timestamp.h>

#include "delivery/cluster_facts.h"
#include "delivery/kubeconfig_format.h"

#define MARK_ANNOTATION       "credbroker.dev/mark"
#define GENERATION_ANNOTATION "credbroker.dev/anchor-generation"

static void add_owner(struct json *metadata, const struct secret_object *secret)
{
	struct json *owner = json_append_object(json_add_array(metadata, "ownerReferences"));

	json_add_string(owner, "apiVersion", "multicluster.x-k8s.io/v1alpha1");
	json_add_string(owner, "kind", "AuthTokenRequest");
	json_add_string(owner, "name", secret->request_name);
	json_add_string(owner, "uid", secret->request_uid);
}

static void add_annotations(struct json *metadata, const struct secret_object *secret)
{
	struct json *annotations = json_add_object(metadata, "annotations");
	char expires[TIMESTAMP_SIZE];
	char generation[24];

	timestamp_format(secret->expires_at, expires);
	snprintf(generation, sizeof(generation), "%lld", (long long)secret->generation);
	json_add_string(annotations, "credbroker.dev/cluster-profile", secret->cluster->name);
	json_add_string(annotations, "credbroker.dev/expires-at", expires);
	json_add_string(annotations, GENERATION_ANNOTATION, generation);
	json_add_string(annotations, MARK_ANNOTATION, secret->mark);
}

static void add_metadata(struct json *object, const struct secret_object *secret)
{
	struct json *metadata = json_add_object(object, "metadata");
	struct json *labels = json_add_object(metadata, "labels");

	json_add_string(metadata, "namespace", secret->namespace);
	json_add_string(metadata, "name", secret->name);
	json_add_string(metadata, "uid", secret->uid);
	json_add_string(metadata, "resourceVersion", secret->resource_version);
	json_add_string(labels, "app.kubernetes.io/managed-by", "credbroker");
	json_add_string(labels, "credbroker.dev/request-uid", secret->request_uid);
	add_annotations(metadata, secret);
	add_owner(metadata, secret);
}

static void add_data(struct json *object, const struct secret_object *secret)
{
	struct json *data = json_add_object(object, "data");
	cleanup_secret struct secret kubeconfig = kubeconfig_format(secret->cluster, secret->token);
	cleanup_free char *kubeconfig_text =
		base64_encode(secret_expose(&kubeconfig), kubeconfig.size);
	cleanup_free char *token_text =
		base64_encode(secret_expose(secret->token), secret->token->size);
	cleanup_free char *ca_text =
		base64_encode(secret->cluster->ca_pem, strlen(secret->cluster->ca_pem));

	json_add_string(data, "kubeconfig", kubeconfig_text);
	json_add_string(data, "token", token_text);
	json_add_string(data, "ca.crt", ca_text);
}

struct json *secret_object_render(const struct secret_object *secret)
{
	struct json *object = json_object_new();

	json_add_string(object, "apiVersion", "v1");
	json_add_string(object, "kind", "Secret");
	json_add_string(object, "type", "Opaque");
	add_metadata(object, secret);
	add_data(object, secret);
	return object;
}

const char *secret_object_mark(const struct json *live)
{
	return json_find_string(live, "metadata", "annotations", MARK_ANNOTATION);
}
