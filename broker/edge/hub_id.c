#include "edge/hub_id.h"

#include <assert.h>
#include <string.h>

#include <base/digest.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>

#include "core/kube_path.h"
#include "edge/kube_client.h"

enum {
	HUB_ID_MAX = 40,
	HUB_ID_GENERATED = 16, /* hex digits: 64 bits tell hubs apart */
};

static const struct kube_resource config_maps = {.group = "",
						 .version = "v1",
						 .plural = "configmaps",
						 .kind = "ConfigMap",
						 .namespaced = true};

struct hub_id_search {
	struct kube_client *client;
	char *namespace;
	char *path;
	char *create_path;
	hub_id_found *found;
	void *context;
};

bool hub_id_is_legal(const char *hub_id)
{
	size_t size = strlen(hub_id);
	size_t legal = strspn(hub_id, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return size > 0 && size <= HUB_ID_MAX && legal == size && hub_id[0] != '-' &&
	       hub_id[size - 1] != '-';
}

void hub_id_abandon(struct hub_id_search *search)
{
	if (!search)
		return;
	memory_free(search->namespace);
	memory_free(search->path);
	memory_free(search->create_path);
	memory_free(search);
}

static void finish(struct hub_id_search *search, const char *hub_id, const struct error *err)
{
	search->found(search->context, hub_id, err);
	hub_id_abandon(search);
}

static void finish_with(struct hub_id_search *search, const struct json *config_map)
{
	const char *hub_id = json_find_string(config_map, "data", "hubID");
	struct error err = {0};

	if (hub_id && hub_id_is_legal(hub_id)) {
		finish(search, hub_id, NULL);
		return;
	}
	error_set(&err, ERROR_INVALID, "ConfigMap %s/%s holds no legal hubID", search->namespace,
		  HUB_ID_CONFIG_MAP);
	finish(search, NULL, &err);
}

static void look(struct hub_id_search *search, kube_done *done);

static void looked_again(void *context, const struct kube_reply *reply)
{
	if (reply->err)
		finish(context, NULL, reply->err);
	else
		finish_with(context, reply->object);
}

static void made(void *context, const struct kube_reply *reply)
{
	if (reply->kube.reason == KUBE_REASON_ALREADY_EXISTS)
		look(context, looked_again);
	else
		looked_again(context, reply);
}

static void make(struct hub_id_search *search)
{
	cleanup_json struct json *config_map = json_object_new();
	struct json *metadata = json_add_object(config_map, "metadata");
	char nonce[NONCE_SIZE];

	digest_nonce(nonce);
	nonce[HUB_ID_GENERATED] = '\0';
	json_add_string(config_map, "apiVersion", "v1");
	json_add_string(config_map, "kind", "ConfigMap");
	json_add_string(metadata, "namespace", search->namespace);
	json_add_string(metadata, "name", HUB_ID_CONFIG_MAP);
	json_add_string(json_add_object(metadata, "labels"), "app.kubernetes.io/managed-by",
			"credbroker");
	json_add_string(json_add_object(config_map, "data"), "hubID", nonce);
	kube_client_start(search->client,
			  &(struct kube_request){.verb = KUBE_CREATE,
						 .path = search->create_path,
						 .body = config_map},
			  made, search);
}

static void looked(void *context, const struct kube_reply *reply)
{
	if (reply->kube.reason == KUBE_REASON_NOT_FOUND)
		make(context);
	else
		looked_again(context, reply);
}

static void look(struct hub_id_search *search, kube_done *done)
{
	kube_client_start(search->client,
			  &(struct kube_request){.verb = KUBE_GET, .path = search->path}, done,
			  search);
}

static struct hub_id_search *start(struct kube_client *client, const char *namespace,
				   kube_done *done, hub_id_found *found, void *context)
{
	struct hub_id_search *search = memory_new(sizeof(*search));
	struct error err = {0};
	bool built = kube_path_object(&config_maps, namespace, HUB_ID_CONFIG_MAP, NULL,
				      &search->path, &err) &&
		     kube_path_create(&config_maps, namespace, &search->create_path, &err);

	assert(built); /* the namespace is a checked flag */
	search->client = client;
	search->namespace = memory_text(namespace);
	search->found = found;
	search->context = context;
	look(search, done);
	return search;
}

struct hub_id_search *hub_id_find(struct kube_client *client, const char *namespace,
				  hub_id_found *found, void *context)
{
	return start(client, namespace, looked, found, context);
}

struct hub_id_search *hub_id_look(struct kube_client *client, const char *namespace,
				  hub_id_found *found, void *context)
{
	return start(client, namespace, looked_again, found, context);
}
