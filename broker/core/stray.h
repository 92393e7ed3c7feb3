/* stray.h - an object on a member that this hub made, for a request that it does not know.
 *
 * Pure. That it was made by us is proven by its mark, which follows from the hub's key: whoever
 * writes on the member can copy labels and annotations, but a mark holds at one place only, and
 * cannot be made for another. */
#ifndef CORE_STRAY_H
#define CORE_STRAY_H

#include <stdbool.h>

struct json;
struct kube_resource;
struct secret;

struct stray {
	const struct kube_resource *resource;
	char *namespace; /* NULL: cluster-scoped */
	char *name;
	char *uid;
	char *resource_version;
	char *request_uid;
	bool seen_again; /* by the second list */
	bool handled;    /* deleted, or tried to */
};

/* ITEM, of a list of RESOURCE, whose labels say that HUB_ID made it for REQUEST_UID. NULL when that
 * is not proven by KEY, or when it is on its way out. The caller's. */
struct stray *stray_read(const struct kube_resource *resource, const struct json *item,
			 const char *hub_id, const char *request_uid, const struct secret *key);
/* NULL is fine. Takes void * so that it serves as a store's destructor. */
void stray_free(void *stray);

/* Bindings go first, because without them a token is worth nothing; then ServiceAccounts, with
 * which tokens end; then roles. The smaller, the sooner. */
int stray_rank(const struct stray *stray);

#endif
