#include "edge/own_removal.h"

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/backoff.h"
#include "core/kube_path.h"
#include "core/own_credential.h"
#include "edge/chance.h"
#include "edge/kube_client.h"
#include "edge/loop.h"
#include "edge/member_access.h"
#include "edge/own_credentials.h"

enum { EXPIRY_MARGIN_S = 300 }; /* the member's clock may differ */

static const struct backoff pace = {
	.first_ms = 2000, .max_ms = 5 * 60 * 1000, .jitter_percent = 20};

struct own_removal {
	const struct own_credentials_config *config;
	struct own_credential *record;
	struct kube_client *member; /* NULL until it is needed, or where it cannot be reached */
	struct loop_timer timer;
	size_t deleted; /* anchors */
	unsigned attempts;
	bool busy;
};

static void look_at_access(void *context);

struct own_removal *own_removal_new(const struct own_credentials_config *config,
				    const struct own_credential *record)
{
	struct own_removal *removal = memory_new(sizeof(*removal));

	removal->config = config;
	removal->record = own_credential_dup(record);
	loop_timer_set(config->loop, &removal->timer, 0, look_at_access, removal);
	return removal;
}

void own_removal_free(struct own_removal *removal)
{
	if (!removal)
		return;
	loop_timer_clear(&removal->timer);
	kube_client_free(removal->member);
	own_credential_free(removal->record);
	memory_free(removal);
}

const char *own_removal_name(const struct own_removal *removal)
{
	return removal->record->name;
}

bool own_removal_is_busy(const struct own_removal *removal)
{
	return removal->busy;
}

/* From the beginning: what was true on the hub may not be any more. */
static void try_later(struct own_removal *removal)
{
	removal->busy = false;
	removal->deleted = 0;
	loop_timer_set(removal->config->loop, &removal->timer,
		       backoff_delay_ms(&pace, removal->attempts++, chance_number()),
		       look_at_access, removal);
}

/* Stays until the watch shows that the Secret is gone, or the access back. */
static void end(struct own_removal *removal)
{
	removal->busy = false;
	removal->config->ended(removal->config->owner);
}

static void call_hub(struct own_removal *removal, enum kube_verb verb, const char *name,
		     const struct json *body, kube_done *done)
{
	cleanup_free char *path = NULL;
	struct error err = {0};

	removal->busy = true;
	if (!kube_path_object(&KUBE_SECRETS, removal->config->namespace, name, NULL, &path, &err)) {
		end(removal); /* a record that somebody else wrote */
		return;
	}
	removal->config->hub.start(removal->config->hub.context,
				   &(struct kube_request){.verb = verb, .path = path, .body = body},
				   done, removal);
}

static void secret_deleted(void *context, const struct kube_reply *reply)
{
	struct own_removal *removal = context;

	if (reply->err && reply->kube.reason != KUBE_REASON_NOT_FOUND) {
		try_later(removal);
		return;
	}
	removal->config->tell(removal->config->tell_context,
			      &(struct own_news){
				      .type = "Normal",
				      .reason = "OwnCredentialRemoved",
				      .message =
					      "own credential: removed, because its member access "
					      "is gone or another",
				      .access_name = removal->record->access_name,
				      .access_uid = removal->record->access_uid,
				      .profile_key = removal->record->profile_key,
			      });
	end(removal);
}

/* Not if somebody wrote it meanwhile. */
static void delete_secret(struct own_removal *removal)
{
	cleanup_json struct json *options =
		kube_delete_options(removal->record->uid, removal->record->resource_version);

	call_hub(removal, KUBE_DELETE, removal->record->name, options, secret_deleted);
}

/* The generation whose anchor is to be deleted next; 0: none. The one that we come with is last. */
static int64_t next_anchor(const struct own_removal *removal)
{
	const struct own_credential *record = removal->record;
	size_t index = removal->deleted;

	if (index < record->stale_count)
		return record->stale[index];
	index -= record->stale_count;
	if (record->generation != record->live && index-- == 0)
		return record->generation;
	return index == 0 ? record->live : 0;
}

static void delete_anchors(struct own_removal *removal);

static void anchor_deleted(void *context, const struct kube_reply *reply)
{
	struct own_removal *removal = context;

	/* A refusal as well: a server that has just started knows no roles yet, and this record is
	 * all that tells of the token while it lives. */
	if (reply->err && reply->kube.reason != KUBE_REASON_NOT_FOUND) {
		try_later(removal);
		return;
	}
	removal->deleted++;
	delete_anchors(removal);
}

static void delete_anchors(struct own_removal *removal)
{
	const struct own_credential *record = removal->record;
	int64_t generation = next_anchor(removal);
	cleanup_free char *name = own_credential_anchor_name(record, generation);
	cleanup_json struct json *options = kube_delete_options(NULL, NULL);
	cleanup_free char *path = NULL;
	struct error err = {0};

	if (generation == 0 ||
	    !kube_path_object(&KUBE_SECRETS, record->account_namespace, name, NULL, &path, &err)) {
		delete_secret(removal);
		return;
	}
	kube_client_start(
		removal->member,
		&(struct kube_request){.verb = KUBE_DELETE, .path = path, .body = options},
		anchor_deleted, removal);
}

static bool open_member(struct own_removal *removal)
{
	struct error err = {0};

	if (!removal->member)
		removal->member = kube_client_new(
			removal->config->http, removal->config->loop,
			&(struct kube_client_config){
				.endpoint = &removal->record->endpoint,
				.calls_max = 1,
				.body_max = HTTP_MEMBER_BODY_MAX,
				.loopback_allowed = removal->config->loopback_allowed,
			},
			&err);
	return removal->member != NULL;
}

static void take_back(struct own_removal *removal)
{
	const struct own_credential *record = removal->record;
	int64_t now_s = clock_wall_s(loop_clock(removal->config->loop));

	if (record->live > 0 && now_s < record->expires_at + EXPIRY_MARGIN_S &&
	    open_member(removal))
		delete_anchors(removal);
	else
		delete_secret(removal);
}

/* The store may be behind. */
static void record_read(void *context, const struct kube_reply *reply)
{
	struct own_removal *removal = context;
	struct own_credential *record = NULL;
	struct error err = {0};

	if (reply->kube.reason == KUBE_REASON_NOT_FOUND) {
		end(removal);
		return;
	}
	record = reply->err ? NULL : own_credential_read(reply->object, &err);
	if (!record) {
		try_later(removal);
		return;
	}
	kube_client_free(TAKE_PTR(removal->member)); /* the token may be another */
	own_credential_free(removal->record);
	removal->record = record;
	take_back(removal);
}

static bool is_still_wanted(const struct own_removal *removal, const struct json *secret)
{
	const char *label =
		json_find_string(secret, "metadata", "labels", "credbroker.dev/member-access");
	struct error err = {0};
	struct member_access *access = NULL;
	bool same = false;

	if (removal->config->lifetime_s == 0 || !text_same(label, "true"))
		return false;
	access = member_access_read(secret, &err);
	if (access && access->digest && !access->invalid[0]) {
		const struct own_bootstrap bootstrap = member_access_bootstrap(access);
		cleanup_free char *name = own_credential_name(removal->config->hub_id, &bootstrap);

		same = text_same(name, removal->record->name);
	}
	member_access_free(access);
	return same;
}

/* What a watch does not show is no instruction. */
static void access_read(void *context, const struct kube_reply *reply)
{
	struct own_removal *removal = context;

	if (reply->err && reply->kube.reason != KUBE_REASON_NOT_FOUND) {
		try_later(removal);
		return;
	}
	if (!reply->err && is_still_wanted(removal, reply->object)) {
		try_later(removal); /* until the watch shows it, too */
		return;
	}
	call_hub(removal, KUBE_GET, removal->record->name, NULL, record_read);
}

static void look_at_access(void *context)
{
	struct own_removal *removal = context;

	if (removal->config->leaves(removal->config->context, removal->record->profile_key)) {
		try_later(removal);
		return;
	}
	call_hub(removal, KUBE_GET, removal->record->access_name, NULL, access_read);
}
