#include "edge/hub_key.h"

#include <assert.h>
#include <string.h>

#include <base/digest.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/secret.h>

#include "core/kube_path.h"
#include "edge/kube_client.h"

static const struct kube_resource config_maps = {.group = "",
						 .version = "v1",
						 .plural = "configmaps",
						 .kind = "ConfigMap",
						 .namespaced = true};

/* Hex digits: 128 bits. A shorter one was not made by us. */
enum { KEY_MIN = NONCE_SIZE - 1 };

struct hub_key_search {
	struct kube_client *client;
	char *namespace;
	char *path;
	char *create_path;
	hub_key_found *found;
	void *context;
};

void hub_key_abandon(struct hub_key_search *search)
{
	if (!search)
		return;
	memory_free(search->namespace);
	memory_free(search->path);
	memory_free(search->create_path);
	memory_free(search);
}

static void finish(struct hub_key_search *search, const struct secret *key, const struct error *err)
{
	search->found(search->context, key, err);
	hub_key_abandon(search);
}

static bool read_key(const struct json *object, struct secret *ret_key, struct error *err)
{
	const char *key = json_find_string(object, "data", "key");

	if (!key || strlen(key) < KEY_MIN)
		return error_set(err, ERROR_INVALID,
				 "ConfigMap " HUB_KEY_CONFIG_MAP " holds no key");
	*ret_key = secret_from_bytes(key, strlen(key));
	return true;
}

static void look(struct hub_key_search *search, kube_done *done);

static void looked_again(void *context, const struct kube_reply *reply)
{
	cleanup_secret struct secret key = {0};
	struct error err = {0};

	if (reply->err)
		finish(context, NULL, reply->err);
	else if (read_key(reply->object, &key, &err))
		finish(context, &key, NULL);
	else
		finish(context, NULL, &err);
}

static void made(void *context, const struct kube_reply *reply)
{
	if (reply->kube.reason == KUBE_REASON_ALREADY_EXISTS)
		look(context, looked_again);
	else
		looked_again(context, reply);
}

static void make(struct hub_key_search *search)
{
	cleanup_json struct json *object = json_object_new();
	struct json *metadata = json_add_object(object, "metadata");
	char nonce[NONCE_SIZE];

	digest_nonce(nonce);
	json_add_string(object, "apiVersion", "v1");
	json_add_string(object, "kind", "ConfigMap");
	json_add_bool(object, "immutable", true);
	json_add_string(metadata, "namespace", search->namespace);
	json_add_string(metadata, "name", HUB_KEY_CONFIG_MAP);
	json_add_string(json_add_object(metadata, "labels"), "app.kubernetes.io/managed-by",
			"credbroker");
	json_add_string(json_add_object(object, "data"), "key", nonce);
	explicit_bzero(nonce, sizeof(nonce));
	kube_client_start(search->client,
			  &(struct kube_request){
				  .verb = KUBE_CREATE, .path = search->create_path, .body = object},
			  made, search);
}

static void looked(void *context, const struct kube_reply *reply)
{
	if (reply->kube.reason == KUBE_REASON_NOT_FOUND)
		make(context);
	else
		looked_again(context, reply);
}

static void look(struct hub_key_search *search, kube_done *done)
{
	kube_client_start(search->client,
			  &(struct kube_request){.verb = KUBE_GET, .path = search->path}, done,
			  search);
}

struct hub_key_search *hub_key_find(struct kube_client *client, const char *namespace,
				    hub_key_found *found, void *context)
{
	struct hub_key_search *search = memory_new(sizeof(*search));
	struct error err = {0};
	bool built = kube_path_object(&config_maps, namespace, HUB_KEY_CONFIG_MAP, NULL,
				      &search->path, &err) &&
		     kube_path_create(&config_maps, namespace, &search->create_path, &err);

	assert(built); /* the namespace is a checked flag */
	search->client = client;
	search->namespace = memory_text(namespace);
	search->found = found;
	search->context = context;
	look(search, looked);
	return search;
}
