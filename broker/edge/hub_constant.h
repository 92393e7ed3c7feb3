/* hub_constant.h - a value that is generated once for a hub and kept in a ConfigMap of the broker's
 * namespace.
 *
 * Never changes one that is there, whatever it holds. */
#ifndef EDGE_HUB_CONSTANT_H
#define EDGE_HUB_CONSTANT_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct kube_client;

struct hub_constant {
	const char *config_map; /* the name of the ConfigMap */
	const char *key;        /* in its data */
	size_t digits;          /* hexadecimal ones that are generated; less than NONCE_SIZE */
	bool immutable;         /* the API server lets nobody change it either */
	bool (*is_legal)(const char *value);
};

struct hub_constant_search; /* in flight */

/* VALUE is borrowed for the call; NULL with ERR set when it can be neither read nor made now. */
typedef void hub_constant_found(void *context, const char *value, const struct error *err);

/* Reads CONSTANT, which must outlive the search, in NAMESPACE or, where there is none, makes it.
 * FOUND is called once, never before this returns; the search is gone then. */
struct hub_constant_search *hub_constant_find(const struct hub_constant *constant,
					      struct kube_client *client, const char *namespace,
					      hub_constant_found *found, void *context);
/* Only reads it: ERROR_NOT_FOUND where there is none. */
struct hub_constant_search *hub_constant_look(const struct hub_constant *constant,
					      struct kube_client *client, const char *namespace,
					      hub_constant_found *found, void *context);
/* Ends a search whose client is gone; FOUND will not be called. NULL is fine. */
void hub_constant_abandon(struct hub_constant_search *search);

#endif
