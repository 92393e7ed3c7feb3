/* kube_list.h - reads all objects of one resource once, page by page.
 *
 * For who wants to know how things are and not what becomes of them; that is edge/kube_watch.
 * Writes nothing. Capped at KUBE_LIST_OBJECTS_MAX. */
#ifndef EDGE_KUBE_LIST_H
#define EDGE_KUBE_LIST_H

struct error;
struct json;
struct kube_client;
struct kube_list;
struct kube_resource;

enum { KUBE_LIST_OBJECTS_MAX = 100000 };

struct kube_list_config {
	const struct kube_resource *resource; /* of all namespaces */
	void (*object)(void *context, const struct json *object);
	/* ERR is NULL when every object was told. Called once, never before the start returns. */
	void (*done)(void *context, const struct error *err);
	void *context;
};

struct kube_list *kube_list_new(struct kube_client *client, const struct kube_list_config *config);
/* DONE is not called any more. NULL is fine. */
void kube_list_free(struct kube_list *list);

#endif
