#include "core/access_plan.h"

#include <assert.h>
#include <stddef.h>

#include "core/access_ending.h"
#include "core/access_facts.h"

typedef bool policy(const struct access_facts *facts, struct access_plan *ret_plan);

bool access_plan_decide(struct access_plan *plan, enum access_step step, const char *reason)
{
	*plan = (struct access_plan){.step = step, .index = FACT_NONE, .reason = reason};
	return true;
}

bool access_plan_decide_on(struct access_plan *plan, enum access_step step, int index,
			   const char *reason)
{
	*plan = (struct access_plan){.step = step, .index = index, .reason = reason};
	return true;
}

bool access_plan_await_member(const struct access_facts *f, struct access_plan *p)
{
	enum { MEMBER_RECHECK_MS = 61000 }; /* longer than the executor believes an identity */

	access_plan_decide(p, ACCESS_REPORT, "MemberChanged");
	p->recheck_at_ms = f->now_ms + MEMBER_RECHECK_MS;
	return true;
}

static bool request_without_trace_is_forgotten(const struct access_facts *f, struct access_plan *p)
{
	return !f->request_exists && f->ledger_absent &&
	       access_plan_decide(p, ACCESS_FORGET, "Gone");
}

/* Ends with the failure's time, or at once when the request or its member access changes. */
static bool failed_step_waits_for_its_time(const struct access_facts *f, struct access_plan *p)
{
	if (f->retry_at_ms <= f->now_ms)
		return false;
	access_plan_decide(p, ACCESS_REPORT, "Retrying");
	p->recheck_at_ms = f->retry_at_ms;
	return true;
}

static bool new_request_is_acknowledged(const struct access_facts *f, struct access_plan *p)
{
	return !f->acknowledged && access_plan_decide(p, ACCESS_ACKNOWLEDGE, "Pending");
}

/* The watch may have lost its record: a request that we once guarded may have been served. */
static bool denied_request_is_looked_for_on_record(const struct access_facts *f,
						   struct access_plan *p)
{
	return !f->request_allowed && f->finalizer_present && !f->ledger_exists &&
	       !f->ledger_absent &&
	       access_plan_decide(p, ACCESS_LOOK_FOR_LEDGER, "LookingForLedger");
}

/* Whatever keeps the rest from going on, a credential that was delivered is not denied. */
static bool recorded_delivery_is_read(const struct access_facts *f, struct access_plan *p)
{
	return f->delivery == DELIVERY_UNKNOWN && f->secret_standing &&
	       access_plan_decide(p, ACCESS_READ_DELIVERY, "ReadingDelivery");
}

/* Ends with a new generation of the request. */
static bool invalid_request_is_reported(const struct access_facts *f, struct access_plan *p)
{
	return !f->request_valid && access_plan_decide(p, ACCESS_REPORT, "InvalidRequest");
}

static bool good_credential_is_kept(const struct access_facts *f)
{
	return f->credential_delivered && f->credential_is_as_asked && f->now_ms < f->renew_at_ms;
}

static bool is_due_to_be_asked(const struct access_facts *f)
{
	return f->requester_known && f->requester_asked_until_ms <= f->now_ms;
}

/* Who was refused may be granted it. */
static bool refused_requester_is_asked_about_again(const struct access_facts *f,
						   struct access_plan *p)
{
	return f->requester_refused && is_due_to_be_asked(f) &&
	       access_plan_decide(p, ACCESS_CHECK_REQUESTER, "CheckingRequester");
}

/* Ends when the policies, or what they decide on, change. */
static bool request_without_policy_is_denied(const struct access_facts *f, struct access_plan *p)
{
	if (f->request_allowed)
		return false;
	access_plan_decide(p, ACCESS_REPORT, f->denial);
	if (f->requester_known && f->requester_refused)
		p->recheck_at_ms = f->requester_asked_until_ms;
	return true;
}

/* Until it was asked once more; see requester_steps.c. */
static bool refusal_is_waited_out(const struct access_facts *f, struct access_plan *p)
{
	if (!f->requester_known || !f->requester_refused)
		return false;
	access_plan_decide(p, ACCESS_REPORT, "CheckingRequester");
	p->recheck_at_ms = f->requester_asked_until_ms;
	return true;
}

/* Whatever was asked for while nothing checked who asks. What was served before goes on. Ends with
 * the proof. */
static bool unproven_admission_stops_what_is_new(const struct access_facts *f,
						 struct access_plan *p)
{
	return !f->admission_proven && !f->spec_admitted &&
	       access_plan_decide(p, ACCESS_REPORT, "AdmissionNotProven");
}

/* Ends with the watch of ClusterProfiles. */
static bool missing_profile_is_waited_for(const struct access_facts *f, struct access_plan *p)
{
	return !f->profile_exists && access_plan_decide(p, ACCESS_REPORT, "ClusterProfileNotFound");
}

/* Ends with a change of the templates, the request, or the ClusterProfile. */
static bool unfilled_templates_are_waited_for(const struct access_facts *f, struct access_plan *p)
{
	return f->rights_problem && access_plan_decide(p, ACCESS_REPORT, f->rights_problem);
}

/* Each ends with the watch of member access, or by the executor's own word. */
static bool member_that_is_not_ready_is_waited_for(const struct access_facts *f,
						   struct access_plan *p)
{
	static const char *const reasons[] = {
		[MEMBER_NO_ACCESS] = "MemberAccessNotFound",
		[MEMBER_CONFLICT] = "MemberAccessConflict",
		[MEMBER_REFUSED] = "MemberAccessRefused",
		[MEMBER_CONNECTING] = "MemberConnecting",
		[MEMBER_UNREACHABLE] = "MemberUnreachable",
	};

	return f->member != MEMBER_READY &&
	       access_plan_decide(p, ACCESS_REPORT, reasons[f->member]);
}

static bool exchanged_member_stops_the_work(const struct access_facts *f, struct access_plan *p)
{
	if (f->member_is_recorded_one)
		return false;
	if (!f->ledger_stored && f->object_missing == 0) /* unless it was, nothing was made there */
		return access_plan_decide(p, ACCESS_LOOK_FOR_LEDGER, "LookingForLedger");
	return access_plan_await_member(f, p);
}

/* Before the credential is renewed; a list alone is no proof, so the object itself is looked at. */
static bool suspect_object_is_restored(const struct access_facts *f, struct access_plan *p)
{
	return f->object_suspect != FACT_NONE && f->ledger_stored &&
	       access_plan_decide_on(p, ACCESS_RESTORE_OBJECT, f->object_suspect,
				     "RestoringAccess");
}

/* Nothing is minted for somebody else's ServiceAccount, and what was is void. Ends when a look at
 * the member finds it gone. */
static bool replaced_identity_stops_the_work(const struct access_facts *f, struct access_plan *p)
{
	return f->identity_replaced &&
	       access_plan_decide(p, ACCESS_REPORT, "ServiceAccountReplaced");
}

static bool is_at_rest(const struct access_facts *f)
{
	return good_credential_is_kept(f) && f->delivery == DELIVERY_OURS && f->ledger_saved &&
	       f->intent_saved && !f->record_outdated && f->object_missing == FACT_NONE &&
	       f->object_surplus == FACT_NONE && f->object_changed == FACT_NONE &&
	       f->anchor_superseded == FACT_NONE && f->finalizer_present && !f->delivery_outdated;
}

/* Its token may have ended before its time. Only where nothing else is to be done. */
static bool delivered_credential_is_checked(const struct access_facts *f, struct access_plan *p)
{
	return f->check_at_ms > 0 && f->check_at_ms <= f->now_ms && is_at_rest(f) &&
	       access_plan_decide(p, ACCESS_CHECK_CREDENTIAL, "CheckingCredential");
}

/* Not only because a credential was checked: nothing is written then. */
static bool unknown_destination_is_checked(const struct access_facts *f, struct access_plan *p)
{
	bool idle = f->check_was_idle && is_at_rest(f);

	return f->destination == DESTINATION_UNKNOWN && !idle &&
	       access_plan_decide(p, ACCESS_CHECK_DESTINATION, "CheckingDestination");
}

/* Before anything is made on the member. */
static bool closed_destination_stops_the_work(const struct access_facts *f, struct access_plan *p)
{
	enum { DESTINATION_RECHECK_MS = 15000 }; /* nothing tells us when RBAC changes */

	if (f->destination != DESTINATION_CLOSED)
		return false;
	access_plan_decide(p, ACCESS_REPORT, "DestinationNotOpened");
	p->recheck_at_ms = f->now_ms + DESTINATION_RECHECK_MS;
	return true;
}

static bool unread_delivery_is_read(const struct access_facts *f, struct access_plan *p)
{
	return f->delivery == DELIVERY_UNKNOWN &&
	       access_plan_decide(p, ACCESS_READ_DELIVERY, "ReadingDelivery");
}

/* Another broker may have made it anew, and have put that on record. */
static bool foreign_secret_is_held_against_the_record(const struct access_facts *f,
						      struct access_plan *p)
{
	return f->delivery == DELIVERY_FOREIGN && f->ledger_exists && !f->record_fresh &&
	       access_plan_decide(p, ACCESS_LOOK_FOR_LEDGER, "LookingForLedger");
}

static bool foreign_secret_stops_the_work(const struct access_facts *f, struct access_plan *p)
{
	if (f->delivery != DELIVERY_FOREIGN)
		return false;
	access_plan_decide(p, ACCESS_REPORT, "SecretConflict");
	p->recheck_at_ms = f->delivery_recheck_at_ms;
	return true;
}

/* Applications cannot wait for the next token. Only when the member answered at its new address,
 * and is the one on record. A token in hand brings the address with it. */
static bool outdated_delivery_is_written_anew(const struct access_facts *f, struct access_plan *p)
{
	return f->delivery_outdated && f->delivery == DELIVERY_OURS && !f->token_in_hand &&
	       f->ledger_stored && access_plan_decide(p, ACCESS_REDELIVER, "UpdatingDelivery");
}

/* Admission looked once. Before the first effect, and before each token and each new right. */
static bool requester_is_asked_about(const struct access_facts *f, struct access_plan *p)
{
	return is_due_to_be_asked(f) && !f->token_in_hand &&
	       (!good_credential_is_kept(f) || f->record_outdated) &&
	       access_plan_decide(p, ACCESS_CHECK_REQUESTER, "CheckingRequester");
}

/* Before the first outside effect. */
static bool unguarded_request_gets_finalizer(const struct access_facts *f, struct access_plan *p)
{
	return !f->finalizer_present &&
	       access_plan_decide(p, ACCESS_ADD_FINALIZER, "AddingFinalizer");
}

/* Record before effect: names, nonce and generation are stored before the member changes. */
static bool missing_ledger_is_opened(const struct access_facts *f, struct access_plan *p)
{
	return !f->ledger_stored && access_plan_decide(p, ACCESS_OPEN_LEDGER, "OpeningLedger");
}

static bool unsaved_intent_is_saved(const struct access_facts *f, struct access_plan *p)
{
	return !f->intent_saved && access_plan_decide(p, ACCESS_SAVE_LEDGER, "RecordingIntent");
}

/* Templates changed: record before effect, what is to go as well as what is to come. */
static bool outdated_record_is_amended(const struct access_facts *f, struct access_plan *p)
{
	return f->record_outdated && access_plan_decide(p, ACCESS_AMEND_LEDGER, "RecordingIntent");
}

/* Less before more. */
static bool surplus_object_is_deleted(const struct access_facts *f, struct access_plan *p)
{
	return f->object_surplus != FACT_NONE &&
	       access_plan_decide_on(p, ACCESS_DELETE_OBJECT, f->object_surplus, "SettingUpAccess");
}

static bool changed_object_is_applied(const struct access_facts *f, struct access_plan *p)
{
	return f->object_changed != FACT_NONE &&
	       access_plan_decide_on(p, ACCESS_APPLY_OBJECT, f->object_changed, "SettingUpAccess");
}

/* Ends with the other request; asked again after a while. */
static bool taken_identity_is_a_conflict(const struct access_facts *f, struct access_plan *p)
{
	enum { IDENTITY_RECHECK_MS = 30000 };

	if (f->object_missing == FACT_NONE || !f->identity_taken)
		return false;
	access_plan_decide(p, ACCESS_REPORT, "ServiceAccountConflict");
	p->recheck_at_ms = f->now_ms + IDENTITY_RECHECK_MS;
	return true;
}

/* Another broker may have taken over: what is made on the member must be on record now, and not
 * only as far as we remember. */
static bool old_record_is_read_again(const struct access_facts *f, struct access_plan *p)
{
	return !f->record_fresh &&
	       access_plan_decide(p, ACCESS_LOOK_FOR_LEDGER, "LookingForLedger");
}

/* Rights before the credential that carries them. */
static bool missing_object_is_made(const struct access_facts *f, struct access_plan *p)
{
	return f->object_missing != FACT_NONE &&
	       (old_record_is_read_again(f, p) ||
		access_plan_decide_on(p, ACCESS_CREATE_OBJECT, f->object_missing,
				      "SettingUpAccess"));
}

static bool unproved_token_is_proved(const struct access_facts *f, struct access_plan *p)
{
	return f->token_in_hand && !f->token_proved &&
	       access_plan_decide(p, ACCESS_PROVE, "ProvingToken");
}

/* jti and expiry are on record before anybody can use the token. */
static bool proved_token_is_recorded(const struct access_facts *f, struct access_plan *p)
{
	return f->token_in_hand && !f->ledger_saved &&
	       access_plan_decide(p, ACCESS_SAVE_LEDGER, "RecordingToken");
}

static bool recorded_token_is_delivered(const struct access_facts *f, struct access_plan *p)
{
	return f->token_in_hand && (old_record_is_read_again(f, p) ||
				    access_plan_decide(p, ACCESS_DELIVER, "Delivering"));
}

/* Never more than one mint a minute for a request, whatever goes wrong after it. */
static bool next_mint_waits_for_its_time(const struct access_facts *f, struct access_plan *p)
{
	if (good_credential_is_kept(f) || f->next_mint_at_ms <= f->now_ms)
		return false;
	access_plan_decide(p, ACCESS_REPORT, f->credential_void ? "CredentialVoid" : "Retrying");
	p->recheck_at_ms = f->next_mint_at_ms;
	return true;
}

static bool missing_token_is_minted(const struct access_facts *f, struct access_plan *p)
{
	return !good_credential_is_kept(f) && f->anchor_made &&
	       (old_record_is_read_again(f, p) || access_plan_decide(p, ACCESS_MINT, "Minting"));
}

/* A used generation is never used again: its anchor may carry a token that nobody holds. */
static bool spent_anchor_is_followed_by_the_next(const struct access_facts *f,
						 struct access_plan *p)
{
	return !good_credential_is_kept(f) && f->anchor_spent &&
	       access_plan_decide(p, ACCESS_RESERVE_ANCHOR, "ReservingAnchor");
}

static bool missing_anchor_is_made(const struct access_facts *f, struct access_plan *p)
{
	return !good_credential_is_kept(f) &&
	       (old_record_is_read_again(f, p) ||
		access_plan_decide(p, ACCESS_CREATE_ANCHOR, "CreatingAnchor"));
}

static bool learnt_facts_are_recorded(const struct access_facts *f, struct access_plan *p)
{
	return good_credential_is_kept(f) && !f->ledger_saved &&
	       access_plan_decide(p, ACCESS_SAVE_LEDGER, "RecordingDelivery");
}

/* Delivered ones after the overlap, because consumers may still hold them. Before the next anchor
 * is made: a member on which nothing can be revoked gets no new token. */
static bool superseded_anchor_is_deleted(const struct access_facts *f, struct access_plan *p)
{
	return f->anchor_superseded != FACT_NONE &&
	       access_plan_decide_on(p, ACCESS_DELETE_ANCHOR, f->anchor_superseded,
				     "RetiringToken");
}

/* Asked in order; the first that decides wins. */
static policy *const policies[] = {
	request_without_trace_is_forgotten,
	access_ending_comes_first,
	failed_step_waits_for_its_time,

	access_ending_next,

	new_request_is_acknowledged,
	denied_request_is_looked_for_on_record,
	recorded_delivery_is_read,
	invalid_request_is_reported,
	refused_requester_is_asked_about_again,
	request_without_policy_is_denied,
	refusal_is_waited_out,
	unproven_admission_stops_what_is_new,
	missing_profile_is_waited_for,
	unfilled_templates_are_waited_for,
	member_that_is_not_ready_is_waited_for,
	exchanged_member_stops_the_work,
	suspect_object_is_restored,
	replaced_identity_stops_the_work,
	delivered_credential_is_checked,
	unknown_destination_is_checked,
	closed_destination_stops_the_work,
	unread_delivery_is_read,
	foreign_secret_is_held_against_the_record,
	foreign_secret_stops_the_work,
	outdated_delivery_is_written_anew,
	requester_is_asked_about,
	unguarded_request_gets_finalizer,
	missing_ledger_is_opened,
	unsaved_intent_is_saved,
	outdated_record_is_amended,
	surplus_object_is_deleted,
	changed_object_is_applied,
	taken_identity_is_a_conflict,
	missing_object_is_made,
	unproved_token_is_proved,
	proved_token_is_recorded,
	recorded_token_is_delivered,
	learnt_facts_are_recorded,
	next_mint_waits_for_its_time,
	missing_token_is_minted,
	spent_anchor_is_followed_by_the_next,
	superseded_anchor_is_deleted,
	missing_anchor_is_made,
};

struct access_plan access_plan_next(const struct access_facts *facts)
{
	struct access_plan plan;

	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
		if (policies[i](facts, &plan))
			return plan;

	access_plan_decide(&plan, ACCESS_REPORT, "Issued");
	plan.recheck_at_ms = facts->renew_at_ms;
	if (facts->overlap_until_ms > facts->now_ms && facts->overlap_until_ms < plan.recheck_at_ms)
		plan.recheck_at_ms = facts->overlap_until_ms;
	if (facts->check_at_ms > facts->now_ms && facts->check_at_ms < plan.recheck_at_ms)
		plan.recheck_at_ms = facts->check_at_ms;
	return plan;
}

const char *access_step_name(enum access_step step)
{
	static const char *const names[] = {
		[ACCESS_REPORT] = "report",
		[ACCESS_FORGET] = "forget",
		[ACCESS_ACKNOWLEDGE] = "acknowledge",
		[ACCESS_ADD_FINALIZER] = "add finalizer",
		[ACCESS_CHECK_DESTINATION] = "check destination",
		[ACCESS_READ_DELIVERY] = "read delivery",
		[ACCESS_CHECK_REQUESTER] = "check requester",
		[ACCESS_LOOK_FOR_LEDGER] = "look for ledger",
		[ACCESS_OPEN_LEDGER] = "open ledger",
		[ACCESS_SAVE_LEDGER] = "save ledger",
		[ACCESS_AMEND_LEDGER] = "amend ledger",
		[ACCESS_CREATE_OBJECT] = "create object",
		[ACCESS_APPLY_OBJECT] = "apply object",
		[ACCESS_RESTORE_OBJECT] = "restore object",
		[ACCESS_RESERVE_ANCHOR] = "reserve anchor",
		[ACCESS_CREATE_ANCHOR] = "create anchor",
		[ACCESS_MINT] = "mint",
		[ACCESS_PROVE] = "prove",
		[ACCESS_DELIVER] = "deliver",
		[ACCESS_REDELIVER] = "redeliver",
		[ACCESS_CHECK_CREDENTIAL] = "check credential",
		[ACCESS_DELETE_ANCHOR] = "delete anchor",
		[ACCESS_CONFIRM_GONE] = "confirm gone",
		[ACCESS_CONFIRM_DENIAL] = "confirm denial",
		[ACCESS_MARK_REVOKING] = "mark revoking",
		[ACCESS_RECORD_WAIT] = "record wait",
		[ACCESS_DELETE_OBJECT] = "delete object",
		[ACCESS_WITHDRAW] = "withdraw",
		[ACCESS_CLOSE_LEDGER] = "close ledger",
		[ACCESS_REMOVE_FINALIZER] = "remove finalizer",
	};

	static_assert(sizeof(names) / sizeof(names[0]) == ACCESS_STEP_COUNT,
		      "a step without a name");
	return names[step];
}
