#include "edge/hub_constant.h"

#include <assert.h>
#include <string.h>

#include <base/digest.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>

#include "core/kube_path.h"
#include "edge/kube_client.h"

static const struct kube_resource config_maps = {.group = "",
						 .version = "v1",
						 .plural = "configmaps",
						 .kind = "ConfigMap",
						 .namespaced = true};

struct hub_constant_search {
	const struct hub_constant *constant;
	struct kube_client *client;
	char *namespace;
	char *path;
	char *create_path;
	hub_constant_found *found;
	void *context;
};

void hub_constant_abandon(struct hub_constant_search *search)
{
	if (!search)
		return;
	memory_free(search->namespace);
	memory_free(search->path);
	memory_free(search->create_path);
	memory_free(search);
}

static void finish(struct hub_constant_search *search, const char *value, const struct error *err)
{
	search->found(search->context, value, err);
	hub_constant_abandon(search);
}

static void finish_with(struct hub_constant_search *search, const struct json *config_map)
{
	const struct hub_constant *constant = search->constant;
	const char *value = json_find_string(config_map, "data", constant->key);
	struct error err = {0};

	if (value && constant->is_legal(value)) {
		finish(search, value, NULL);
		return;
	}
	error_set(&err, ERROR_INVALID, "ConfigMap %s/%s holds no legal %s", search->namespace,
		  constant->config_map, constant->key);
	finish(search, NULL, &err);
}

static void look(struct hub_constant_search *search, kube_done *done);

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

static struct json *render(const struct hub_constant_search *search)
{
	const struct hub_constant *constant = search->constant;
	struct json *config_map = json_object_new();
	struct json *metadata = json_add_object(config_map, "metadata");
	char nonce[NONCE_SIZE];

	assert(constant->digits < NONCE_SIZE);
	digest_nonce(nonce);
	nonce[constant->digits] = '\0';
	json_add_string(config_map, "apiVersion", "v1");
	json_add_string(config_map, "kind", "ConfigMap");
	if (constant->immutable)
		json_add_bool(config_map, "immutable", true);
	json_add_string(metadata, "namespace", search->namespace);
	json_add_string(metadata, "name", constant->config_map);
	json_add_string(json_add_object(metadata, "labels"), "app.kubernetes.io/managed-by",
			"credbroker");
	json_add_string(json_add_object(config_map, "data"), constant->key, nonce);
	explicit_bzero(nonce, sizeof(nonce));
	return config_map;
}

static void make(struct hub_constant_search *search)
{
	cleanup_json struct json *config_map = render(search);

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

static void look(struct hub_constant_search *search, kube_done *done)
{
	kube_client_start(search->client,
			  &(struct kube_request){.verb = KUBE_GET, .path = search->path}, done,
			  search);
}

static struct hub_constant_search *search_new(const struct hub_constant *constant,
					      struct kube_client *client, const char *namespace,
					      hub_constant_found *found, void *context)
{
	struct hub_constant_search *search = memory_new(sizeof(*search));
	struct error err = {0};
	bool built = kube_path_object(&config_maps, namespace, constant->config_map, NULL,
				      &search->path, &err) &&
		     kube_path_create(&config_maps, namespace, &search->create_path, &err);

	assert(built); /* the namespace is a checked flag */
	search->constant = constant;
	search->client = client;
	search->namespace = memory_text(namespace);
	search->found = found;
	search->context = context;
	return search;
}

struct hub_constant_search *hub_constant_find(const struct hub_constant *constant,
					      struct kube_client *client, const char *namespace,
					      hub_constant_found *found, void *context)
{
	struct hub_constant_search *search =
		search_new(constant, client, namespace, found, context);

	look(search, looked);
	return search;
}

struct hub_constant_search *hub_constant_look(const struct hub_constant *constant,
					      struct kube_client *client, const char *namespace,
					      hub_constant_found *found, void *context)
{
	struct hub_constant_search *search =
		search_new(constant, client, namespace, found, context);

	look(search, looked_again);
	return search;
}
