#include "core/access_permission.h"

#include <stdio.h>

#include <base/cleanup.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access.h"
#include "core/access_record.h"
#include "core/access_steps.h"
#include "core/cluster_profile.h"
#include "core/hub_state.h"
#include "core/ledger.h"
#include "core/request.h"
#include "core/rights.h"
#include "core/store.h"

/* A denial is later confirmed by reading what it rests on, so the record says what that is. */
static void note(struct access *access, char **field, const char *value)
{
	if (text_same(*field, value))
		return;
	memory_free(*field);
	*field = memory_text(value);
	access->ledger_saved = false;
}

/* What was proven of this spec stays so, whatever becomes of the admission policies. */
static void note_admission(struct access *access, const struct request *request)
{
	struct ledger *ledger = access->ledger;
	char digest[DIGEST_SHORT_SIZE];

	if (access->requester_known)
		request_requester_digest(request, digest);
	note(access, &ledger->requester, access->requester_known ? digest : NULL);
	if (ledger->admitted_generation == request->generation)
		return;
	ledger->admitted_generation = request->generation;
	access->ledger_saved = false;
}

static void note_permission(struct access *access, const struct request *request,
			    const struct hub_state *seen)
{
	if (!access->ledger)
		return;
	if (access->permission.policy)
		note(access, &access->ledger->policy, access->permission.policy);
	if (seen->admission.ready)
		note_admission(access, request);
}

static void forget_rights(struct access *access)
{
	rights_free(TAKE_PTR(access->rights));
	access->rights_error = (struct error){0};
	access->rights_problem = NULL;
}

/* Whatever policies say: a member that left the fleet keeps no access, also when another one has
 * its name. */
static bool lost_its_profile(struct access *access, const struct hub_state *seen)
{
	struct permission *permission = &access->permission;
	const struct cluster_profile *profile;

	if (!access->ledger)
		return false;
	profile = store_find(seen->profiles, access->profile_key);
	if (profile && text_same(profile->uid, access->ledger->profile_uid))
		return false;
	permission_done(permission);
	permission->reason = profile ? "ClusterProfileReplaced" : "ClusterProfileNotFound";
	snprintf(permission->text, sizeof(permission->text),
		 profile ? "the ClusterProfile was made anew: what was issued for the one before "
			   "is revoked"
			 : "the ClusterProfile does not exist any more");
	return true;
}

/* A Namespace that was finalized by force leaves behind what was in it. */
static bool lost_its_namespace(struct access *access, const struct request *request,
			       const struct hub_state *seen)
{
	struct permission *permission = &access->permission;
	bool made = access->ledger || access->ledger_closed;

	if (!made || store_find(seen->namespaces, request->namespace))
		return false; /* a watch may show a new request before its Namespace */
	permission_done(permission);
	permission->reason = "NamespaceNotFound";
	snprintf(permission->text, sizeof(permission->text),
		 "the Namespace of the request does not exist any more");
	return true;
}

static bool lost_its_ground(struct access *access, const struct request *request,
			    const struct hub_state *seen)
{
	return lost_its_namespace(access, request, seen) || lost_its_profile(access, seen);
}

static bool is_suspended(const struct access *access)
{
	return text_same(access->permission.reason, "Suspended");
}

static bool suspend(struct access *access, const struct request *request)
{
	if (!request->suspended)
		return false;
	permission_done(&access->permission);
	access->permission.reason = "Suspended";
	return true;
}

/* A spec on record with its requester was proven under this generation. Else the policies have to
 * be older than the request: what was made before them may say anything. */
static bool is_requester_known(const struct access *access, const struct request *request,
			       const struct hub_state *seen)
{
	const struct ledger *ledger = access->ledger;
	char digest[DIGEST_SHORT_SIZE];

	if (!request->requester)
		return false;
	request_requester_digest(request, digest);
	if (ledger && ledger->admitted_generation == request->generation &&
	    text_same(ledger->requester, digest))
		return true;
	return seen->admission.ready && request->created_s >= seen->admission.since_s;
}

static struct permission_basis basis_of(const struct access *access, const struct hub_state *seen,
					const struct access_settings *settings)
{
	struct permission_basis basis = permission_basis_of(seen, settings);

	if (access->ledger) {
		basis.made_in = access->ledger->identity_namespace;
		basis.identity = &access->ledger->objects[0];
	}
	return basis;
}

/* What is denied by its names alone is not filled in: that costs time and memory. */
static void decide_on(struct access *access, const struct request *request,
		      const struct hub_state *seen, const struct permission_basis *basis)
{
	forget_rights(access);
	if (suspend(access, request))
		return;
	if (request->invalid[0]) {
		permission_decide_unread(&access->permission, basis, request, access->profile_key);
		if (access->permission.allowed)
			lost_its_ground(access, request, seen);
		return;
	}
	permission_settle(&access->permission, basis, request, seen, access->profile_key,
			  &access->rights, &access->rights_error);
	if (!access->permission.allowed || lost_its_ground(access, request, seen))
		forget_rights(access);
	else if (!access->rights)
		access->rights_problem = rights_problem(&access->rights_error);
}

static void name_requester(struct permission_basis *basis, const struct request *request)
{
	basis->username = request->requester;
	basis->groups = (const char *const *)request->requester_groups;
	basis->group_count = request->requester_group_count;
}

/* While nothing can be proven of who asks, nothing is revoked for want of that proof. */
static bool may_be_allowed_later(struct access *access, const struct request *request,
				 const struct hub_state *seen, const struct permission_basis *basis)
{
	struct permission_basis proven = *basis;

	if (basis->username || !request->requester || seen->admission.ready)
		return false;
	name_requester(&proven, request);
	decide_on(access, request, seen, &proven);
	return access->permission.allowed;
}

/* Where something was made, the hub has said so twice: one no is no ground to take it away. */
static void refuse_requester(struct access *access)
{
	struct permission *permission = &access->permission;
	unsigned wanted = access->ledger && !access->ledger->revoking ? 2 : 1;

	if (!permission->allowed || !access->requester_known || access->requester_refusals < wanted)
		return;
	permission_done(permission);
	forget_rights(access);
	permission->reason = "RequesterNotAuthorized";
	snprintf(permission->text, sizeof(permission->text),
		 "who made this request may not, or not any more, request-token on its "
		 "ClusterProfile and use its templates");
}

static void decide(struct access *access, const struct request *request,
		   const struct hub_state *seen, const struct access_settings *settings)
{
	struct permission_basis basis = basis_of(access, seen, settings);
	bool later;

	access->requester_known = is_requester_known(access, request, seen);
	if (access->requester_known)
		name_requester(&basis, request);
	later = may_be_allowed_later(access, request, seen, &basis);
	decide_on(access, request, seen, &basis);
	refuse_requester(access);
	access->undecided = later && !access->permission.allowed;
}

/* A decision that turned waits for no failure of before. */
static void update(struct access *access, const struct request *request,
		   const struct hub_state *seen, const struct access_settings *settings)
{
	bool was_allowed = access->permission.allowed;
	bool was_suspended = is_suspended(access);

	decide(access, request, seen, settings);
	if (access->permission.allowed == was_allowed && is_suspended(access) == was_suspended)
		return;
	/* that it is suspended, no watch has to show any more */
	access->denial_confirmed = is_suspended(access);
	access_retry_now(access);
}

/* Until the watch shows that the old record is gone, it would be taken for the next one. */
static bool is_closing(const struct access *access, const struct hub_state *seen,
		       const struct access_settings *settings)
{
	cleanup_free char *key =
		access->ledger_closed ? access_record_key(access, settings->namespace) : NULL;

	return key && store_find(seen->ledgers, key);
}

/* Decided anew when the record is gone, which the watch of records shows. No other one can have its
 * name, so one that somebody keeps is waited for, and that is said whatever policies say. */
static void wait_for_close(struct access *access)
{
	if (!access->permission.allowed && !access->record_kept)
		return;
	permission_done(&access->permission);
	access->permission.reason = access->record_kept ? "RecordKept" : "Revoking";
	access->permission_round = 0;
}

/* Denied for what was on record, and there is no record any more. */
static bool is_free_again(const struct access *access)
{
	const char *reason = access->permission.reason;

	return access->ledger_closed && (text_same(reason, "IdentityNotAllowed") ||
					 text_same(reason, "ClusterProfileReplaced"));
}

void access_permission_update(struct access *access, const struct request *request,
			      const struct hub_state *seen, const struct access_settings *settings,
			      uint64_t round)
{
	if (!request || (request->invalid[0] && !access->ledger))
		return; /* nothing to decide on */
	if (is_closing(access, seen, settings)) {
		wait_for_close(access);
		return;
	}
	if (access->permission_generation != request->generation) {
		access->requester_refusals = 0;
		access->requester_asked_until_ms = 0;
		access->permission_round = 0;
	}
	if (access->permission_round != round || is_free_again(access))
		update(access, request, seen, settings);
	access->permission_round = round;
	access->permission_generation = request->generation;
	if (!access->permission.allowed || request->deleting)
		return;
	note_permission(access, request, seen);
	if (access->ledger_closed)
		access_start_over(access);
}
