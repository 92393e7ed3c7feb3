#include "core/delivery_steps.h"

#include <string.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access.h"
#include "core/access_steps.h"
#include "core/destinations.h"
#include "core/hub_state.h"
#include "core/kube_path.h"
#include "core/ledger.h"
#include "core/renewal.h"
#include "core/request.h"
#include "core/request_nonce.h"
#include "core/store.h"
#include "delivery/cluster_facts.h"
#include "delivery/secret_object.h"

enum { FOREIGN_RECHECK_MS = 30 * 1000 };

struct place {
	char *namespace;
	char *name;
};

static void place_done(struct place *place)
{
	memory_free(place->namespace);
	memory_free(place->name);
}

/* Where the Secret is, or is to be: on record, or, before there is a record, the request's own
 * name. */
static struct place place_of(const struct access *access)
{
	const char *slash = access->request_key;

	if (access->ledger)
		return (struct place){memory_text(access->ledger->secret.namespace),
				      memory_text(access->ledger->secret.name)};
	while (*slash != '/')
		slash++;
	return (struct place){
		memory_bytes(access->request_key, (size_t)(slash - access->request_key)),
		memory_text(slash + 1),
	};
}

void delivery_steps_call(struct access_steps *steps, struct access *access,
			 struct kube_request request, access_reply *handle)
{
	cleanup_with(place_done) struct place place = place_of(access);
	cleanup_free char *path = NULL;
	struct error err = {0};
	bool built = request.verb == KUBE_CREATE
			     ? kube_path_create(&KUBE_SECRETS, place.namespace, &path, &err)
			     : kube_path_object(&KUBE_SECRETS, place.namespace, place.name, NULL,
						&path, &err);

	if (built && request.verb == KUBE_APPLY)
		built = kube_path_add_query(&path, "fieldManager", "credbroker", &err) &&
			kube_path_add_query(&path, "force", "true", &err);
	if (!built) {
		access_steps_fail(steps, access, "InvalidRequest", &err);
		return;
	}
	request.path = path;
	access_steps_call_hub(steps, access, &request, handle);
}

bool delivery_steps_is_ours(const struct access *access, const struct json *live)
{
	const char *uid = json_find_string(live, "metadata", "uid");
	const struct ledger *ledger = access->ledger;
	char mark[DIGEST_SHORT_SIZE];

	if (!ledger || !uid)
		return false;
	if (ledger->secret.uid)
		return text_same(ledger->secret.uid, uid);
	ledger_mark(ledger, "Secret", ledger->secret.namespace, ledger->secret.name, mark);
	return text_same(mark, secret_object_mark(live));
}

/* Without a record there is nothing to hold it against but what the next record will say. */
static bool secret_is_left(const struct access_steps *steps, const struct access *access,
			   const struct json *live)
{
	cleanup_with(place_done) struct place place = place_of(access);
	struct ledger next = {0};
	char nonce[NONCE_SIZE];
	char mark[DIGEST_SHORT_SIZE];

	if (access->ledger || !steps->settings->nonce_key)
		return false;
	request_nonce(steps->settings->nonce_key, steps->settings->hub_id, access->uid, nonce);
	next.nonce = nonce;
	ledger_mark(&next, "Secret", place.namespace, place.name, mark);
	return text_same(mark, secret_object_mark(live));
}

void delivery_steps_note(struct access *access, const struct json *live, int64_t generation)
{
	const char *uid = json_find_string(live, "metadata", "uid");
	struct ledger_secret *secret = &access->ledger->secret;

	access->delivery = DELIVERY_OURS;
	access->secret_gone = false;
	access->delivery_generation = generation;
	memory_free(access->delivery_uid);
	memory_free(access->delivery_version);
	access->delivery_uid = memory_text(uid);
	access->delivery_version =
		memory_text(json_find_string(live, "metadata", "resourceVersion"));
	if (text_same(secret->uid, uid) && secret->generation == generation)
		return;
	memory_free(secret->uid);
	secret->uid = memory_text(uid);
	secret->generation = generation;
	access->ledger_saved = false;
}

void delivery_steps_note_cluster(struct access *access)
{
	struct ledger_secret *secret = &access->ledger->secret;

	if (text_same(secret->cluster, access->asked_cluster))
		return;
	memory_free(secret->cluster);
	secret->cluster = memory_text(access->asked_cluster);
	access->ledger_saved = false;
}

/* After a restart nobody knows how long ago the token was delivered, or checked. */
static void resume_overlap(const struct access_steps *steps, struct access *access)
{
	const struct ledger_anchor *anchor =
		ledger_anchor(access->ledger, access->delivery_generation);
	int64_t now_ms = clock_monotonic_ms(steps->clock);

	if (!anchor || !anchor->jti || access->renew_at_ms > 0)
		return;
	access->overlap_until_ms = now_ms + RENEWAL_OVERLAP_MS;
	credential_check_spread(access, steps->settings->credential_check_interval_ms, now_ms);
}

void delivery_steps_note_missing(struct access *access)
{
	access->delivery = DELIVERY_MISSING;
	access->delivery_generation = 0;
	if (access->ledger && access->ledger->secret.uid) {
		memory_free(TAKE_PTR(access->ledger->secret.uid));
		memory_free(TAKE_PTR(access->ledger->secret.cluster));
		access->ledger->secret.generation = 0;
		access->ledger_saved = false;
	}
}

void delivery_steps_fail(struct access_steps *steps, struct access *access,
			 const struct kube_reply *reply)
{
	const struct request *request = access_steps_request(steps, access);
	bool refused = reply->err->kind == ERROR_DENIED;

	if (refused && request)
		destinations_learn(steps->destinations, request->namespace, false,
				   clock_monotonic_ms(steps->clock));
	access_steps_fail(steps, access, refused ? "DestinationNotOpened" : "HubUnavailable",
			  reply->err);
}

static void delivery_answered(struct access_steps *steps, struct access *access,
			      const struct kube_reply *reply)
{
	access->secret_left = false;
	if (reply->kube.reason == KUBE_REASON_NOT_FOUND) {
		delivery_steps_note_missing(access);
	} else if (reply->err) {
		delivery_steps_fail(steps, access, reply);
		return;
	} else if (secret_is_left(steps, access, reply->object)) {
		delivery_steps_note_missing(access);
		access->secret_left = true;
	} else if (delivery_steps_is_ours(access, reply->object)) {
		delivery_steps_note(access, reply->object, access->ledger->secret.generation);
		resume_overlap(steps, access);
	} else {
		access->delivery = DELIVERY_FOREIGN;
		access->delivery_recheck_at_ms =
			clock_monotonic_ms(steps->clock) + FOREIGN_RECHECK_MS;
	}
	access_steps_succeed(steps, access);
}

void delivery_step_read(struct access_steps *steps, struct access *access)
{
	delivery_steps_call(steps, access,
			    (struct kube_request){.verb = KUBE_GET, .accept = KUBE_METADATA_ONLY},
			    delivery_answered);
}

static void token_delivered(const struct access_steps *steps, struct access *access)
{
	access->renew_at_ms = access->token.renew_at_ms;
	access->expires_at_ms = access->token.expires_at_ms;
	secret_done(&access->token.secret);
	access->token = (struct access_token){0};
	credential_check_rest(access, steps->settings->credential_check_interval_ms,
			      clock_monotonic_ms(steps->clock));
}

static void delivery_written(struct access_steps *steps, struct access *access,
			     const struct kube_reply *reply)
{
	bool existed = access->delivery == DELIVERY_OURS; /* somebody may hold what it held */
	bool taken = reply->err && reply->err->kind == ERROR_CONFLICT;
	struct error err = {0};

	if (taken || reply->kube.outcome_unknown || reply->kube.reason == KUBE_REASON_NOT_FOUND) {
		/* The token stays in hand: after a pause the Secret is read, then decided upon. */
		access->delivery = DELIVERY_UNKNOWN;
		access->token.perhaps_delivered =
			access->token.perhaps_delivered || reply->kube.outcome_unknown;
		if (!reply->kube.outcome_unknown) /* else it holds the one or the other of ours */
			access->delivery_generation = 0;
		error_set(&err, ERROR_UNAVAILABLE, "whether the Secret was written is not known");
		access_steps_fail(steps, access, "HubUnavailable", &err);
		return;
	}
	if (reply->err) {
		delivery_steps_fail(steps, access, reply);
		return;
	}
	delivery_steps_note(access, reply->object, access->token.generation);
	delivery_steps_note_cluster(access);
	if (existed)
		access->overlap_until_ms = clock_monotonic_ms(steps->clock) + RENEWAL_OVERLAP_MS;
	token_delivered(steps, access);
	access_steps_succeed(steps, access);
}

struct json *delivery_steps_render(struct access *access, const struct cluster_facts *cluster,
				   int64_t generation, const struct secret *token)
{
	const struct ledger *ledger = access->ledger;
	const struct ledger_anchor *anchor = ledger_anchor(ledger, generation);
	bool exists = access->delivery == DELIVERY_OURS;
	char mark[DIGEST_SHORT_SIZE];

	memcpy(access->asked_cluster, cluster->digest, sizeof(access->asked_cluster));
	ledger_mark(ledger, "Secret", ledger->secret.namespace, ledger->secret.name, mark);
	return secret_object_render(&(struct secret_object){
		.namespace = ledger->secret.namespace,
		.name = ledger->secret.name,
		.uid = exists ? access->delivery_uid : NULL,
		.resource_version = exists ? access->delivery_version : NULL,
		.request_name = ledger->request_name,
		.request_uid = ledger->uid,
		.mark = mark,
		.generation = generation,
		.expires_at = anchor ? anchor->expires_at : 0,
		.cluster = cluster,
		.token = token,
	});
}

void delivery_step_write(struct access_steps *steps, struct access *access)
{
	const struct cluster_facts *cluster =
		steps->executor.cluster(steps->executor.context, access->profile_key);
	bool exists = access->delivery == DELIVERY_OURS;
	cleanup_json struct json *object = NULL;

	if (!cluster) {
		access_steps_succeed(steps,
				     access); /* the member went away: the plan waits for it */
		return;
	}
	object = delivery_steps_render(access, cluster, access->token.generation,
				       &access->token.secret);
	delivery_steps_call(
		steps, access,
		(struct kube_request){.verb = exists ? KUBE_APPLY : KUBE_CREATE,
				      .body = object,
				      .accept = KUBE_METADATA_ONLY}, /* not the token again */
		delivery_written);
}

/* Where we have no rights any more, as in a namespace that is being deleted, the Secret goes with
 * the request that owns it: the garbage collector sees to that. Not while the request stays. */
static bool is_out_of_reach(const struct access_steps *steps, const struct access *access,
			    const struct kube_reply *reply)
{
	const struct request *request = access_steps_request(steps, access);
	bool owner_stays = request && !request->deleting &&
			   store_find(steps->seen->namespaces, request->namespace);

	return reply->kube.reason == KUBE_REASON_NOT_FOUND ||
	       (reply->kube.reason == KUBE_REASON_FORBIDDEN && !owner_stays);
}

static void withdrawn(struct access_steps *steps, struct access *access,
		      const struct kube_reply *reply)
{
	bool replaced = reply->kube.reason == KUBE_REASON_CONFLICT; /* another UID has the name */

	if (reply->err && !is_out_of_reach(steps, access, reply) && !replaced) {
		access_steps_fail(steps, access, "WithdrawalFailed", reply->err);
		return;
	}
	access->secret_gone = true;
	access->delivery = DELIVERY_MISSING;
	access_steps_succeed(steps, access);
}

static void withdrawal_looked(struct access_steps *steps, struct access *access,
			      const struct kube_reply *reply)
{
	const char *uid = json_find_string(reply->object, "metadata", "uid");
	cleanup_json struct json *options = kube_delete_options(uid, NULL);

	if (reply->err && !is_out_of_reach(steps, access, reply)) {
		access_steps_fail(steps, access, "WithdrawalFailed", reply->err);
		return;
	}
	if (reply->err || !delivery_steps_is_ours(access, reply->object)) {
		access->secret_gone = true;
		access_steps_succeed(steps, access);
		return;
	}
	delivery_steps_call(
		steps, access,
		(struct kube_request){.verb = KUBE_DELETE, .body = options, .urgent = true},
		withdrawn);
}

void delivery_step_withdraw(struct access_steps *steps, struct access *access)
{
	delivery_steps_call(steps, access,
			    (struct kube_request){
				    .verb = KUBE_GET, .accept = KUBE_METADATA_ONLY, .urgent = true},
			    withdrawal_looked);
}
