#include "core/access_view.h"

#include <base/text.h>

#include "core/access.h"
#include "core/identity_claim.h"
#include "core/kube_path.h"
#include "core/ledger.h"
#include "core/renewal.h"
#include "core/request.h"
#include "core/rights.h"

/* For so long a broker that has been replaced, and does not know it, may still make what is on
 * record. */
enum { RECORD_BELIEVED_MS = 5000 };

static bool is_binding(const struct ledger_object *object)
{
	return object->resource == &KUBE_ROLE_BINDINGS ||
	       object->resource == &KUBE_CLUSTER_ROLE_BINDINGS;
}

static int first_missing(const struct ledger *ledger)
{
	for (size_t i = 0; i < ledger->object_count; i++)
		if (!ledger->objects[i].uid)
			return (int)i;
	return FACT_NONE;
}

static int first_suspect(const struct ledger *ledger)
{
	for (size_t i = 0; i < ledger->object_count; i++)
		if (ledger->objects[i].suspect && ledger->objects[i].uid)
			return (int)i;
	return FACT_NONE;
}

static int first_surplus(const struct ledger *ledger, const struct rights *rights)
{
	int found = FACT_NONE;

	for (size_t i = 1; i < ledger->object_count; i++)
		if (rights_is_surplus(rights, &ledger->objects[i]) &&
		    (found == FACT_NONE || is_binding(&ledger->objects[i])))
			found = (int)i;
	return found;
}

static int first_changed(const struct ledger *ledger, const struct rights *rights)
{
	for (size_t i = 1; i < ledger->object_count; i++) {
		const struct ledger_object *object = &ledger->objects[i];
		const struct request_role *role = rights_role(rights, object);
		char digest[DIGEST_SHORT_SIZE];

		if (is_binding(object) || !object->uid || !object->digest || !role)
			continue;
		rights_digest(role, false, digest);
		if (!text_same(object->digest, digest))
			return (int)i;
	}
	return FACT_NONE;
}

static int first_standing(const struct ledger *ledger, bool bindings)
{
	for (size_t i = 0; i < ledger->object_count; i++)
		if (!ledger->objects[i].gone && is_binding(&ledger->objects[i]) == bindings)
			return (int)i;
	return FACT_NONE;
}

/* An anchor without a known token was never delivered; one with a token waits for the overlap. */
static int first_superseded(const struct access *access, bool overlap_is_over)
{
	const struct ledger *ledger = access->ledger;

	for (size_t i = 0; i < ledger->anchor_count; i++) {
		const struct ledger_anchor *anchor = &ledger->anchors[i];
		bool delivered_once = anchor->jti != NULL;

		if (anchor->generation >= ledger->generation ||
		    anchor->generation == access->delivery_generation)
			continue;
		if (!delivered_once ||
		    (overlap_is_over && anchor->generation < access->delivery_generation))
			return (int)i;
	}
	return FACT_NONE;
}

static bool is_on_the_hub(enum access_step step)
{
	return step == ACCESS_WITHDRAW || step == ACCESS_RECORD_WAIT ||
	       step == ACCESS_REMOVE_FINALIZER;
}

static bool ending_failed(const struct access_view *view)
{
	const struct access_failure *failure = &view->access->failure;

	return failure->reason && is_on_the_hub(failure->step) &&
	       failure->retry_at_ms > view->now_ms;
}

/* A member that fails once or twice is soon asked again. */
static const char *hold_up_of(const struct access_view *view)
{
	enum { TRIES = 3 };
	static const char *const reasons[] = {
		[MEMBER_NO_ACCESS] = "MemberAccessNotFound",
		[MEMBER_CONFLICT] = "MemberAccessConflict",
		[MEMBER_REFUSED] = "MemberAccessRefused",
		[MEMBER_CONNECTING] = NULL,
		[MEMBER_UNREACHABLE] = "MemberUnreachable",
	};
	const struct access *access = view->access;
	unsigned failed =
		access->attempts[ACCESS_DELETE_OBJECT] + access->attempts[ACCESS_DELETE_ANCHOR];

	if (view->member.state != MEMBER_READY)
		return reasons[view->member.state];
	if (!text_same(access->ledger->member_uid, view->member.uid))
		return "MemberChanged";
	if (failed < TRIES)
		return NULL;
	return access->failure.reason ? access->failure.reason : "RevocationFailed";
}

static void view_wait(const struct access_view *view, struct access_facts *facts)
{
	const struct ledger *ledger = view->access->ledger;
	int64_t due_s;

	facts->forgotten = ledger->forget != NULL;
	if (ledger->revocation.since_s > 0)
		facts->wait = ledger->revocation.unconfirmed ? WAIT_UNCONFIRMED : WAIT_PENDING;
	facts->tokens_dead = revocation_outlasts_tokens(ledger, view->now_s);
	facts->hold_up = hold_up_of(view);
	due_s = revocation_due_s(ledger, facts->hold_up, view->now_s);
	facts->wait_recorded = due_s > view->now_s && view->access->intent_saved;
	facts->wait_due_ms = view->now_ms + (due_s - view->now_s) * 1000;
}

static void view_ledger(const struct access_view *view, struct access_facts *facts)
{
	const struct access *access = view->access;
	const struct ledger *ledger = access->ledger;
	int binding;

	facts->ledger_exists = ledger != NULL;
	facts->revoking = ledger && ledger->revoking;
	facts->ledger_absent = !ledger && access->ledger_absent;
	facts->undo_failed =
		access->attempts[ACCESS_DELETE_OBJECT] || access->attempts[ACCESS_DELETE_ANCHOR];
	facts->withdrawal_failed =
		access->failure.reason && access->failure.step == ACCESS_WITHDRAW;
	facts->ending_failed = ending_failed(view);
	facts->object_missing = facts->object_standing = FACT_NONE;
	facts->object_surplus = facts->object_changed = facts->object_suspect = FACT_NONE;
	facts->anchor_standing = facts->anchor_superseded = FACT_NONE;
	facts->member_is_recorded_one = true;
	if (!ledger)
		return;
	facts->ledger_stored = ledger->resource_version != NULL;
	facts->ledger_saved = access->ledger_saved;
	facts->intent_saved = access->intent_saved;
	facts->record_fresh = access->record_seen_ms > 0 &&
			      view->now_ms - access->record_seen_ms <= RECORD_BELIEVED_MS;
	facts->member_is_recorded_one = text_same(ledger->member_uid, view->member.uid);
	view_wait(view, facts);
	facts->object_missing = first_missing(ledger);
	facts->object_suspect = first_suspect(ledger);
	facts->identity_replaced = ledger->object_count > 0 && ledger->objects[0].replaced;
	if (access->rights) {
		facts->object_surplus = first_surplus(ledger, access->rights);
		facts->object_changed = first_changed(ledger, access->rights);
		facts->record_outdated = !rights_are_on_record(access->rights, ledger);
	}
	facts->identity_taken =
		facts->object_missing == 0 && identity_claim_is_taken(view->ledgers, ledger);
	if (!facts->ledger_stored && facts->object_missing == 0)
		return; /* no intent was stored, so nothing was made */
	binding = first_standing(ledger, true);
	facts->standing_is_binding = binding != FACT_NONE;
	facts->object_standing =
		facts->standing_is_binding ? binding : first_standing(ledger, false);
	facts->anchor_standing = ledger->anchor_count > 0 ? 0 : FACT_NONE;
	facts->anchor_superseded =
		first_superseded(access, access->overlap_until_ms <= view->now_ms);
	facts->secret_standing =
		!access->secret_gone &&
		(ledger->secret.uid || access->secret_suspected || ledger_has_token(ledger));
}

/* The calendar may be set while we wait: what is due is asked again at each pass. */
static void hasten_rotation(const struct access_view *view, const struct ledger_anchor *delivered,
			    struct access_facts *facts)
{
	int64_t rotate_at_s = view->request->rotate_at_s;
	int64_t due_ms = view->now_ms + (rotate_at_s - view->now_s) * 1000;

	if (renewal_is_rotation(rotate_at_s, delivered) && due_ms < facts->renew_at_ms)
		facts->renew_at_ms = due_ms;
}

static void view_credential(const struct access_view *view, struct access_facts *facts)
{
	const struct access *access = view->access;
	const struct ledger *ledger = access->ledger;
	const struct ledger_anchor *delivered;

	facts->delivery = access->delivery;
	facts->delivery_recheck_at_ms = access->delivery_recheck_at_ms;
	if (access->delivery == DELIVERY_FOREIGN && view->now_ms >= access->delivery_recheck_at_ms)
		facts->delivery = DELIVERY_UNKNOWN;
	if (access->secret_left && ledger) /* the new record has its mark, too */
		facts->delivery = DELIVERY_UNKNOWN;
	facts->token_in_hand = !secret_is_empty(&access->token.secret);
	facts->token_proved = access->token.proved;
	facts->next_mint_at_ms = access->next_mint_at_ms;
	facts->overlap_until_ms = access->overlap_until_ms;
	if (!ledger)
		return;
	delivered = ledger_anchor(ledger, access->delivery_generation);
	facts->anchor_spent = ledger_anchor(ledger, ledger->generation) != NULL;
	facts->anchor_made = facts->anchor_spent && access->open_generation == ledger->generation;
	facts->credential_delivered =
		(access->delivery == DELIVERY_OURS || access->delivery == DELIVERY_UNKNOWN) &&
		delivered && delivered->jti;
	if (facts->credential_delivered && view->request) {
		char terms[DIGEST_SHORT_SIZE];

		request_terms(view->request, terms);
		facts->credential_is_as_asked = text_same(terms, delivered->terms);
		facts->credential_void = !delivered->terms;
	}
	facts->delivery_outdated = facts->credential_delivered && view->cluster_digest &&
				   !text_same(ledger->secret.cluster, view->cluster_digest);
	facts->check_was_idle = access->check.idle;
	facts->check_at_ms = access->check.at_ms;
	facts->renew_at_ms = access->renew_at_ms;
	facts->expires_at_ms = facts->credential_delivered ? view->expires_at_ms : 0;
	if (facts->credential_delivered && view->request)
		hasten_rotation(view, delivered, facts);
}

static int64_t release_time_ms(const struct access_view *view)
{
	if (!view->request || !view->request->deleting)
		return 0;
	return view->now_ms +
	       (view->request->deleted_at_s + view->deletion_deadline_s - view->now_s) * 1000;
}

/* It may have been written before anybody asked whether its writer may. */
static bool is_abandoned(const struct access_view *view)
{
	const struct request *request = view->request;

	return request && request->abandoned && view->abandon_since_s > 0 &&
	       request->created_s >= view->abandon_since_s;
}

static bool is_admitted(const struct access_view *view)
{
	const struct ledger *ledger = view->access->ledger;

	return ledger && view->request && ledger->admitted_generation == view->request->generation;
}

struct access_facts access_view_facts(const struct access_view *view)
{
	const struct request *request = view->request;
	struct access_facts facts = {
		.now_ms = view->now_ms,
		.request_exists = request != NULL,
		.request_gone = view->access->request_gone,
		.request_deleting = request && request->deleting,
		.abandoned = is_abandoned(view),
		.release_at_ms = release_time_ms(view),
		.request_valid = request && !request->invalid[0],
		.request_allowed = view->request_allowed || view->request_undecided,
		.admission_proven = view->admission_proven,
		.spec_admitted = !view->request_undecided && is_admitted(view),
		.denial_confirmed = view->denial_confirmed,
		.denial = view->denial,
		.rights_problem = view->access->rights_problem,
		.requester_known = view->access->requester_known,
		.requester_refused = view->access->requester_refusals > 0,
		.requester_asked_until_ms = view->access->requester_asked_until_ms,
		.finalizer_present =
			(request && request->finalizer_index >= 0 && !view->access->released) ||
			view->access->finalizer_added,
		.acknowledged = view->access->acknowledged,
		.profile_exists = view->profile_exists,
		.member = view->member.state,
		.destination = view->destination,
		.retry_at_ms = view->access->failure.retry_at_ms,
	};

	view_ledger(view, &facts);
	view_credential(view, &facts);
	return facts;
}
