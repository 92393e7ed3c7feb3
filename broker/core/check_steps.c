#include "core/check_steps.h"

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/secret.h>
#include <base/text.h>

#include "core/access.h"
#include "core/access_news.h"
#include "core/access_steps.h"
#include "core/delivered_token.h"
#include "core/delivery_steps.h"
#include "core/kube_path.h"
#include "core/ledger.h"
#include "core/ledger_steps.h"
#include "core/member_objects.h"

enum { REFUSALS = 2 }; /* in a row; an authenticator may fail for a moment */

static struct ledger_anchor *delivered_anchor(const struct access *access)
{
	return ledger_anchor(access->ledger, access->delivery_generation);
}

/* Nothing is to be done but to ask another time. */
static void end(struct access_steps *steps, struct access *access)
{
	access->check.idle = true;
	access_steps_succeed(steps, access);
}

static void postpone(struct access_steps *steps, struct access *access)
{
	credential_check_postpone(access, steps->settings->credential_check_interval_ms,
				  clock_monotonic_ms(steps->clock));
	end(steps, access);
}

static void tell(const struct access_steps *steps, const struct access *access, const char *reason,
		 const char *message)
{
	steps->tell(steps->context, &(struct access_news){
					    .access = access,
					    .type = "Warning",
					    .action = "Check",
					    .reason = reason,
					    .message = message,
				    });
}

/* Its record says from now on that it is void: also the next process would replace it. */
static void void_token(struct access_steps *steps, struct access *access)
{
	struct credential_check *check = &access->check;
	struct ledger_anchor *anchor = delivered_anchor(access);
	int64_t free_at_ms;

	check->refusals = 0;
	check->at_ms = 0;
	free_at_ms =
		clock_monotonic_ms(steps->clock) + credential_check_pause_ms(++check->replaced);
	if (access->next_mint_at_ms < free_at_ms)
		access->next_mint_at_ms = free_at_ms;
	memory_free(TAKE_PTR(anchor->terms));
	ledger_step_save_intent(steps, access);
}

/* Tokens end with their ServiceAccount, so that is looked at before the next one. */
static void take_refusal(struct access_steps *steps, struct access *access)
{
	struct ledger_object *account = &access->ledger->objects[0];

	if (++access->check.refusals < REFUSALS) {
		credential_check_again(access, clock_monotonic_ms(steps->clock));
		end(steps, access);
		return;
	}
	account->suspect = !account->existing;
	tell(steps, access, "CredentialRefused",
	     "the member does not take the delivered token any more, before its time: it is "
	     "replaced");
	void_token(steps, access);
}

static void token_reviewed(struct access_steps *steps, struct access *access,
			   const struct kube_reply *reply)
{
	const char *username = json_find_string(reply->object, "status", "userInfo", "username");
	bool answered = !reply->err && !text_is_empty(username);

	if (reply->kube.reason == KUBE_REASON_UNAUTHORIZED ||
	    (answered && !member_review_is_of_identity(access->ledger, reply->object))) {
		take_refusal(steps, access);
	} else if (!answered) {
		postpone(steps, access); /* that says nothing of the token */
	} else {
		access->check.replaced = 0;
		credential_check_rest(access, steps->settings->credential_check_interval_ms,
				      clock_monotonic_ms(steps->clock));
		end(steps, access);
	}
}

static void show_to_member(struct access_steps *steps, struct access *access,
			   const struct secret *token)
{
	cleanup_json struct json *review = member_review_render();
	cleanup_free char *path = NULL;
	struct error err = {0};

	if (!kube_path_create(&KUBE_SELF_SUBJECT_REVIEWS, NULL, &path, &err)) {
		postpone(steps, access);
		return;
	}
	access_steps_call_member(steps, access,
				 &(struct kube_request){
					 .verb = KUBE_CREATE,
					 .path = path,
					 .body = review,
					 .bearer = token,
				 },
				 token_reviewed);
}

static void secret_read(struct access_steps *steps, struct access *access,
			const struct kube_reply *reply)
{
	const struct ledger_anchor *anchor = delivered_anchor(access);
	cleanup_secret struct secret token = {0};
	struct error why = {0};

	if (reply->kube.reason == KUBE_REASON_NOT_FOUND) {
		delivery_steps_note_missing(access);
		access_steps_succeed(steps, access);
	} else if (reply->err) {
		postpone(steps, access);
	} else if (!anchor || !delivery_steps_is_ours(access, reply->object)) {
		access->delivery = DELIVERY_UNKNOWN; /* to be read and reported like any other */
		access_steps_succeed(steps, access);
	} else if (!delivered_token_read(reply->object, anchor, &token, &why)) {
		tell(steps, access, "SecretEdited",
		     "the Secret does not hold the token that was delivered: it is replaced");
		void_token(steps, access);
	} else {
		delivery_steps_note(access, reply->object, access->delivery_generation);
		show_to_member(steps, access, &token);
	}
}

void check_step_begin(struct access_steps *steps, struct access *access)
{
	delivery_steps_call(steps, access, (struct kube_request){.verb = KUBE_GET}, secret_read);
}
