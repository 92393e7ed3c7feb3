#include "core/token_steps.h"

#include <string.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access.h"
#include "core/access_steps.h"
#include "core/claims.h"
#include "core/kube_path.h"
#include "core/ledger.h"
#include "core/member_objects.h"
#include "core/renewal.h"
#include "core/request.h"

enum {
	LIFETIME_MIN_S = 60,    /* below this a member is broken, and minting would never end */
	LIFETIME_EXCESS_S = 60, /* a member may shorten what was asked for, not stretch it */
	MINT_FLOOR_MS = 60 * 1000,
	LOST_ANCHORS_MAX = 3, /* in a row; more of them come from a broken member */
	JTI_MAX = 253,
	PROOF_TRIES = 4, /* a replica of the member's API server may lag behind */
};

static void call_anchor(struct access_steps *steps, struct access *access, enum kube_verb verb,
			const struct json *body, access_reply *handle)
{
	const struct ledger *ledger = access->ledger;
	bool create = verb == KUBE_CREATE;
	cleanup_free char *name = NULL;
	cleanup_free char *path = NULL;
	struct error err = {0};

	if (!create)
		name = ledger_anchor_name(ledger, ledger->anchors[access->plan.index].generation);
	if (!(create ? kube_path_create(&KUBE_SECRETS, ledger->identity_namespace, &path, &err)
		     : kube_path_object(&KUBE_SECRETS, ledger->identity_namespace, name, NULL,
					&path, &err))) {
		access_steps_fail(steps, access, "InvalidRequest", &err);
		return;
	}
	access_steps_call_member(
		steps, access,
		&(struct kube_request){.verb = verb, .path = path, .body = body, .urgent = !create},
		handle);
}

/* The generation is used up without a token. A member that goes on so is not asked for ever. */
static void lose_anchor(const struct access_steps *steps, struct access *access)
{
	access->open_generation = 0;
	if (++access->lost_anchors >= LOST_ANCHORS_MAX)
		access->next_mint_at_ms = clock_monotonic_ms(steps->clock) + MINT_FLOOR_MS;
}

static void anchor_created(struct access_steps *steps, struct access *access,
			   const struct kube_reply *reply)
{
	struct ledger *ledger = access->ledger;
	struct ledger_anchor *anchor;

	if (reply->err && reply->kube.reason != KUBE_REASON_ALREADY_EXISTS &&
	    !reply->kube.outcome_unknown) {
		access_steps_fail(steps, access, "AnchorFailed", reply->err);
		return;
	}
	/* One that exists or may exist is used up: the next generation follows. */
	anchor = ledger_add_anchor(ledger, ledger->generation);
	access->ledger_saved = false;
	if (anchor && !reply->err)
		anchor->uid = memory_text(member_object_uid(reply->object));
	if (anchor && anchor->uid)
		access->open_generation = ledger->generation;
	else
		lose_anchor(steps, access);
	access_steps_succeed(steps, access);
}

void token_step_create_anchor(struct access_steps *steps, struct access *access)
{
	cleanup_json struct json *anchor = NULL;
	struct error err = {0};

	if (access->ledger->anchor_count == LEDGER_ANCHORS_MAX) {
		error_set(&err, ERROR_CONFLICT, "%d tokens of this request are not revoked yet",
			  LEDGER_ANCHORS_MAX);
		access_steps_fail(steps, access, "AnchorFailed", &err);
		return;
	}
	anchor = member_anchor_render(access->ledger, access->ledger->generation);
	call_anchor(steps, access, KUBE_CREATE, anchor, anchor_created);
}

static void anchor_deleted(struct access_steps *steps, struct access *access,
			   const struct kube_reply *reply)
{
	bool replaced = reply->kube.reason == KUBE_REASON_CONFLICT; /* another UID has the name */
	const struct ledger_anchor *anchor = &access->ledger->anchors[access->plan.index];

	if (reply->err && reply->kube.reason != KUBE_REASON_NOT_FOUND && !replaced) {
		access_steps_fail(steps, access, "RevocationFailed", reply->err);
		return;
	}
	if (anchor->jti && access->ending)
		access->secret_suspected = true; /* it may have been delivered off the record */
	ledger_remove_anchor(access->ledger, anchor->generation);
	access->ledger_saved = false;
	access_steps_succeed(steps, access);
}

void token_step_delete_anchor(struct access_steps *steps, struct access *access)
{
	const struct ledger_anchor *anchor = &access->ledger->anchors[access->plan.index];
	cleanup_json struct json *options = kube_delete_options(anchor->uid, NULL);

	call_anchor(steps, access, KUBE_DELETE, options, anchor_deleted);
}

static bool claims_are_acceptable(const struct claims *claims, const struct access *access,
				  struct error *err)
{
	const struct ledger_anchor *anchor =
		ledger_anchor(access->ledger, access->ledger->generation);
	cleanup_free char *username = member_username(access->ledger);
	int64_t lifetime = claims->expires_at - claims->issued_at;

	if (!text_same(claims->subject, username))
		return error_set(err, ERROR_DENIED, "the member gave a token for another subject");
	if (!text_same(claims->bound_secret_uid, anchor->uid) ||
	    !text_same(claims->service_account_uid, access->ledger->objects[0].uid))
		return error_set(err, ERROR_DENIED,
				 "the member gave a token that is not bound to its anchor");
	if (claims->jti && strlen(claims->jti) > JTI_MAX)
		return error_set(err, ERROR_DENIED, "the member gave a token with too long an id");
	if (lifetime < LIFETIME_MIN_S)
		return error_set(err, ERROR_DENIED, "the member gave a token for %lld seconds only",
				 (long long)lifetime);
	if (lifetime > access->asked_expiration_s + LIFETIME_EXCESS_S)
		return error_set(err, ERROR_DENIED, "the member gave a token that lives too long");
	return true;
}

static void keep_token(struct access_steps *steps, struct access *access,
		       const struct claims *claims, struct secret *token)
{
	struct ledger_anchor *anchor = ledger_anchor(access->ledger, access->ledger->generation);
	int64_t now_ms = clock_monotonic_ms(steps->clock);

	anchor->jti = memory_text(claims->jti ? claims->jti : LEDGER_NO_JTI);
	anchor->terms = memory_text(access->asked_terms);
	anchor->issued_at = claims->issued_at;
	anchor->expires_at = claims->expires_at;
	anchor->rotate_at = access->asked_rotate_at_s;
	anchor->renew_at_percent = access->asked_renew_at_percent;
	anchor->asked_s = access->asked_expiration_s;
	access->ledger_saved = false;
	access->token.secret = secret_move(token);
	access->token.generation = anchor->generation;
	access->token.proved = false;
	access->token.renew_at_ms = now_ms + renewal_delay_s(access->uid, anchor) * 1000;
	access->token.expires_at_ms = now_ms + (anchor->expires_at - anchor->issued_at) * 1000;
}

static void token_minted(struct access_steps *steps, struct access *access,
			 const struct kube_reply *reply)
{
	const struct request *request = access_steps_request(steps, access);
	const char *text = json_find_string(reply->object, "status", "token");
	cleanup_secret struct secret token = {0};
	cleanup_with(claims_done) struct claims claims = {0};
	struct error err = {0};

	access->open_generation = 0;
	access->lost_anchors = 0;
	access->next_mint_at_ms = clock_monotonic_ms(steps->clock) + MINT_FLOOR_MS;
	if (!request) {
		access_steps_succeed(steps, access);
		return;
	}
	token = secret_from_bytes(text ? text : "", text ? strlen(text) : 0);
	if (!claims_read(&token, &claims, &err) || !claims_are_acceptable(&claims, access, &err)) {
		access_steps_fail(steps, access, "TokenRefused", &err);
		return;
	}
	keep_token(steps, access, &claims, &token);
	access_steps_succeed(steps, access);
}

static void identity_read(struct access_steps *steps, struct access *access,
			  const struct kube_reply *reply)
{
	struct ledger_object *account = &access->ledger->objects[0];
	const char *uid = json_find_string(reply->object, "metadata", "uid");
	struct error err = {0};

	if (reply->kube.reason == KUBE_REASON_NOT_FOUND && account->existing) {
		error_set(&err, ERROR_NOT_FOUND, "ServiceAccount %s/%s is gone from the member",
			  account->namespace, account->name);
		access_steps_fail(steps, access, "ServiceAccountNotFound", &err);
		return;
	}
	if (reply->kube.reason == KUBE_REASON_NOT_FOUND) {
		access_lose_object(access, 0);
	} else if (!reply->err && !text_same(uid, account->uid)) {
		error_set(&err, ERROR_CONFLICT, "ServiceAccount %s/%s was replaced on the member",
			  account->namespace, account->name);
		access_steps_fail(steps, access, "ServiceAccountConflict", &err);
		return;
	}
	error_set(&err, ERROR_UNAVAILABLE,
		  "the identity or its anchor was taken away on the member");
	access_steps_fail(steps, access, "TokenRequestFailed", &err);
}

/* The identity or the anchor was taken away or exchanged under us. */
static void look_at_identity(struct access_steps *steps, struct access *access)
{
	const struct ledger_object *account = &access->ledger->objects[0];
	cleanup_free char *path = NULL;
	struct error err = {0};

	if (!kube_path_object(&KUBE_SERVICE_ACCOUNTS, account->namespace, account->name, NULL,
			      &path, &err)) {
		access_steps_fail(steps, access, "InvalidRequest", &err);
		return;
	}
	access_steps_call_member(steps, access,
				 &(struct kube_request){.verb = KUBE_GET, .path = path},
				 identity_read);
}

static void mint_answered(struct access_steps *steps, struct access *access,
			  const struct kube_reply *reply)
{
	struct error err = {0};
	bool doubtful;

	if (!reply->err) {
		token_minted(steps, access, reply);
		return;
	}
	err = *reply->err;
	doubtful = err.kind == ERROR_NOT_FOUND || err.kind == ERROR_CONFLICT;
	if (doubtful || reply->kube.outcome_unknown)
		lose_anchor(steps, access); /* it is gone, or may carry a token that nobody holds */
	if (doubtful) {
		look_at_identity(steps, access);
		return;
	}
	error_wrap(&err, "TokenRequest");
	access_steps_fail(steps, access, "TokenRequestFailed", &err);
}

void token_step_mint(struct access_steps *steps, struct access *access)
{
	const struct request *request = access_steps_request(steps, access);
	const struct ledger *ledger = access->ledger;
	const struct ledger_anchor *anchor = ledger_anchor(ledger, ledger->generation);
	cleanup_json struct json *body = NULL;
	cleanup_free char *path = NULL;
	struct error err = {0};

	if (!request) {
		access_steps_succeed(steps, access);
		return;
	}
	if (!kube_path_object(&KUBE_SERVICE_ACCOUNTS, ledger->identity_namespace,
			      ledger->objects[0].name, "token", &path, &err)) {
		access_steps_fail(steps, access, "InvalidRequest", &err);
		return;
	}
	/* the request may be another when the answer comes */
	request_terms(request, access->asked_terms);
	access->asked_expiration_s = request->expiration_s;
	access->asked_renew_at_percent = renewal_percent(access->permission.renew_at_percent,
							 steps->settings->renew_at_percent);
	access->asked_rotate_at_s = renewal_rotates_for(
		request->rotate_at_s, ledger_anchor(ledger, access->delivery_generation),
		clock_wall_s(steps->clock));
	body = member_token_request_render(ledger, request, ledger->generation, anchor->uid);
	access_steps_call_member(
		steps, access,
		&(struct kube_request){.verb = KUBE_CREATE, .path = path, .body = body},
		mint_answered);
}

static void explain_refusal(const struct access_steps *steps, const struct access *access,
			    struct error *err)
{
	const struct request *request = access_steps_request(steps, access);

	if (request && request->audience_count > 0)
		error_wrap(err, "the member does not accept the token: credential.audiences must "
				"include one of its API server's own");
	else
		error_wrap(err, "the member does not accept the token");
}

static void proof_answered(struct access_steps *steps, struct access *access,
			   const struct kube_reply *reply)
{
	struct error err = {0};

	if (reply->err) {
		bool refused = reply->kube.reason == KUBE_REASON_UNAUTHORIZED;

		err = *reply->err;
		if (refused)
			explain_refusal(steps, access, &err);
		if (refused && access->attempts[ACCESS_PROVE] + 1 >= PROOF_TRIES)
			access_drop_token(access);
		access_steps_fail(steps, access, refused ? "TokenNotAccepted" : "MemberUnavailable",
				  &err);
		return;
	}
	if (!member_review_is_of_identity(access->ledger, reply->object)) {
		access_drop_token(access);
		error_set(&err, ERROR_DENIED, "the member takes the token for another identity");
		access_steps_fail(steps, access, "TokenRefused", &err);
		return;
	}
	access->token.proved = true;
	access_steps_succeed(steps, access);
}

void token_step_prove(struct access_steps *steps, struct access *access)
{
	cleanup_json struct json *review = member_review_render();
	cleanup_free char *path = NULL;
	struct error err = {0};

	if (!kube_path_create(&KUBE_SELF_SUBJECT_REVIEWS, NULL, &path, &err)) {
		access_steps_fail(steps, access, "InvalidRequest", &err);
		return;
	}
	access_steps_call_member(steps, access,
				 &(struct kube_request){
					 .verb = KUBE_CREATE,
					 .path = path,
					 .body = review,
					 .bearer = &access->token.secret,
				 },
				 proof_answered);
}
