#include "edge/own_record_steps.h"

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/kube_call.h"
#include "core/kube_path.h"
#include "core/ledger.h"
#include "core/own_credential.h"
#include "core/renewal.h"
#include "edge/own_credentials.h"
#include "edge/own_steps.h"

static void record_read(void *context, const struct kube_reply *reply)
{
	struct own_steps *steps = context;
	struct own_credential *record = NULL;
	struct error err = {0};

	if (reply->kube.reason == KUBE_REASON_NOT_FOUND) {
		memory_free(TAKE_PTR(steps->record->uid)); /* what we hold is stored anew */
		memory_free(TAKE_PTR(steps->record->resource_version));
		steps->in_doubt = false;
		own_steps_succeed(steps);
		return;
	}
	if (reply->err) {
		own_steps_fail(steps, "the hub does not show its record", reply->err);
		return;
	}
	record = own_credential_read(reply->object, &err);
	if (!record) {
		own_steps_fail(steps, "its record", &err);
		return;
	}
	own_credential_drop(record, steps->dropped);
	steps->dropped = 0;
	own_steps_adopt(steps, record);
	own_steps_succeed(steps);
}

void own_record_step_read(struct own_steps *steps)
{
	cleanup_free char *path = NULL;
	struct error err = {0};

	own_steps_forget_try(steps); /* another may have taken the next generation */
	if (!kube_path_object(&KUBE_SECRETS, steps->config->namespace, steps->record->name, NULL,
			      &path, &err)) {
		own_steps_fail_path(steps, &err);
		return;
	}
	steps->config->hub.start(steps->config->hub.context,
				 &(struct kube_request){.verb = KUBE_GET, .path = path},
				 record_read, steps);
}

static void write_record(struct own_steps *steps, kube_done *done)
{
	cleanup_json struct json *secret =
		own_credential_render(steps->next, steps->config->namespace);
	enum kube_verb verb = steps->next->uid ? KUBE_PUT : KUBE_CREATE;
	cleanup_free char *path = NULL;
	struct error err = {0};

	if (!(verb == KUBE_PUT
		      ? kube_path_object(&KUBE_SECRETS, steps->config->namespace, steps->next->name,
					 NULL, &path, &err)
		      : kube_path_create(&KUBE_SECRETS, steps->config->namespace, &path, &err))) {
		own_steps_fail_path(steps, &err);
		return;
	}
	steps->config->hub.start(steps->config->hub.context,
				 &(struct kube_request){.verb = verb, .path = path, .body = secret},
				 done, steps);
}

/* False when NEXT is not stored: the step has ended then. What the hub has is read before anything
 * else is done, even after a plain no: nothing may be made on the member that is not on record. */
static bool keep_written(struct own_steps *steps, const struct kube_reply *reply)
{
	struct own_credential *next = TAKE_PTR(steps->next);
	const char *uid = json_find_string(reply->object, "metadata", "uid");
	const char *version = json_find_string(reply->object, "metadata", "resourceVersion");

	if (reply->err || !uid || !version) {
		struct error err = {.kind = ERROR_UNAVAILABLE, .text = "a reply without metadata"};

		own_credential_free(next);
		own_steps_forget_try(steps);
		steps->in_doubt = true;
		own_steps_fail(steps, "the hub does not take its record",
			       reply->err ? reply->err : &err);
		return false;
	}
	memory_free(next->uid);
	memory_free(next->resource_version);
	next->uid = memory_text(uid);
	next->resource_version = memory_text(version);
	own_steps_adopt(steps, next);
	return true;
}

static void taken(void *context, const struct kube_reply *reply)
{
	struct own_steps *steps = context;

	if (!keep_written(steps, reply))
		return;
	steps->taken = true;
	own_steps_succeed(steps);
}

void own_record_step_take(struct own_steps *steps)
{
	steps->next = own_credential_dup(steps->record);
	own_credential_take(steps->next);
	write_record(steps, taken);
}

static void stored(void *context, const struct kube_reply *reply)
{
	struct own_steps *steps = context;

	if (!keep_written(steps, reply))
		return;
	own_steps_forget_try(steps);
	steps->dropped = 0;
	steps->attempts = 0;
	steps->told = NULL;
	own_steps_tell(steps, "Normal", "OwnCredentialRenewed",
		       "own credential: stored, and used from now on");
	own_steps_succeed(steps);
}

void own_record_step_store(struct own_steps *steps)
{
	const struct ledger_anchor granted = {.generation = steps->record->generation,
					      .issued_at = steps->issued_at,
					      .expires_at = steps->expires_at};
	struct own_credential *next = own_credential_dup(steps->record);

	own_credential_keep(next, steps->given, &steps->token);
	next->issued_at = steps->issued_at;
	next->expires_at = steps->expires_at;
	next->renew_at = own_steps_wall_s(steps) + renewal_delay_s(next->access_uid, &granted);
	if (steps->rotate_at > next->rotate_at && steps->rotate_at <= own_steps_wall_s(steps))
		next->rotate_at = steps->rotate_at;
	steps->next = next;
	write_record(steps, stored);
}

static void settled(void *context, const struct kube_reply *reply)
{
	struct own_steps *steps = context;

	if (!keep_written(steps, reply))
		return;
	steps->attempts = 0;
	own_steps_succeed(steps);
}

void own_record_step_settle(struct own_steps *steps)
{
	steps->next = own_credential_dup(steps->record);
	steps->next->stale_count = 0;
	write_record(steps, settled);
}

void own_record_step_write(struct own_steps *steps)
{
	steps->next = own_credential_dup(steps->record);
	write_record(steps, settled);
}
