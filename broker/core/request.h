/* request.h - an AuthTokenRequest as the broker sees it.
 *
 * Pure. Reads every shape that clients of the 2024 proposal sent (docs/api.md). What the API server
 * stored is checked again, because a CRD may have been laxer when it was stored. */
#ifndef CORE_REQUEST_H
#define CORE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/digest.h>
#include <base/error.h>

struct json;

#define REQUEST_FINALIZER "credbroker.dev/revocation"
#define REQUEST_ROTATE_AT "credbroker.dev/rotate-at" /* annotation */
#define REQUEST_ABANDON   "credbroker.dev/abandon"   /* annotation */

/* A set of rights wanted on the member. request_role_done() releases what it holds. */
struct request_role {
	char *namespace; /* NULL: a ClusterRole, bound in the whole cluster */
	char *name;
	char *rules; /* JSON text; NULL: the existing role of that name is bound */
};

struct request {
	char *key; /* "namespace/name" */
	char *namespace;
	char *name;
	char *uid;
	char *resource_version;
	int64_t generation;
	int64_t created_s;    /* seconds since 1970; 0: not known */
	int64_t deleted_at_s; /* 0: it is not being deleted */
	int64_t rotate_at_s;  /* of the annotation; 0: none */
	size_t finalizer_count;
	int finalizer_index; /* of ours; -1: not there */
	bool deleting;
	bool suspended;
	bool abandoned;          /* so it says; whether that counts, others have to know */
	bool rotate_at_is_wrong; /* it is there, and no time */

	char *profile_namespace; /* "": not named; see request_profile_key() */
	char *profile_name;
	char *service_account;
	char *service_account_namespace; /* "": the default identity namespace */
	struct request_role *roles;
	size_t role_count;
	struct json *templates; /* [{name, parameters}]; NULL: none are named */
	char **audiences;
	size_t audience_count;
	int64_t expiration_s;
	char *delivery_name;

	/* Who asks, as it says there. Whether that is true, others have to know. */
	char *requester; /* the user name; NULL: nobody is named */
	char *requester_uid;
	char **requester_groups;
	size_t requester_group_count;

	char *status;                 /* JSON text as stored; NULL when absent */
	bool has_conditions;          /* ... and it shows conditions */
	char invalid[ERROR_TEXT_MAX]; /* why it cannot be served; "" when it can */
};

enum {
	REQUEST_EXPIRATION_DEFAULT_S = 3600,
	REQUEST_EXPIRATION_MIN_S = 600,
	REQUEST_EXPIRATION_MAX_S = 24 * 3600,
};

/* Projects OBJECT. An object that is well-formed but cannot be served has `invalid` set, so that
 * its owner can be told; NULL (ERROR_INVALID) only without a name and UID. The caller's. */
struct request *request_read(const struct json *object, struct error *err);

/* NULL is fine. Takes void * so that it serves as a store's destructor. */
void request_free(void *request);

void request_role_done(struct request_role *role);

/* Reads ITEM, {name, rules}, and with NAMESPACED {namespace, name, rules}, into RET_ROLE, which is
 * the caller's. */
bool request_role_read(const struct json *item, bool namespaced, struct request_role *ret_role,
		       struct error *err);

/* True when ROLES hold one of ROLE's namespace and name. */
bool request_role_is_among(const struct request_role *role, const struct request_role *roles,
			   size_t count);

/* A digest of what the credential is to be like: another one means another token. */
void request_terms(const struct request *request, char ret_terms[DIGEST_SHORT_SIZE]);

/* A digest of who asks; the requester is named. */
void request_requester_digest(const struct request *request, char ret_digest[DIGEST_SHORT_SIZE]);

/* "namespace/name" of the ClusterProfile. An unnamed namespace is DEFAULT_NAMESPACE or, where that
 * is NULL, the request's own. The caller's. */
char *request_profile_key(const struct request *request, const char *default_namespace);

#endif
