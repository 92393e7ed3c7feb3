/* hub_key.h - the key of this hub, from which the nonces of requests follow.
 *
 * Generated once and kept in a ConfigMap in the broker's namespace, because nonces are as plain in
 * the records there, and because who may make Secrets may make tokens that never end. See
 * core/request_nonce.h. With another key than before, what stands on members without a record
 * cannot be known as ours. */
#ifndef EDGE_HUB_KEY_H
#define EDGE_HUB_KEY_H

struct error;
struct kube_client;
struct secret;

#define HUB_KEY_CONFIG_MAP "credbroker-hub-key"

struct hub_key_search; /* in flight */

/* KEY is borrowed for the call; NULL with ERR set when it can be neither read nor made now. */
typedef void hub_key_found(void *context, const struct secret *key, const struct error *err);

/* Reads the key of NAMESPACE or, where there is none, makes one. FOUND is called once, never before
 * this returns; the search is gone then. */
struct hub_key_search *hub_key_find(struct kube_client *client, const char *namespace,
				    hub_key_found *found, void *context);
/* Ends a search whose client is gone; FOUND will not be called. NULL is fine. */
void hub_key_abandon(struct hub_key_search *search);

#endif
