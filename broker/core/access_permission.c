#include "core/access_permission.h"

#include <stdio.h>

#include <base/cleanup.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access.h"
#include "core/access_steps.h"
#include "core/hub_state.h"
#include "core/ledger.h"
#include "core/request.h"
#include "core/rights.h"
#include "core/store.h"

/* A denial is later confirmed by reading what it rests on, so the record says what that is. */
static void note_policy(struct access *access)
{
	struct ledger *ledger = access->ledger;

	if (!ledger || text_same(ledger->policy, access->permission.policy))
		return;
	memory_free(ledger->policy);
	ledger->policy = memory_text(access->permission.policy);
	access->ledger_saved = false;
}

static void forget_rights(struct access *access)
{
	rights_free(TAKE_PTR(access->rights));
	access->rights_error = (struct error){0};
	access->rights_problem = NULL;
}

/* Whatever policies say: a member that left the fleet keeps no access. */
static bool lost_its_profile(struct access *access, const struct hub_state *seen)
{
	struct permission *permission = &access->permission;

	if (!access->ledger || store_find(seen->profiles, access->profile_key))
		return false;
	permission_done(permission);
	permission->reason = "ClusterProfileNotFound";
	snprintf(permission->text, sizeof(permission->text),
		 "the ClusterProfile does not exist any more");
	return true;
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

static void decide(struct access *access, const struct request *request,
		   const struct hub_state *seen, const struct access_settings *settings)
{
	const struct permission_basis basis = {
		.policies = seen->policies,
		.namespaces = seen->namespaces,
		.profiles = seen->profiles,
		.broker_namespace = settings->namespace,
		.identity_namespace = settings->identity_namespace,
		.made_in = access->ledger ? access->ledger->identity_namespace : NULL,
		.protected_patterns = settings->protected_patterns,
		.protected_count = settings->protected_count,
	};

	forget_rights(access);
	if (suspend(access, request))
		return;
	permission_settle(&access->permission, &basis, request, seen, access->profile_key,
			  &access->rights, &access->rights_error);
	if (!access->permission.allowed || lost_its_profile(access, seen))
		forget_rights(access);
	else if (!access->rights)
		access->rights_problem = rights_problem(&access->rights_error);
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
		access->ledger_closed ? access_ledger_key(access, settings->namespace) : NULL;

	return key && store_find(seen->ledgers, key);
}

/* Decided anew when the record is gone. */
static void wait_for_close(struct access *access)
{
	if (!access->permission.allowed)
		return;
	permission_done(&access->permission);
	access->permission.reason = "Revoking";
	access->permission_round = 0;
}

void access_permission_update(struct access *access, const struct request *request,
			      const struct hub_state *seen, const struct access_settings *settings,
			      uint64_t round)
{
	if (!request || request->invalid[0])
		return; /* nothing to decide on */
	if (is_closing(access, seen, settings)) {
		wait_for_close(access);
		return;
	}
	if (access->permission_round != round ||
	    access->permission_generation != request->generation)
		update(access, request, seen, settings);
	access->permission_round = round;
	access->permission_generation = request->generation;
	if (!access->permission.allowed || request->deleting)
		return;
	note_policy(access);
	if (access->ledger_closed)
		access_start_over(access);
}
