/* secret_object.h - the hub Secret that carries a credential to the application.
 *
 * Pure and deterministic. The type is fixed (security.md R1): nothing that a tenant says can make
 * it a Secret that Kubernetes itself fills or obeys. */
#ifndef DELIVERY_SECRET_OBJECT_H
#define DELIVERY_SECRET_OBJECT_H

#include <stdint.h>

struct cluster_facts;
struct json;
struct secret;

struct secret_object {
	const char *namespace;
	const char *name;
	const char *uid;              /* of the Secret to be replaced; NULL: to be created */
	const char *resource_version; /* with UID */
	const char *request_name;
	const char *request_uid;
	const char *mark;
	int64_t generation; /* the anchor's */
	int64_t expires_at; /* seconds */
	const struct cluster_facts *cluster;
	const struct secret *token;
};

/* Keys kubeconfig, token and ca.crt. Owned by the request, so that it goes even if nobody is left
 * to withdraw it. The caller's; its memory is wiped when released. */
struct json *secret_object_render(const struct secret_object *secret);

/* The mark on LIVE, NULL when it has none. Borrowed. */
const char *secret_object_mark(const struct json *live);

#endif
