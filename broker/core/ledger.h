/* ledger.h - the record of what was made for one request: the IssuedCredential object.
 *
 * Pure. The ledger, kept in the broker's own namespace, and never what tenants can write, says what
 * is ours. It is written before the first effect (names, nonce, generation) and again when UIDs are
 * known. */
#ifndef CORE_LEDGER_H
#define CORE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/digest.h>

#include "core/revocation.h"

struct error;
struct json;
struct kube_resource;
struct request;
struct rights;

enum {
	LEDGER_OBJECTS_MAX = 96, /* a ServiceAccount, 40 roles and their 40 bindings fit */
	LEDGER_ANCHORS_MAX = 16,
};

/* Stands for the jti of a token that has none: API servers before 1.32 give none. */
#define LEDGER_NO_JTI "none"

/* An object on the member, in the order of creation: identity, roles, bindings. */
struct ledger_object {
	const struct kube_resource *resource;
	char *namespace;      /* NULL: cluster-scoped */
	char *name;           /* derived; for the ServiceAccount the requested one */
	char *requested_name; /* what the request calls it */
	char *uid;            /* NULL until known */
	char *digest;         /* rights_digest() of what it was made as; NULL until known */
	bool existing; /* a ServiceAccount that is not ours: used, never changed, never deleted */
	bool gone;     /* deleted by us; not recorded, because deleting twice is harmless */
	/* What a look at the member has shown. Not recorded: the next look shows it again. */
	bool suspect;  /* a list does not show it as it was made */
	bool replaced; /* it is gone, and another object has its name */
	bool lost;     /* it was gone, and is to be made anew */
};

/* The member-side Secret that one token is bound to. ledger_anchor_name() derives its name. */
struct ledger_anchor {
	int64_t generation;
	char *uid;         /* NULL: made or not, its reply was lost */
	char *jti;         /* NULL: no token is known */
	char *terms;       /* request_terms() that the token was asked for with; NULL: it is void */
	int64_t issued_at; /* iat and exp of the token, seconds; 0 without a token */
	int64_t expires_at;
	int64_t rotate_at;        /* the latest rotation that it carries out, seconds; 0: none */
	int64_t renew_at_percent; /* of its lifetime; 0: not on record */
	int64_t asked_s;          /* the lifetime that was asked for, seconds; 0: not on record */
};

/* The Secret on the hub. */
struct ledger_secret {
	char *namespace;
	char *name;
	char *uid;          /* NULL until known */
	char *cluster;      /* digest of the cluster_facts it was given last; NULL: not known */
	int64_t generation; /* of the anchor whose token it was given last; 0: none on record */
};

struct ledger {
	char *uid;              /* of the request; also this object's name */
	char *resource_version; /* NULL: not stored yet */
	char *hub_id;
	char *request_namespace;
	char *request_name;
	char *profile_key; /* "namespace/name" */
	char *profile_uid;
	char *member_uid;
	char *nonce;
	bool revoking; /* not allowed any more: all of it is undone, whatever policies say later */
	struct revocation revocation;
	char *forget;     /* LEDGER_RECORD_FORGET, as an administrator set it; NULL: not set */
	char *record_uid; /* of the IssuedCredential; NULL: not stored yet */
	char *policy;     /* the AccessPolicy that allowed it last; NULL: none on record */
	/* metadata.generation of the request whose spec was served with proof that the hub's
	 * admission policies let it through; 0: a record of before there was such a proof */
	int64_t admitted_generation;
	char *requester; /* request_requester_digest() of that spec; NULL: not known */
	char *identity_namespace;
	struct ledger_object *objects;
	size_t object_count;
	int64_t generation; /* the anchor's that may be made next, or was made last */
	int64_t epoch;      /* of the leadership that wrote it last; 0: none. Never lowered */
	struct ledger_anchor *anchors;
	size_t anchor_count;
	struct ledger_secret secret;
};

struct ledger_plan {
	const char *hub_id;
	const char *profile_key;
	const char *profile_uid;
	const char *member_uid;
	const char *identity_namespace; /* for a request that names none */
	const char *nonce;
	const char *policy; /* that allows it */
	bool requester_known;
};

/* The record for a request for which nothing was made yet: all names, no UID. The caller's. */
struct ledger *ledger_new(const struct request *request, const struct rights *rights,
			  const struct ledger_plan *plan);

/* Adds an object without a name of its own yet. Borrowed until the next one. */
struct ledger_object *ledger_add_object(struct ledger *ledger, const struct kube_resource *resource,
					const char *namespace, const char *requested_name);

/* Adds the roles and bindings of RIGHTS that are not on record. */
void ledger_extend(struct ledger *ledger, const struct rights *rights);
/* False when ledger_extend() would add something. */
bool ledger_covers(const struct ledger *ledger, const struct rights *rights);
/* Takes object INDEX, of which nothing is left on the member, off the record. */
void ledger_remove_object(struct ledger *ledger, size_t index);
/* Object INDEX was deleted by somebody else: it has no UID any more, and is to be made anew. Tokens
 * end with their ServiceAccount. */
void ledger_lose_object(struct ledger *ledger, size_t index);

struct ledger *ledger_dup(const struct ledger *ledger);
/* NULL is fine. */
void ledger_free(void *ledger);

/* The anchor of GENERATION, or NULL. Borrowed until the next change. */
struct ledger_anchor *ledger_anchor(const struct ledger *ledger, int64_t generation);
/* Adds the anchor of GENERATION, which must be new; NULL when LEDGER_ANCHORS_MAX are live.
 * Borrowed. */
struct ledger_anchor *ledger_add_anchor(struct ledger *ledger, int64_t generation);
void ledger_remove_anchor(struct ledger *ledger, int64_t generation);
/* True when any anchor has a token on record. */
bool ledger_has_token(const struct ledger *ledger);

/* The name of an anchor. It holds the nonce in its hash: nobody who has not read the ledger can
 * make an object of this name first. The caller's. */
char *ledger_anchor_name(const struct ledger *ledger, int64_t generation);

/* The mark that proves, where a reply was lost, that an object is ours: a hash of nonce and
 * place, so that reading one object's mark does not help to forge another's. */
void ledger_mark(const struct ledger *ledger, const char *kind, const char *namespace,
		 const char *name, char ret_mark[DIGEST_SHORT_SIZE]);

#endif
