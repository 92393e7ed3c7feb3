/* kube_watch.h - keeps a store equal to one resource on the server: list, watch, resume.
 *
 * Pages its lists, resumes at the last applied resourceVersion, relists only when the server says
 * that history is gone, and backs off on its own. An object that cannot be projected is counted and
 * logged by its key, and stops nothing. What left the store is not proof that it is gone: confirm
 * with a live GET before anything is destroyed (kube-semantics W-15). */
#ifndef EDGE_KUBE_WATCH_H
#define EDGE_KUBE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct error;
struct json;
struct kube_client;
struct kube_resource;
struct kube_watch;
struct loop;
struct store;

struct kube_watch_config {
	const struct kube_resource *resource;
	const char *namespace;      /* NULL: all namespaces */
	const char *label_selector; /* NULL: none */
	struct store *store;        /* borrowed; keys are "namespace/name" */
	/* Projects OBJECT into what the store keeps, or NULL with ERR set. */
	void *(*project)(const struct json *object, struct error *err);
	/* KEY was added, changed or removed, and the store is up to date. Only queue the key. */
	void (*changed)(void *context, const char *key);
	/* The first complete list is in the store and every key was told. Called once. */
	void (*synced)(void *context);
	void *context;
};

/* Starts at once. */
struct kube_watch *kube_watch_new(struct kube_client *client, struct loop *loop,
				  const struct kube_watch_config *config);
void kube_watch_free(struct kube_watch *watch);

bool kube_watch_is_synced(const struct kube_watch *watch);

#endif
