/* member_access.h - a Secret by which an administrator gives us access to one member.
 *
 * Pure. Projects the Secret; nothing of it but what a kubeconfig may hold inline is accepted. */
#ifndef EDGE_MEMBER_ACCESS_H
#define EDGE_MEMBER_ACCESS_H

#include <base/error.h>

#include "core/kubeconfig.h"
#include "core/own_credential.h"

struct json;

#define MEMBER_ACCESS_SELECTOR "credbroker.dev/member-access=true"

struct member_access {
	char *name; /* of the Secret */
	char *uid;
	char *version;     /* UID and resourceVersion: changes whenever the Secret does */
	char *profile_key; /* "namespace/name" */
	char *digest;      /* SHA-256 of the kubeconfig in hex; NULL: there is none */
	int64_t rotate_at; /* when our own credential is to be made anew, seconds; 0: not asked for
			    */
	struct kube_endpoint endpoint;
	char invalid[ERROR_TEXT_MAX]; /* why it must not be used; "" when it may */
};

/* NULL (ERROR_INVALID) when the Secret names no ClusterProfile: then nobody can be told but the
 * log. The caller's. */
struct member_access *member_access_read(const struct json *secret, struct error *err);
/* What our own credential is made with. Borrowed from ACCESS, which has a digest. */
struct own_bootstrap member_access_bootstrap(const struct member_access *access);
/* Wipes the credential. NULL is fine. Takes void * so that it serves as a store's destructor. */
void member_access_free(void *access);

#endif
