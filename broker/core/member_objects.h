/* member_objects.h - the objects that give a request its access on the member, as JSON.
 *
 * Pure and deterministic. Nothing here holds a token. */
#ifndef CORE_MEMBER_OBJECTS_H
#define CORE_MEMBER_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/digest.h>

struct error;
struct json;
struct kube_resource;
struct ledger;
struct ledger_object;
struct request;
struct rights;

/* Object INDEX of LEDGER as it is to be created for RIGHTS. The caller's. */
struct json *member_object_render(const struct ledger *ledger, size_t index,
				  const struct rights *rights);

/* The same, to be applied to the object that is there, by its UID. The caller's. */
struct json *member_object_render_change(const struct ledger *ledger, size_t index,
					 const struct rights *rights);

/* True when object INDEX binds a role that is not ours. */
bool member_object_binds_existing(const struct ledger *ledger, size_t index);

/* True when LIVE is what we made: its UID is recorded, or it carries our mark. */
bool member_object_is_ours(const struct ledger *ledger, size_t index, const struct json *live);

/* The UID of the request that LIVE was made for by the hub HUB_ID, as its labels say, which prove
 * nothing; NULL: they do not say so. Borrowed. */
const char *member_object_request(const struct json *live, const char *hub_id);

/* True when LIVE, an object of RESOURCE, carries the mark that NONCE gives at its place. */
bool member_object_has_mark(const struct json *live, const struct kube_resource *resource,
			    const char *nonce);

/* The UID of an object as a member answered with it; NULL when it has none that the ledger could
 * hold. Borrowed. */
const char *member_object_uid(const struct json *live);

/* ERROR_CONFLICT when the rules, roleRef or subjects of LIVE are not those of INTENDED. */
bool member_object_is_intact(const struct json *intended, const struct json *live,
			     struct error *err);

/* What objects of the broker are listed by: those of one hub. The caller's. */
char *member_objects_selector(const char *hub_id);

/* The first part of LIVE that is not as in INTENDED, of those that make it what it is:
 * MEMBER_OBJECT_AGGREGATION, "rules", "roleRef", "subjects", "labels" or "annotations". NULL: none.
 * Static. */
#define MEMBER_OBJECT_AGGREGATION "aggregationRule"
const char *member_object_difference(const struct json *intended, const struct json *live);
/* A digest of these parts: the same for two objects without a difference. */
void member_object_digest(const struct json *object, char ret_digest[DIGEST_SHORT_SIZE]);

/* Who, besides us, wrote LIVE last, by what the member keeps of it; NULL: nobody it knows of. No
 * proof. Borrowed. */
const char *member_object_editor(const struct json *live);

/* The anchor Secret of GENERATION: no data, no finalizers, because with one its deletion would not
 * revoke for a minute (kube-semantics T-09). The ServiceAccount, whose UID must be on record, owns
 * it: the member deletes it after that. The caller's. */
struct json *member_anchor_render(const struct ledger *ledger, int64_t generation);

/* A TokenRequest bound to the anchor and to this very ServiceAccount by UID (T-02, T-08). */
struct json *member_token_request_render(const struct ledger *ledger, const struct request *request,
					 int64_t generation, const char *anchor_uid);

/* A SelfSubjectReview. The caller's. */
struct json *member_review_render(void);

/* True when the member takes who sent REVIEW, as it answered it, for the very ServiceAccount on
 * record. */
bool member_review_is_of_identity(const struct ledger *ledger, const struct json *review);

/* "system:serviceaccount:<namespace>:<name>". The caller's. */
char *member_username(const struct ledger *ledger);

#endif
