#include "core/ledger_steps.h"
#include "core/hub_state.h"

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/digest.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access.h"
#include "core/access_record.h"
#include "core/access_steps.h"
#include "core/cluster_profile.h"
#include "core/kube_path.h"
#include "core/ledger.h"
#include "core/ledger_record.h"
#include "core/request.h"
#include "core/request_nonce.h"
#include "core/rights.h"
#include "core/store.h"

static void call_ledger(struct access_steps *steps, struct access *access, enum kube_verb verb,
			const struct json *body, access_reply *handle)
{
	const struct kube_resource *resource = &KUBE_ISSUED_CREDENTIALS;
	const char *namespace = steps->settings->namespace;
	cleanup_free char *path = NULL;
	struct error err = {0};
	bool built = verb == KUBE_CREATE ? kube_path_create(resource, namespace, &path, &err)
					 : kube_path_object(resource, namespace, access->uid, NULL,
							    &path, &err);

	if (!built) {
		access_steps_fail(steps, access, "LedgerUnavailable", &err);
		return;
	}
	access->record_asked_ms = clock_monotonic_ms(steps->clock);
	access_steps_call_hub(
		steps, access,
		&(struct kube_request){
			.verb = verb, .path = path, .body = body, .urgent = verb == KUBE_DELETE},
		handle);
}

/* A record of a later leadership than ours is not ours to write. */
static bool take_epoch(struct access_steps *steps, struct access *access)
{
	struct ledger *ledger = access->ledger;
	int64_t epoch = steps->epoch ? steps->epoch(steps->context, ledger->epoch) : ledger->epoch;
	struct error err = {0};

	if (epoch >= ledger->epoch) {
		ledger->epoch = epoch;
		return true;
	}
	error_set(&err, ERROR_UNAVAILABLE, "the record was written by a later leader");
	access_steps_fail(steps, access, "LedgerUnavailable", &err);
	return false;
}

/* The record is what we hold, or was when it was asked for: this process may have stood still
 * since. */
static void note_seen(struct access *access)
{
	access->record_seen_ms = access->record_asked_ms;
}

static void note_version(struct access *access, const struct json *object)
{
	note_seen(access);
	access->ledger_absent = false;
	memory_free(access->ledger->resource_version);
	memory_free(access->ledger->record_uid);
	access->ledger->resource_version =
		memory_text(json_find_string(object, "metadata", "resourceVersion"));
	access->ledger->record_uid = memory_text(json_find_string(object, "metadata", "uid"));
	access->ledger_saved = true;
	access->intent_saved = true;
}

/* Another record than the one that we worked with: what we knew besides is learnt again. */
static void replace_ledger(struct access *access, struct ledger *ledger)
{
	struct ledger *old = TAKE_PTR(access->ledger);

	access_record_adopt(access, ledger);
	access_drop_token(access);
	note_seen(access);
	if (old)
		access_record_keep_anchors(access, old);
	ledger_free(old);
}

static void fail_on_change(struct access_steps *steps, struct access *access)
{
	struct error err = {0};

	error_set(&err, ERROR_UNAVAILABLE, "somebody else changed the record of this request");
	access_steps_fail(steps, access, "LedgerUnavailable", &err);
}

/* Where a reply was lost, what we sent may be what is stored. */
static bool is_what_we_sent(const struct access_steps *steps, const struct access *access,
			    const struct json *object)
{
	cleanup_json struct json *sent =
		ledger_record_render(access->ledger, steps->settings->namespace);

	return json_equal(json_find(sent, "spec"), json_find(object, "spec"));
}

static void take_live_ledger(struct access_steps *steps, struct access *access, struct ledger *live,
			     const struct json *object)
{
	if (access->ledger && access->plan.step == ACCESS_LOOK_FOR_LEDGER &&
	    text_same(live->resource_version, access->ledger->resource_version)) {
		ledger_free(live); /* ours may know more by now */
		note_seen(access);
		access_steps_succeed(steps, access);
		return;
	}
	if (access->ledger && is_what_we_sent(steps, access, object)) {
		ledger_free(live);
		note_version(access, object);
		access_steps_succeed(steps, access);
		return;
	}
	replace_ledger(access, live);
	if (access->plan.step == ACCESS_OPEN_LEDGER || access->plan.step == ACCESS_LOOK_FOR_LEDGER)
		access_steps_succeed(steps, access);
	else
		fail_on_change(steps, access);
}

/* It was to be opened, for another cluster than the one that answers now. */
static bool was_never_used(const struct access *access)
{
	return access->plan.step == ACCESS_LOOK_FOR_LEDGER && !access->ledger->resource_version &&
	       !access->ledger->objects[0].uid;
}

/* There is no record. To be closed: it is closed. To be saved, or worked with: somebody deleted it,
 * so what we know is stored anew. */
static void miss_ledger(struct access_steps *steps, struct access *access)
{
	bool closing = access->plan.step == ACCESS_CLOSE_LEDGER;

	if (closing && access->ledger->resource_version) {
		memory_free(access->closed_version);
		access->closed_version = TAKE_PTR(access->ledger->resource_version);
	}
	if (closing || !access->ledger || was_never_used(access)) {
		if (access->ledger) {
			memory_free(access->record_uid);
			access->record_uid = TAKE_PTR(access->ledger->record_uid);
		}
		ledger_free(TAKE_PTR(access->ledger));
		access->ledger_absent = true;
		access->ledger_closed = closing;
	} else {
		memory_free(TAKE_PTR(access->ledger->resource_version));
		memory_free(TAKE_PTR(access->ledger->record_uid));
	}
	access_steps_succeed(steps, access);
}

static void ledger_read_live(struct access_steps *steps, struct access *access,
			     const struct kube_reply *reply)
{
	struct error err = {0};
	struct ledger *live;

	if (reply->err && reply->kube.reason == KUBE_REASON_NOT_FOUND) {
		miss_ledger(steps, access);
		return;
	}
	if (reply->err) {
		access_steps_fail(steps, access, "LedgerUnavailable", reply->err);
		return;
	}
	live = ledger_record_read(reply->object, &err);
	if (live) {
		take_live_ledger(steps, access, live, reply->object);
		return;
	}
	/* Never worked with beside one that exists, whatever it says. */
	ledger_free(TAKE_PTR(access->ledger));
	access->ledger_absent = false;
	access_steps_fail(steps, access, "LedgerUnreadable", &err);
}

void ledger_step_look(struct access_steps *steps, struct access *access)
{
	call_ledger(steps, access, KUBE_GET, NULL, ledger_read_live);
}

static void ledger_opened(struct access_steps *steps, struct access *access,
			  const struct kube_reply *reply)
{
	if (reply->kube.reason == KUBE_REASON_ALREADY_EXISTS) {
		call_ledger(steps, access, KUBE_GET, NULL, ledger_read_live);
		return;
	}
	if (reply->err) {
		access_steps_fail(steps, access, "LedgerUnavailable", reply->err);
		return;
	}
	note_version(access, reply->object);
	access_steps_succeed(steps, access);
}

static struct ledger *first_ledger(const struct access_steps *steps, const struct access *access,
				   const struct request *request)
{
	const struct cluster_profile *profile =
		store_find(steps->seen->profiles, access->profile_key);
	struct member_facts member =
		steps->executor.member(steps->executor.context, access->profile_key);
	char nonce[NONCE_SIZE];

	request_nonce(steps->settings->nonce_key, steps->settings->hub_id, access->uid, nonce);
	return ledger_new(request, access->rights,
			  &(struct ledger_plan){
				  .hub_id = steps->settings->hub_id,
				  .profile_key = access->profile_key,
				  .profile_uid = profile ? profile->uid : NULL,
				  .member_uid = member.uid,
				  .identity_namespace = steps->settings->identity_namespace,
				  .nonce = nonce,
				  .policy = access->permission.policy,
				  .requester_known = access->requester_known,
			  });
}

void ledger_step_open(struct access_steps *steps, struct access *access)
{
	const struct request *request = access_steps_request(steps, access);
	cleanup_json struct json *object = NULL;

	if (!access->ledger && request && access->rights)
		access->ledger = first_ledger(steps, access, request);
	if (!access->ledger) {
		access_steps_succeed(steps, access);
		return;
	}
	if (!take_epoch(steps, access))
		return;
	object = ledger_record_render(access->ledger, steps->settings->namespace);
	call_ledger(steps, access, KUBE_CREATE, object, ledger_opened);
}

static void ledger_stored(struct access_steps *steps, struct access *access,
			  const struct kube_reply *reply)
{
	if (reply->kube.reason == KUBE_REASON_CONFLICT ||
	    reply->kube.reason == KUBE_REASON_NOT_FOUND) {
		call_ledger(steps, access, KUBE_GET, NULL, ledger_read_live);
		return;
	}
	if (reply->err) {
		access_steps_fail(steps, access, "LedgerUnavailable", reply->err);
		return;
	}
	note_version(access, reply->object);
	access_steps_succeed(steps, access);
}

void ledger_step_save(struct access_steps *steps, struct access *access)
{
	cleanup_json struct json *object = NULL;

	if (!take_epoch(steps, access))
		return;
	object = ledger_record_render(access->ledger, steps->settings->namespace);
	call_ledger(steps, access, KUBE_PUT, object, ledger_stored);
}

void ledger_step_save_intent(struct access_steps *steps, struct access *access)
{
	access->ledger_saved = false;
	access->intent_saved = false;
	ledger_step_save(steps, access);
}

void ledger_step_amend(struct access_steps *steps, struct access *access)
{
	if (!access->rights) {
		access_steps_succeed(steps, access);
		return;
	}
	rights_amend(access->rights, access->ledger);
	ledger_step_save_intent(steps, access);
}

void ledger_step_mark_revoking(struct access_steps *steps, struct access *access)
{
	access->ledger->revoking = true;
	ledger_step_save_intent(steps, access);
}

void ledger_step_record_wait(struct access_steps *steps, struct access *access)
{
	revocation_note(access->ledger, access->plan.cause, clock_wall_s(steps->clock));
	ledger_step_save_intent(steps, access);
}

void ledger_step_reserve_anchor(struct access_steps *steps, struct access *access)
{
	access->ledger->generation++;
	ledger_step_save_intent(steps, access);
}

static void ledger_closed(struct access_steps *steps, struct access *access,
			  const struct kube_reply *reply)
{
	if (reply->kube.reason == KUBE_REASON_CONFLICT) {
		call_ledger(steps, access, KUBE_GET, NULL, ledger_read_live);
		return;
	}
	if (reply->err && reply->kube.reason != KUBE_REASON_NOT_FOUND) {
		access_steps_fail(steps, access, "LedgerUnavailable", reply->err);
		return;
	}
	access->record_kept = json_size(json_find(reply->object, "metadata", "finalizers")) > 0;
	if (access->record_kept) { /* it is what the watch shows from now on */
		memory_free(access->ledger->resource_version);
		access->ledger->resource_version =
			memory_text(json_find_string(reply->object, "metadata", "resourceVersion"));
	}
	miss_ledger(steps, access);
}

void ledger_step_close(struct access_steps *steps, struct access *access)
{
	const char *version = access->ledger->resource_version;
	cleanup_json struct json *options = kube_delete_options(NULL, version);

	if (!take_epoch(steps, access))
		return;
	if (version)
		call_ledger(steps, access, KUBE_DELETE, options, ledger_closed);
	else /* it may be stored all the same, or another one may be: only what was read is deleted
	      */
		call_ledger(steps, access, KUBE_GET, NULL, ledger_read_live);
}
