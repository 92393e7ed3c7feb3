#include "core/access_ending.h"

#include <stddef.h>

#include "core/access_facts.h"
#include "core/access_plan.h"

typedef bool policy(const struct access_facts *facts, struct access_plan *ret_plan);

/* It was allowed, and is no longer. */
static bool is_denied_again(const struct access_facts *f)
{
	return f->request_exists && !f->request_deleting && !f->request_allowed && f->ledger_exists;
}

bool access_ending_is_due(const struct access_facts *f)
{
	return !f->request_exists || f->request_deleting || f->revoking;
}

bool access_ending_is_near(const struct access_facts *f)
{
	return access_ending_is_due(f) || is_denied_again(f);
}

static bool member_works(const struct access_facts *f)
{
	return f->member == MEMBER_READY && f->member_is_recorded_one;
}

/* What was made is on record there; that we do not know of a record is no proof that there is none.
 */
static bool unseen_ledger_is_looked_for(const struct access_facts *f, struct access_plan *p)
{
	return access_ending_is_due(f) && !f->ledger_exists && !f->ledger_absent &&
	       access_plan_decide(p, ACCESS_LOOK_FOR_LEDGER, "LookingForLedger");
}

/* The watch may have lost it, or its CRD: nothing is revoked on that word alone. */
static bool vanished_request_is_confirmed_gone(const struct access_facts *f, struct access_plan *p)
{
	return !f->request_exists && !f->request_gone &&
	       access_plan_decide(p, ACCESS_CONFIRM_GONE, "RequestGone");
}

/* Never a mass revocation because a list was short or an API is not served for a while. */
static bool denial_for_want_of_an_object_is_confirmed(const struct access_facts *f,
						      struct access_plan *p)
{
	return is_denied_again(f) && !f->revoking && !f->denial_confirmed &&
	       access_plan_decide(p, ACCESS_CONFIRM_DENIAL, "Revoking");
}

/* From here on there is no way back but through its end. */
static bool confirmed_denial_is_recorded(const struct access_facts *f, struct access_plan *p)
{
	bool unsaved = f->denial_confirmed && f->ledger_stored && !f->intent_saved;

	return is_denied_again(f) && (!f->revoking || unsaved) &&
	       access_plan_decide(p, ACCESS_MARK_REVOKING, "Revoking");
}

static bool ending_needs_member(const struct access_facts *f)
{
	return access_ending_is_due(f) && f->ledger_exists &&
	       (f->object_standing != FACT_NONE || f->anchor_standing != FACT_NONE);
}

/* Ends within the time that a connection may take. */
static bool ending_access_waits_for_an_answer(const struct access_facts *f, struct access_plan *p)
{
	return ending_needs_member(f) && f->member == MEMBER_CONNECTING &&
	       access_plan_decide(p, ACCESS_REPORT, "MemberConnecting");
}

static bool is_held_up(const struct access_facts *f)
{
	return ending_needs_member(f) && (!member_works(f) || f->undo_failed);
}

/* Who may abandon it does not even wait for what the member answers. */
static bool is_abandoned(const struct access_facts *f)
{
	return is_held_up(f) && f->abandoned && f->request_deleting && f->finalizer_present &&
	       f->ledger_stored;
}

/* A member that answers but does not let us revoke keeps no credential on the hub alive. */
static bool held_up_delivery_is_withdrawn(const struct access_facts *f, struct access_plan *p)
{
	return access_ending_is_due(f) && (f->undo_failed || is_abandoned(f)) &&
	       !f->withdrawal_failed && f->secret_standing &&
	       access_plan_decide(p, ACCESS_WITHDRAW, "Revoking");
}

/* For people to see, also when the request is gone. Once, then when there is something new. */
static bool long_wait_is_recorded(const struct access_facts *f, struct access_plan *p)
{
	enum wait_state wait = f->tokens_dead ? WAIT_UNCONFIRMED : WAIT_PENDING;
	bool waits = is_held_up(f) && f->hold_up && f->ledger_stored;

	if (!waits || f->wait_recorded || (f->secret_standing && !f->withdrawal_failed))
		return false;
	access_plan_decide(p, ACCESS_RECORD_WAIT, "Revoking");
	p->cause = f->hold_up;
	if (wait > f->wait)
		p->reason = wait == WAIT_PENDING ? "RevocationPending" : "ExpiredUnconfirmed";
	return true;
}

/* What is left is on record, and is undone from there. */
static bool abandoned_request_is_released(const struct access_facts *f, struct access_plan *p)
{
	return is_abandoned(f) &&
	       access_plan_decide(p, ACCESS_REMOVE_FINALIZER, "RevocationPending");
}

static policy *const first_policies[] = {
	held_up_delivery_is_withdrawn,
	long_wait_is_recorded,
	abandoned_request_is_released,
};

bool access_ending_comes_first(const struct access_facts *f, struct access_plan *p)
{
	if (f->ending_failed || !(f->request_exists || f->request_gone))
		return false;
	for (size_t i = 0; i < sizeof(first_policies) / sizeof(first_policies[0]); i++)
		if (first_policies[i](f, p))
			return true;
	return false;
}

/* The hub must not hand out what is being revoked, even while the member is away. */
static bool ending_delivery_is_withdrawn_when_the_member_is_away(const struct access_facts *f,
								 struct access_plan *p)
{
	return access_ending_is_due(f) && f->secret_standing && !member_works(f) &&
	       access_plan_decide(p, ACCESS_WITHDRAW, "Revoking");
}

/* Nobody's namespace is kept from going by a member that never returns. What is left is on record,
 * and is undone from there. */
static bool held_up_request_is_released_in_time(const struct access_facts *f, struct access_plan *p)
{
	bool in_time = f->now_ms >= f->release_at_ms || f->wait == WAIT_UNCONFIRMED;

	return is_held_up(f) && f->request_deleting && f->finalizer_present && f->ledger_stored &&
	       in_time && access_plan_decide(p, ACCESS_REMOVE_FINALIZER, "RevocationPending");
}

/* Its member is gone for good, an administrator says, and no token of it can be used. */
static bool forgotten_record_is_closed(const struct access_facts *f, struct access_plan *p)
{
	return is_held_up(f) && f->wait == WAIT_UNCONFIRMED && f->forgotten &&
	       access_plan_decide(p, ACCESS_CLOSE_LEDGER, "Forgotten");
}

static void look_again(const struct access_facts *f, struct access_plan *p, int64_t at_ms)
{
	if (at_ms > f->now_ms && (p->recheck_at_ms == 0 || at_ms < p->recheck_at_ms))
		p->recheck_at_ms = at_ms;
}

static bool ending_access_waits_for_its_member(const struct access_facts *f, struct access_plan *p)
{
	if (!ending_needs_member(f) || member_works(f))
		return false;
	if (f->member == MEMBER_READY)
		access_plan_await_member(f, p);
	else if (f->wait == WAIT_UNCONFIRMED)
		access_plan_decide(p, ACCESS_REPORT, "ExpiredUnconfirmed");
	else /* woken by the executor, or by the member access */
		access_plan_decide(p, ACCESS_REPORT, "RevocationPending");
	if (f->finalizer_present)
		look_again(f, p, f->release_at_ms);
	look_again(f, p, f->wait_due_ms);
	return true;
}

/* Without bindings a token is worth nothing, whatever else still stands. */
static bool ending_bindings_go_first(const struct access_facts *f, struct access_plan *p)
{
	return access_ending_is_due(f) && f->standing_is_binding &&
	       access_plan_decide_on(p, ACCESS_DELETE_OBJECT, f->object_standing, "Revoking");
}

static bool ending_anchors_go_next(const struct access_facts *f, struct access_plan *p)
{
	return access_ending_is_due(f) && f->anchor_standing != FACT_NONE &&
	       access_plan_decide_on(p, ACCESS_DELETE_ANCHOR, f->anchor_standing, "Revoking");
}

static bool ending_identity_and_roles_follow(const struct access_facts *f, struct access_plan *p)
{
	return access_ending_is_due(f) && f->object_standing != FACT_NONE &&
	       access_plan_decide_on(p, ACCESS_DELETE_OBJECT, f->object_standing, "Revoking");
}

static bool ending_delivery_is_withdrawn(const struct access_facts *f, struct access_plan *p)
{
	return access_ending_is_due(f) && f->secret_standing &&
	       access_plan_decide(p, ACCESS_WITHDRAW, "Revoking");
}

/* Before the finalizer: a request that still has one leads back here after a crash. */
static bool ended_ledger_is_closed(const struct access_facts *f, struct access_plan *p)
{
	return access_ending_is_due(f) && f->ledger_exists &&
	       access_plan_decide(p, ACCESS_CLOSE_LEDGER, "Revoked");
}

static bool ended_request_is_released(const struct access_facts *f, struct access_plan *p)
{
	return f->request_deleting && f->finalizer_present &&
	       access_plan_decide(p, ACCESS_REMOVE_FINALIZER, "Revoked");
}

/* Ends when the API server removes the object, which the watch shows. */
static bool released_request_needs_nothing(const struct access_facts *f, struct access_plan *p)
{
	return access_ending_is_due(f) && access_plan_decide(p, ACCESS_REPORT, "Revoked");
}

/* Asked in order; the first that decides wins. */
static policy *const policies[] = {
	vanished_request_is_confirmed_gone,
	denial_for_want_of_an_object_is_confirmed,
	confirmed_denial_is_recorded,
	unseen_ledger_is_looked_for,
	ending_access_waits_for_an_answer,
	ending_delivery_is_withdrawn_when_the_member_is_away,
	held_up_request_is_released_in_time,
	forgotten_record_is_closed,
	ending_access_waits_for_its_member,
	ending_bindings_go_first,
	ending_anchors_go_next,
	ending_identity_and_roles_follow,
	ending_delivery_is_withdrawn,
	ended_ledger_is_closed,
	ended_request_is_released,
	released_request_needs_nothing,
};

bool access_ending_next(const struct access_facts *f, struct access_plan *ret_plan)
{
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
		if (policies[i](f, ret_plan))
			return true;
	return false;
}
