#include "delivery/kubeconfig_format.h"

#include <string.h>

#include <base/base64.h>
#include <base/cleanup.h>
#include <base/json.h>
#include <base/secret.h>

#include "delivery/cluster_facts.h"

static void add_cluster(struct json *config, const struct cluster_facts *facts)
{
	struct json *entry = json_append_object(json_add_array(config, "clusters"));
	struct json *cluster = json_add_object(entry, "cluster");
	cleanup_free char *ca = base64_encode(facts->ca_pem, strlen(facts->ca_pem));

	json_add_string(entry, "name", facts->name);
	json_add_string(cluster, "server", facts->server);
	json_add_string(cluster, "certificate-authority-data", ca);
	json_add_string(cluster, "tls-server-name", facts->tls_server_name);
}

static void add_context(struct json *config, const char *name)
{
	struct json *entry = json_append_object(json_add_array(config, "contexts"));
	struct json *context = json_add_object(entry, "context");

	json_add_string(entry, "name", name);
	json_add_string(context, "cluster", name);
	json_add_string(context, "user", name);
	json_add_string(config, "current-context", name);
}

static void add_user(struct json *config, const char *name, const struct secret *token)
{
	struct json *entry = json_append_object(json_add_array(config, "users"));

	json_add_string(entry, "name", name);
	json_add_string(json_add_object(entry, "user"), "token", secret_expose(token));
}

struct secret kubeconfig_format(const struct cluster_facts *cluster, const struct secret *token)
{
	cleanup_json struct json *config = json_object_new();
	size_t size;
	char *bytes;

	json_add_string(config, "apiVersion", "v1");
	json_add_string(config, "kind", "Config");
	add_cluster(config, cluster);
	add_context(config, cluster->name);
	add_user(config, cluster->name, token);
	bytes = json_dump(config, &size);
	return secret_take(bytes, size);
}
