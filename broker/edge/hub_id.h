/* hub_id.h - the name by which members tell this hub from others that they may also serve.
 *
 * Generated once and kept in a ConfigMap in the broker's namespace, because every derived name and
 * every mark contains it. */
#ifndef EDGE_HUB_ID_H
#define EDGE_HUB_ID_H

#include <stdbool.h>

struct error;
struct kube_client;

#define HUB_ID_CONFIG_MAP "credbroker-hub"

struct hub_id_search; /* in flight */

/* HUB_ID is borrowed for the call; NULL with ERR set when it can be neither read nor made now. */
typedef void hub_id_found(void *context, const char *hub_id, const struct error *err);

/* Reads the hub id of NAMESPACE or, where there is none, makes one. FOUND is called once, never
 * before this returns; the search is gone then. */
struct hub_id_search *hub_id_find(struct kube_client *client, const char *namespace,
				  hub_id_found *found, void *context);
/* Only reads it: ERROR_NOT_FOUND where there is none. */
struct hub_id_search *hub_id_look(struct kube_client *client, const char *namespace,
				  hub_id_found *found, void *context);
/* Ends a search whose client is gone; FOUND will not be called. NULL is fine. */
void hub_id_abandon(struct hub_id_search *search);

/* A DNS label of at most 40 characters. */
bool hub_id_is_legal(const char *hub_id);

#endif
