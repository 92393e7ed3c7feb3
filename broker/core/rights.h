/* rights.h - the roles that a request is to have on its member: those that it writes out, and those
 * of the templates that it names.
 *
 * Pure and deterministic. The name of a role of a template is "<template>:<role>", so that it meets
 * no other. */
#ifndef CORE_RIGHTS_H
#define CORE_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include <base/digest.h>

struct error;
struct hub_state;
struct ledger;
struct ledger_object;
struct request;
struct request_role;

struct rights {
	struct request_role *roles;
	size_t count;
	size_t inline_count; /* the first of them are the request's own */
};

/* All rights of REQUEST for the ClusterProfile PROFILE_KEY, with the templates that SEEN shows.
 * NULL: ERROR_NOT_FOUND when a template or the profile is not there, ERROR_INVALID when a template
 * cannot be filled, or gives a role that is there already with other rules. The caller's. */
struct rights *rights_gather(const struct request *request, const struct hub_state *seen,
			     const char *profile_key, struct error *err);
/* The reason that a condition gives for what rights_gather() answered. Static. */
const char *rights_problem(const struct error *err);
/* NULL is fine. */
void rights_free(struct rights *rights);

/* The role that OBJECT, a role or a binding of a ledger, was made for; NULL: none of these. */
const struct request_role *rights_role(const struct rights *rights,
				       const struct ledger_object *object);

/* A digest of what a role allows, or of what a binding refers to: another one means that the object
 * has to be another. */
void rights_digest(const struct request_role *role, bool binding,
		   char ret_digest[DIGEST_SHORT_SIZE]);

/* Stands where a digest may, and is none: the object has to be another, or to go. */
#define RIGHTS_DIGEST_NONE "none"

/* True when OBJECT, a role or a binding, has to go: nothing wants it, or it is a binding that
 * refers to another role, which cannot be changed. */
bool rights_is_surplus(const struct rights *rights, const struct ledger_object *object);
/* True when LEDGER has a note on all that has to go and, when nothing has to go any more, all that
 * is wanted: old and new together may be more than a record holds. */
bool rights_are_on_record(const struct rights *rights, const struct ledger *ledger);
/* Brings LEDGER a step nearer to that. */
void rights_amend(const struct rights *rights, struct ledger *ledger);

#endif
