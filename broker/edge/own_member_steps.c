#include "edge/own_member_steps.h"

#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/claims.h"
#include "core/kube_call.h"
#include "core/kube_path.h"
#include "core/member_objects.h"
#include "core/own_credential.h"
#include "edge/chance.h"
#include "edge/own_credentials.h"
#include "edge/own_steps.h"

enum {
	LIFETIME_MIN_S = 60,    /* below this a member is broken, and minting would never end */
	LIFETIME_EXCESS_S = 60, /* a member may shorten what was asked for, not stretch it */
	MINT_FLOOR_MS = 60 * 1000,
	ASK_AGAIN_MS = 10 * 60 * 1000, /* an operator may apply what was missing */
	PROOF_TRIES = 4,               /* a replica of the member's API server may lag behind */
	MESSAGE_SIZE = 320,
	UID_SIZE_MAX = 128,
};

static bool keep_identity(struct own_credential *record, const struct json *user)
{
	static const char prefix[] = "system:serviceaccount:";
	const char *name = json_find_string(user, "username");
	const char *uid = json_find_string(user, "uid");
	const char *place =
		name && strncmp(name, prefix, strlen(prefix)) == 0 ? name + strlen(prefix) : NULL;
	const char *colon = place ? strchr(place, ':') : NULL;
	cleanup_free char *namespace = colon ? memory_bytes(place, (size_t)(colon - place)) : NULL;
	cleanup_free char *path = NULL;
	struct error err = {0};

	/* what is no legal name is no ServiceAccount, whoever says so */
	if (!colon || text_is_empty(uid) || strlen(uid) > UID_SIZE_MAX ||
	    !kube_path_object(&KUBE_SERVICE_ACCOUNTS, namespace, colon + 1, NULL, &path, &err))
		return false;
	record->account_namespace = TAKE_PTR(namespace);
	record->account_name = memory_text(colon + 1);
	record->account_uid = memory_text(uid);
	return true;
}

static void identified(void *context, const struct kube_reply *reply)
{
	struct own_steps *steps = context;

	if (reply->err) {
		own_steps_fail(steps, "the member does not say who we are", reply->err);
		return;
	}
	steps->is_account =
		keep_identity(steps->record, json_find(reply->object, "status", "userInfo"))
			? OWN_YES
			: OWN_NO;
	if (steps->is_account == OWN_NO)
		own_steps_tell(steps, "Normal", "OwnCredentialNotRenewed",
			       "own credential: not renewed, because the kubeconfig is of no "
			       "ServiceAccount of the member");
	own_steps_succeed(steps);
}

static void review_identity(struct own_steps *steps, const struct secret *bearer, kube_done *done)
{
	cleanup_json struct json *review = member_review_render();
	cleanup_free char *path = NULL;
	struct error err = {0};

	if (!kube_path_create(&KUBE_SELF_SUBJECT_REVIEWS, NULL, &path, &err)) {
		own_steps_fail_path(steps, &err);
		return;
	}
	own_steps_call_member(
		steps,
		&(struct kube_request){
			.verb = KUBE_CREATE, .path = path, .body = review, .bearer = bearer},
		done);
}

void own_member_step_identify(struct own_steps *steps)
{
	review_identity(steps, NULL, identified);
}

static const struct question {
	const char *verb, *resource, *subresource;
	bool by_name;
} questions[] = {
	{"create", "serviceaccounts", "token", true},
	{"create", "secrets", NULL, false},
	{"delete", "secrets", NULL, false},
};

static struct json *render_question(const struct own_steps *steps, const struct question *question)
{
	const struct own_credential *record = steps->record;
	struct json *review = json_object_new();
	struct json *attributes =
		json_add_object(json_add_object(review, "spec"), "resourceAttributes");

	json_add_string(review, "apiVersion", "authorization.k8s.io/v1");
	json_add_string(review, "kind", "SelfSubjectAccessReview");
	json_add_string(attributes, "namespace", record->account_namespace);
	json_add_string(attributes, "resource", question->resource);
	json_add_string(attributes, "subresource", question->subresource);
	json_add_string(attributes, "verb", question->verb);
	json_add_string(attributes, "name", question->by_name ? record->account_name : NULL);
	return review;
}

static void ask_right(struct own_steps *steps);

static void tell_missing_right(struct own_steps *steps, const struct question *question)
{
	char message[MESSAGE_SIZE];

	snprintf(message, sizeof(message),
		 "own credential: not renewed, because the member does not allow %s of %s%s%s in "
		 "namespace %.63s: apply what member-rbac prints",
		 question->verb, question->resource, question->subresource ? "/" : "",
		 question->subresource ? question->subresource : "",
		 steps->record->account_namespace);
	own_steps_tell(steps, "Normal", "OwnCredentialNotRenewed", message);
}

static void right_answered(void *context, const struct kube_reply *reply)
{
	struct own_steps *steps = context;
	const struct question *question = &questions[steps->question];

	if (reply->err) {
		own_steps_fail(steps, "the member does not say what we may do", reply->err);
		return;
	}
	if (!json_is_true(json_find(reply->object, "status", "allowed"))) {
		steps->may_mint = OWN_NO;
		steps->ask_at_ms = own_steps_now_ms(steps) + ASK_AGAIN_MS;
		tell_missing_right(steps, question);
		own_steps_succeed(steps);
		return;
	}
	if (++steps->question < sizeof(questions) / sizeof(questions[0])) {
		ask_right(steps);
		return;
	}
	steps->may_mint = OWN_YES;
	own_steps_succeed(steps);
}

static void ask_right(struct own_steps *steps)
{
	cleanup_json struct json *review = render_question(steps, &questions[steps->question]);
	cleanup_free char *path = NULL;
	struct error err = {0};

	if (!kube_path_create(&KUBE_SELF_SUBJECT_ACCESS_REVIEWS, NULL, &path, &err)) {
		own_steps_fail_path(steps, &err);
		return;
	}
	own_steps_call_member(
		steps, &(struct kube_request){.verb = KUBE_CREATE, .path = path, .body = review},
		right_answered);
}

void own_member_step_check_rights(struct own_steps *steps)
{
	steps->question = 0;
	ask_right(steps);
}

/* A right may have been taken away since it was asked for. */
static void fail_on_member(struct own_steps *steps, const char *what,
			   const struct kube_reply *reply)
{
	if (reply->kube.reason == KUBE_REASON_FORBIDDEN)
		steps->may_mint = OWN_UNKNOWN;
	own_steps_fail(steps, what, reply->err);
}

static void anchor_created(void *context, const struct kube_reply *reply)
{
	struct own_steps *steps = context;
	const char *uid = member_object_uid(reply->object);
	struct error err = {.kind = ERROR_UNAVAILABLE, .text = "a reply without a UID"};

	if (!reply->err && uid) {
		steps->anchor_uid = memory_text(uid);
		own_steps_succeed(steps);
		return;
	}
	/* One that exists or may exist is used up: the next generation follows. */
	if (!reply->err || reply->kube.outcome_unknown ||
	    reply->kube.reason == KUBE_REASON_ALREADY_EXISTS)
		own_steps_forget_try(steps);
	if (reply->err)
		fail_on_member(steps, "its anchor", reply);
	else
		own_steps_fail(steps, "its anchor", &err);
}

void own_member_step_create_anchor(struct own_steps *steps)
{
	cleanup_json struct json *anchor = own_credential_anchor(steps->record);
	cleanup_free char *path = NULL;
	struct error err = {0};

	if (!kube_path_create(&KUBE_SECRETS, steps->record->account_namespace, &path, &err)) {
		own_steps_fail_path(steps, &err);
		return;
	}
	own_steps_call_member(
		steps, &(struct kube_request){.verb = KUBE_CREATE, .path = path, .body = anchor},
		anchor_created);
}

static bool claims_are_acceptable(const struct own_steps *steps, const struct claims *claims,
				  struct error *err)
{
	const struct own_credential *record = steps->record;
	int64_t lifetime = claims->expires_at - claims->issued_at;
	struct text subject = text_with_max(1024);
	cleanup_free char *wanted = NULL;

	text_appendf(&subject, "system:serviceaccount:%s:%s", record->account_namespace,
		     record->account_name);
	wanted = text_take(&subject);
	if (!text_same(claims->subject, wanted))
		return error_set(err, ERROR_DENIED, "the member gave a token for another subject");
	if (!text_same(claims->bound_secret_uid, steps->anchor_uid))
		return error_set(err, ERROR_DENIED,
				 "the member gave a token that is not bound to its anchor");
	if (lifetime < LIFETIME_MIN_S)
		return error_set(err, ERROR_DENIED, "the member gave a token for %lld seconds only",
				 (long long)lifetime);
	if (lifetime > steps->config->lifetime_s + LIFETIME_EXCESS_S)
		return error_set(err, ERROR_DENIED, "the member gave a token that lives too long");
	return true;
}

static void minted(void *context, const struct kube_reply *reply)
{
	struct own_steps *steps = context;
	const char *text = json_find_string(reply->object, "status", "token");
	cleanup_with(claims_done) struct claims claims = {0};
	struct error err = {0};

	if (reply->err) {
		/* The anchor is gone, or may carry a token that nobody holds. */
		if (reply->err->kind == ERROR_NOT_FOUND || reply->err->kind == ERROR_CONFLICT ||
		    reply->kube.outcome_unknown)
			own_steps_forget_try(steps);
		fail_on_member(steps, "TokenRequest", reply);
		return;
	}
	steps->mint_at_ms = own_steps_now_ms(steps) + MINT_FLOOR_MS;
	steps->token = secret_from_bytes(text ? text : "", text ? strlen(text) : 0);
	if (!claims_read(&steps->token, &claims, &err) ||
	    !claims_are_acceptable(steps, &claims, &err)) {
		own_steps_forget_try(steps);
		own_steps_fail(steps, "TokenRequest", &err);
		return;
	}
	steps->issued_at = claims.issued_at;
	steps->expires_at = claims.expires_at;
	own_steps_succeed(steps);
}

void own_member_step_mint(struct own_steps *steps)
{
	const struct own_credential *record = steps->record;
	cleanup_json struct json *body =
		own_credential_token_request(record, steps->config->lifetime_s, steps->anchor_uid);
	cleanup_free char *path = NULL;
	struct error err = {0};

	if (!kube_path_object(&KUBE_SERVICE_ACCOUNTS, record->account_namespace,
			      record->account_name, "token", &path, &err)) {
		own_steps_fail_path(steps, &err);
		return;
	}
	own_steps_call_member(
		steps, &(struct kube_request){.verb = KUBE_CREATE, .path = path, .body = body},
		minted);
}

static bool is_us(const struct own_credential *record, const struct json *user)
{
	struct own_credential seen = {0};
	bool same = keep_identity(&seen, user) &&
		    text_same(seen.account_namespace, record->account_namespace) &&
		    text_same(seen.account_name, record->account_name) &&
		    text_same(seen.account_uid, record->account_uid);

	memory_free(seen.account_namespace);
	memory_free(seen.account_name);
	memory_free(seen.account_uid);
	return same;
}

static void proved(void *context, const struct kube_reply *reply)
{
	struct own_steps *steps = context;
	struct error err = {0};

	if (reply->err) {
		if (reply->kube.reason == KUBE_REASON_UNAUTHORIZED &&
		    ++steps->proofs >= PROOF_TRIES)
			own_steps_forget_try(steps);
		own_steps_fail(steps, "its proof", reply->err);
		return;
	}
	if (!is_us(steps->record, json_find(reply->object, "status", "userInfo"))) {
		own_steps_forget_try(steps);
		error_set(&err, ERROR_DENIED, "the member takes the token for another identity");
		own_steps_fail(steps, "its proof", &err);
		return;
	}
	steps->proved = true;
	own_steps_succeed(steps);
}

void own_member_step_prove(struct own_steps *steps)
{
	review_identity(steps, &steps->token, proved);
}

static void clear_later(struct own_steps *steps)
{
	steps->clear_at_ms =
		own_steps_now_ms(steps) +
		own_credential_plan_retry_ms(steps->clear_attempts++, 0, chance_number());
	steps->ended(steps->context);
}

static void cleared(void *context, const struct kube_reply *reply)
{
	struct own_steps *steps = context;

	if (reply->err && reply->kube.reason != KUBE_REASON_NOT_FOUND) {
		clear_later(steps);
		return;
	}
	steps->cleared++;
	steps->clear_attempts = 0;
	steps->ended(steps->context);
}

void own_member_step_clear(struct own_steps *steps)
{
	const struct own_credential *record = steps->record;
	cleanup_free char *name = own_credential_anchor_name(record, record->stale[steps->cleared]);
	cleanup_json struct json *options = kube_delete_options(NULL, NULL);
	cleanup_free char *path = NULL;
	struct error err = {0};

	if (!kube_path_object(&KUBE_SECRETS, record->account_namespace, name, NULL, &path, &err)) {
		clear_later(steps);
		return;
	}
	own_steps_call_member(
		steps, &(struct kube_request){.verb = KUBE_DELETE, .path = path, .body = options},
		cleared);
}
