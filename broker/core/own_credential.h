/* own_credential.h - the record of a credential that the broker made for itself on one member: a
 * Secret in its namespace on the hub.
 *
 * Pure. Belongs to exactly one bootstrap: to one member access Secret with one kubeconfig. The
 * record is written before an anchor is made on the member, so every anchor that may be there has
 * its generation in it. */
#ifndef CORE_OWN_CREDENTIAL_H
#define CORE_OWN_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kubeconfig.h"

struct error;
struct json;

#define OWN_CREDENTIAL_SELECTOR "credbroker.dev/own-credential=true"

enum { OWN_STALE_MAX = 4 };

/* What it was made with: a member access Secret and what is in it. Borrowed texts. */
struct own_bootstrap {
	const char *access_name;
	const char *access_uid;
	const char *profile_key; /* "namespace/name" */
	const char *digest;      /* of the kubeconfig */
};

struct own_credential {
	char *name;             /* of the Secret */
	char *uid;              /* NULL: not stored yet */
	char *resource_version; /* the same */
	char *access_name, *access_uid, *profile_key, *digest;
	char *account_namespace, *account_name, *account_uid; /* who we are on the member */
	int64_t generation;           /* taken last: its anchor may be there */
	int64_t live;                 /* whose token is stored; 0: none */
	int64_t stale[OWN_STALE_MAX]; /* whose anchors may be there still */
	size_t stale_count;
	int64_t issued_at, expires_at; /* of the stored token, seconds since 1970 */
	int64_t renew_at;              /* by our own clock */
	int64_t rotate_at;             /* the latest rotation that it carries out; 0: none */
	struct kube_endpoint endpoint; /* with the stored token; empty while there is none */
};

/* The name of the Secret: another one for each bootstrap. The caller's. */
char *own_credential_name(const char *hub_id, const struct own_bootstrap *bootstrap);

/* Nothing taken yet, nobody known. The caller's. */
struct own_credential *own_credential_new(const char *hub_id,
					  const struct own_bootstrap *bootstrap);
struct own_credential *own_credential_dup(const struct own_credential *own);
/* Wipes. NULL is fine. Takes void * so that it serves as a store's destructor. */
void own_credential_free(void *own);

/* ERROR_INVALID for a Secret that is no such record. The caller's. */
struct own_credential *own_credential_read(const struct json *secret, struct error *err);
/* The Secret in NAMESPACE of the hub. The caller's. */
struct json *own_credential_render(const struct own_credential *own, const char *namespace);

/* Whose anchor an interrupted try may have left becomes stale; the next generation is taken. The
 * list must have room. */
void own_credential_take(struct own_credential *own);
/* GENERATION was given up while somebody else wrote the record: if it is not in there any more, its
 * anchor is stale, as far as the list has room. */
void own_credential_drop(struct own_credential *own, int64_t generation);
/* The token of the generation taken last is the one that counts; ENDPOINT is where the member is,
 * and TOKEN what is used there, both copied. The times are the caller's to set. */
void own_credential_keep(struct own_credential *own, const struct kube_endpoint *endpoint,
			 const struct secret *token);

/* The name of the anchor of GENERATION on the member. The caller's. */
char *own_credential_anchor_name(const struct own_credential *own, int64_t generation);
/* The anchor of the generation taken last: an empty Secret in the broker's namespace on the member.
 * The caller's. */
struct json *own_credential_anchor(const struct own_credential *own);
/* The TokenRequest for LIFETIME_S, bound to that anchor, whose UID is ANCHOR_UID. The caller's. */
struct json *own_credential_token_request(const struct own_credential *own, int64_t lifetime_s,
					  const char *anchor_uid);

#endif
