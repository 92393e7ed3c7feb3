#include "core/member_steps.h"

#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access.h"
#include "core/access_steps.h"
#include "core/hub_state.h"
#include "core/identity_claim.h"
#include "core/kube_path.h"
#include "core/ledger.h"
#include "core/member_objects.h"
#include "core/request.h"
#include "core/restore_steps.h"
#include "core/rights.h"

static struct ledger_object *planned_object(const struct access *access)
{
	return &access->ledger->objects[access->plan.index];
}

void member_step_call_object(struct access_steps *steps, struct access *access, enum kube_verb verb,
			     const struct json *body, access_reply *handle)
{
	const struct ledger_object *object = planned_object(access);
	cleanup_free char *path = NULL;
	struct error err = {0};
	bool built = verb == KUBE_CREATE
			     ? kube_path_create(object->resource, object->namespace, &path, &err)
			     : kube_path_object(object->resource, object->namespace, object->name,
						NULL, &path, &err);

	if (built && verb == KUBE_APPLY)
		built = kube_path_add_query(&path, "fieldManager", "credbroker", &err) &&
			kube_path_add_query(&path, "force", "true", &err);
	if (!built) {
		access_steps_fail(steps, access, "InvalidRequest", &err);
		return;
	}
	access_steps_call_member(
		steps, access,
		&(struct kube_request){.verb = verb,
				       .path = path,
				       .body = body,
				       .with_managers = access->plan.step == ACCESS_RESTORE_OBJECT,
				       .urgent = verb == KUBE_DELETE},
		handle);
}

const char *member_step_conflict(const struct kube_resource *resource)
{
	if (resource == &KUBE_SERVICE_ACCOUNTS)
		return "ServiceAccountConflict";
	return resource == &KUBE_ROLES || resource == &KUBE_CLUSTER_ROLES ? "RoleConflict"
									  : "RoleBindingConflict";
}

static void fail_on_conflict(struct access_steps *steps, struct access *access)
{
	const struct ledger_object *object = planned_object(access);
	struct error err = {0};

	error_set(&err, ERROR_CONFLICT,
		  "%s %s%s%s exists on the member and is not ours: it stays untouched",
		  object->resource->kind, object->namespace ? object->namespace : "",
		  object->namespace ? "/" : "", object->name);
	access_steps_fail(steps, access, member_step_conflict(object->resource), &err);
}

static void fail_to_create(struct access_steps *steps, struct access *access,
			   const struct kube_reply *reply)
{
	const struct ledger_object *object = planned_object(access);
	bool identity = object->resource == &KUBE_SERVICE_ACCOUNTS;
	struct error err = *reply->err;

	if (reply->kube.reason == KUBE_REASON_UNAUTHORIZED) {
		access_steps_fail(steps, access, "MemberAccessRejected", &err);
	} else if (reply->kube.reason == KUBE_REASON_NAMESPACE_TERMINATING) {
		access_steps_fail(steps, access, "NamespaceTerminating", &err);
	} else if (identity && (err.kind == ERROR_DENIED || err.kind == ERROR_NOT_FOUND)) {
		error_wrap(&err, "namespace %s is not opened to the broker on the member",
			   object->namespace);
		err.kind = ERROR_DENIED;
		access_steps_fail(steps, access, "NamespaceNotOpened", &err);
	} else if (err.kind == ERROR_DENIED) {
		error_wrap(&err, "the broker may not grant %s on the member",
			   object->requested_name);
		access_steps_fail(steps, access, "GrantRefused", &err);
	} else if (err.kind == ERROR_NOT_FOUND) {
		error_wrap(&err, "the role %s or its namespace is not on the member",
			   object->requested_name);
		access_steps_fail(steps, access, "RoleNotFound", &err);
	} else {
		access_steps_fail(steps, access, "MemberUnavailable", &err);
	}
}

/* Later it is known without asking whether it is as it has to be. */
static void note_digest(const struct access *access, struct ledger_object *object)
{
	const struct request_role *role =
		access->rights ? rights_role(access->rights, object) : NULL;
	bool binding = object->resource == &KUBE_ROLE_BINDINGS ||
		       object->resource == &KUBE_CLUSTER_ROLE_BINDINGS;
	char digest[DIGEST_SHORT_SIZE];

	if (!role || object->resource == &KUBE_SERVICE_ACCOUNTS)
		return;
	rights_digest(role, binding, digest);
	memory_free(object->digest);
	object->digest = memory_text(digest);
}

static void note_object(struct access *access, struct ledger_object *object, const char *uid)
{
	memory_free(object->uid);
	object->uid = memory_text(uid);
	access->ledger_saved = false;
}

/* REPLY is to a write of ours, so LIVE has to be what was sent. */
static void learn_object(struct access_steps *steps, struct access *access, const struct json *live)
{
	struct ledger_object *object = planned_object(access);
	const char *uid = member_object_uid(live);
	cleanup_json struct json *intended = NULL;
	struct error err = {0};

	if (!uid) {
		error_set(&err, ERROR_UNAVAILABLE,
			  "the member answered with an object without a UID");
		access_steps_fail(steps, access, "MemberUnavailable", &err);
		return;
	}
	if (access->rights) {
		intended = member_object_render(access->ledger, (size_t)access->plan.index,
						access->rights);
		if (!member_object_is_intact(intended, live, &err)) {
			access_steps_fail(steps, access, member_step_conflict(object->resource),
					  &err);
			return;
		}
	}
	note_object(access, object, uid);
	note_digest(access, object);
	if (object->lost)
		restore_step_tell_made(steps, access, object);
	object->lost = false;
	access_steps_succeed(steps, access);
}

/* Ours by its mark, of a write whose reply was lost: since then, something else may be wanted. */
static void learn_existing(struct access_steps *steps, struct access *access,
			   const struct json *live)
{
	struct ledger_object *object = planned_object(access);
	const char *uid = member_object_uid(live);
	cleanup_json struct json *intended =
		access->rights ? member_object_render(access->ledger, (size_t)access->plan.index,
						      access->rights)
			       : NULL;
	struct error ignored = {0};

	if (!uid || !intended || member_object_is_intact(intended, live, &ignored)) {
		learn_object(steps, access, live);
		return;
	}
	note_object(access, object, uid);
	memory_free(object->digest);
	object->digest = memory_text(RIGHTS_DIGEST_NONE);
	access_steps_succeed(steps, access);
}

static void existing_object_read(struct access_steps *steps, struct access *access,
				 const struct kube_reply *reply)
{
	if (reply->err)
		fail_to_create(steps, access, reply);
	else if (!member_object_is_ours(access->ledger, (size_t)access->plan.index, reply->object))
		fail_on_conflict(steps, access);
	else
		learn_existing(steps, access, reply->object);
}

static void object_created(struct access_steps *steps, struct access *access,
			   const struct kube_reply *reply)
{
	if (reply->kube.reason == KUBE_REASON_ALREADY_EXISTS)
		member_step_call_object(steps, access, KUBE_GET, NULL, existing_object_read);
	else if (reply->err)
		fail_to_create(steps, access, reply);
	else
		learn_object(steps, access, reply->object);
}

static void post_object(struct access_steps *steps, struct access *access)
{
	cleanup_json struct json *object = NULL;

	if (!access->rights) {
		access_steps_succeed(steps, access);
		return;
	}
	object = member_object_render(access->ledger, (size_t)access->plan.index, access->rights);
	member_step_call_object(steps, access, KUBE_CREATE, object, object_created);
}

static void bind_answered(struct access_steps *steps, struct access *access,
			  const struct kube_reply *reply)
{
	const struct ledger_object *binding = planned_object(access);
	struct error err = {0};

	if (reply->err) {
		fail_to_create(steps, access, reply);
	} else if (!json_is_true(json_find(reply->object, "status", "allowed"))) {
		error_set(&err, ERROR_DENIED,
			  "the existing role %s is not opened to the broker by name",
			  binding->requested_name);
		access_steps_fail(steps, access, "GrantRefused", &err);
	} else {
		post_object(steps, access);
	}
}

/* The API server would also let us bind whatever role holds no more than we do, our own included.
 */
static void ask_bind(struct access_steps *steps, struct access *access)
{
	const struct ledger_object *binding = planned_object(access);
	cleanup_json struct json *review = json_object_new();
	cleanup_free char *path = NULL;
	struct json *attributes;
	struct error err = {0};

	json_add_string(review, "apiVersion", "authorization.k8s.io/v1");
	json_add_string(review, "kind", "SelfSubjectAccessReview");
	attributes = json_add_object(json_add_object(review, "spec"), "resourceAttributes");
	json_add_string(attributes, "group", KUBE_ROLES.group);
	json_add_string(attributes, "resource",
			binding->namespace ? KUBE_ROLES.plural : KUBE_CLUSTER_ROLES.plural);
	json_add_string(attributes, "namespace", binding->namespace);
	json_add_string(attributes, "name", binding->requested_name);
	json_add_string(attributes, "verb", "bind");
	if (!kube_path_create(&KUBE_SELF_SUBJECT_ACCESS_REVIEWS, NULL, &path, &err)) {
		access_steps_fail(steps, access, "InvalidRequest", &err);
		return;
	}
	access_steps_call_member(
		steps, access,
		&(struct kube_request){.verb = KUBE_CREATE, .path = path, .body = review},
		bind_answered);
}

/* Nothing stops two requests from finding the same one but what is known here. */
static bool is_used_by_another(const struct access_steps *steps, const struct access *access)
{
	return identity_claim_is_taken(steps->seen->ledgers, access->ledger) ||
	       identity_claim_is_held(steps->accesses, access->ledger);
}

static void fail_on_use(struct access_steps *steps, struct access *access)
{
	const struct ledger_object *account = planned_object(access);
	struct error err = {0};

	error_set(&err, ERROR_CONFLICT,
		  "the existing ServiceAccount %s/%s is used by another request",
		  account->namespace, account->name);
	access_steps_fail(steps, access, "ServiceAccountConflict", &err);
}

static void fail_to_find(struct access_steps *steps, struct access *access)
{
	const struct ledger_object *account = planned_object(access);
	struct error err = {0};

	error_set(&err, ERROR_NOT_FOUND,
		  "the policy wants the ServiceAccount %s/%s used that exists: it is not on the "
		  "member",
		  account->namespace, account->name);
	access_steps_fail(steps, access, "ServiceAccountNotFound", &err);
}

/* Whose it is has to be on record before anything is bound to it. */
static void use_identity(struct access_steps *steps, struct access *access, const struct json *live)
{
	struct ledger_object *account = planned_object(access);
	const char *uid = member_object_uid(live);

	if (!uid) {
		learn_object(steps, access, live);
		return;
	}
	if (is_used_by_another(steps, access)) {
		fail_on_use(steps, access);
		return;
	}
	note_object(access, account, uid);
	account->existing = true;
	access->intent_saved = false;
	access_steps_succeed(steps, access);
}

static void identity_found(struct access_steps *steps, struct access *access,
			   const struct kube_reply *reply)
{
	if (reply->kube.reason == KUBE_REASON_NOT_FOUND)
		fail_to_find(steps, access);
	else if (reply->err)
		fail_to_create(steps, access, reply);
	else if (member_object_is_ours(access->ledger, (size_t)access->plan.index, reply->object))
		learn_existing(steps, access, reply->object); /* made before policies changed */
	else
		use_identity(steps, access, reply->object);
}

void member_step_create_object(struct access_steps *steps, struct access *access)
{
	if (planned_object(access)->resource == &KUBE_SERVICE_ACCOUNTS &&
	    access->permission.existing_identity)
		member_step_call_object(steps, access, KUBE_GET, NULL, identity_found);
	else if (member_object_binds_existing(access->ledger, (size_t)access->plan.index))
		ask_bind(steps, access);
	else
		post_object(steps, access);
}

/* While the access lives on, its record forgets what is not wanted any more. */
static void object_is_gone(struct access_steps *steps, struct access *access)
{
	if (access->ending) {
		planned_object(access)->gone = true;
	} else {
		ledger_remove_object(access->ledger, (size_t)access->plan.index);
		access->ledger_saved = false;
	}
	access_steps_succeed(steps, access);
}

static void conflicting_object_read(struct access_steps *steps, struct access *access,
				    const struct kube_reply *reply)
{
	const char *uid = json_find_string(reply->object, "metadata", "uid");
	struct error err = {0};

	if (reply->kube.reason == KUBE_REASON_NOT_FOUND ||
	    (!reply->err && uid && !text_same(uid, planned_object(access)->uid))) {
		object_is_gone(steps, access); /* another one has the name: it stays */
		return;
	}
	error_set(&err, ERROR_UNAVAILABLE, "the member does not delete %s %s",
		  planned_object(access)->resource->kind, planned_object(access)->name);
	access_steps_fail(steps, access, "RevocationFailed", reply->err ? reply->err : &err);
}

static void object_deleted(struct access_steps *steps, struct access *access,
			   const struct kube_reply *reply)
{
	struct error err = {0};

	if (reply->kube.reason == KUBE_REASON_CONFLICT) {
		member_step_call_object(steps, access, KUBE_GET, NULL, conflicting_object_read);
		return;
	}
	if (reply->err && reply->kube.reason != KUBE_REASON_NOT_FOUND) {
		access_steps_fail(steps, access, "RevocationFailed", reply->err);
		return;
	}
	if (json_size(json_find(reply->object, "metadata", "finalizers")) > 0) {
		error_set(&err, ERROR_UNAVAILABLE, "somebody's finalizer keeps %s %s on the member",
			  planned_object(access)->resource->kind, planned_object(access)->name);
		access_steps_fail(steps, access, "RevocationFailed", &err);
		return;
	}
	object_is_gone(steps, access);
}

static void delete_by_uid(struct access_steps *steps, struct access *access, const char *uid)
{
	cleanup_json struct json *options = kube_delete_options(uid, NULL);

	member_step_call_object(steps, access, KUBE_DELETE, options, object_deleted);
}

/* It was deleted or replaced by hand: it is made anew, or found to be somebody else's. */
static bool is_not_the_one(const struct kube_reply *reply)
{
	return reply->kube.reason == KUBE_REASON_NOT_FOUND ||
	       reply->kube.reason == KUBE_REASON_CONFLICT;
}

static void object_applied(struct access_steps *steps, struct access *access,
			   const struct kube_reply *reply)
{
	if (is_not_the_one(reply)) {
		access_lose_object(access, (size_t)access->plan.index);
		access_steps_succeed(steps, access);
	} else if (reply->err) {
		fail_to_create(steps, access, reply);
	} else {
		learn_object(steps, access, reply->object);
	}
}

void member_step_apply_object(struct access_steps *steps, struct access *access)
{
	cleanup_json struct json *body = NULL;

	if (!access->rights) {
		access_steps_succeed(steps, access);
		return;
	}
	body = member_object_render_change(access->ledger, (size_t)access->plan.index,
					   access->rights);
	member_step_call_object(steps, access, KUBE_APPLY, body, object_applied);
}

/* In a namespace that is not opened we made none, and a request for it must not wait there for
 * ever. Everywhere else we may always look. */
static bool cannot_have_been_made(const struct ledger_object *object,
				  const struct kube_reply *reply)
{
	return object->resource == &KUBE_SERVICE_ACCOUNTS &&
	       reply->kube.reason == KUBE_REASON_FORBIDDEN;
}

static void unrecorded_object_read(struct access_steps *steps, struct access *access,
				   const struct kube_reply *reply)
{
	const char *uid = json_find_string(reply->object, "metadata", "uid");

	if (reply->err && reply->kube.reason != KUBE_REASON_NOT_FOUND &&
	    !cannot_have_been_made(planned_object(access), reply)) {
		access_steps_fail(steps, access, "RevocationFailed", reply->err);
	} else if (reply->err || !member_object_is_ours(access->ledger, (size_t)access->plan.index,
							reply->object)) {
		object_is_gone(steps, access);
	} else {
		delete_by_uid(steps, access, uid);
	}
}

void member_step_delete_object(struct access_steps *steps, struct access *access)
{
	const struct ledger_object *object = planned_object(access);

	if (object->existing)
		object_is_gone(steps, access); /* not ours: it stays */
	else if (object->uid)
		delete_by_uid(steps, access, object->uid);
	else
		member_step_call_object(steps, access, KUBE_GET, NULL, unrecorded_object_read);
}
