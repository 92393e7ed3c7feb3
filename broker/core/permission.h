/* permission.h - what the access policies say of one request.
 *
 * Pure. Puts together what is asked for, and by whom, from what the watches show, and has the
 * engine decide. Status, labels and annotations of the request itself have no part in it. */
#ifndef CORE_PERMISSION_H
#define CORE_PERMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/error.h>

struct access_settings;
struct hub_state;
struct ledger_object;
struct policy_opinion;
struct request;
struct rights;
struct store;

/* What is decided on. Borrowed. */
struct permission_basis {
	const struct store *policies;            /* struct access_policy by name */
	const struct store *namespaces;          /* struct hub_namespace by name */
	const struct store *profiles;            /* struct cluster_profile by "namespace/name" */
	const struct store *identity_namespaces; /* of hub_state.h */
	const char *broker_namespace;
	const char *identity_namespace; /* for requests that name none */
	const char *made_in; /* the identity namespace on record; NULL: nothing was made yet */
	const struct ledger_object *identity; /* ... and the identity; NULL: the same */
	const char *const *protected_patterns;
	size_t protected_count;
	const char *username; /* of the requester, proven; NULL: not known */
	const char *const *groups;
	size_t group_count;
};

/* Of what SEEN shows and the operator set; nothing was made, and nobody is known. */
struct permission_basis permission_basis_of(const struct hub_state *seen,
					    const struct access_settings *settings);

struct permission {
	bool allowed;
	char *policy;              /* the one that allows; NULL: denied, or not read */
	int64_t renew_at_percent;  /* as that policy has it; 0: it does not say */
	bool existing_identity;    /* it wants a ServiceAccount used that exists, none made */
	const char *reason;        /* of a denial; static */
	char text[ERROR_TEXT_MAX]; /* of a denial, for the requester */
};

/* Decides on REQUEST, which is valid, for the ClusterProfile PROFILE_KEY, and replaces what
 * PERMISSION held. RIGHTS say where its templates make roles; NULL: they cannot be filled. */
void permission_decide(struct permission *permission, const struct permission_basis *basis,
		       const struct request *request, const struct rights *rights,
		       const char *profile_key);

/* The same for one that cannot be served, of which is known where it is, and no more: it keeps what
 * it has while any policy is for that namespace and ClusterProfile, whatever that policy allows. */
void permission_decide_unread(struct permission *permission, const struct permission_basis *basis,
			      const struct request *request, const char *profile_key);
/* The whole decision: first on names alone, then on what the templates that SEEN shows give.
 * Replaces what PERMISSION held. *RET_RIGHTS, the caller's, is what the decision rests on; NULL
 * when the names are denied or, with *RET_RIGHTS_ERR set as by rights_gather(), when they cannot be
 * gathered. */
void permission_settle(struct permission *permission, const struct permission_basis *basis,
		       const struct request *request, const struct hub_state *seen,
		       const char *profile_key, struct rights **ret_rights,
		       struct error *ret_rights_err);

/* Tells VISIT what each policy makes of the same question as permission_decide() asks. It tells of
 * policies: not for the requester. */
typedef void permission_visit(void *context, const char *policy,
			      const struct policy_opinion *opinion);
void permission_judge(const struct permission_basis *basis, const struct request *request,
		      const struct rights *rights, const char *profile_key, permission_visit *visit,
		      void *context);

/* Leaves it denied. */
void permission_done(struct permission *permission);

#endif
