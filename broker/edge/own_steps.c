#include "edge/own_steps.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/memory.h>

#include "core/kube_call.h"
#include "core/own_credential.h"
#include "edge/chance.h"
#include "edge/loop.h"
#include "edge/own_credentials.h"
#include "edge/own_member_steps.h"
#include "edge/own_record_steps.h"

enum { MESSAGE_SIZE = ERROR_TEXT_MAX + 64 };

int64_t own_steps_now_ms(const struct own_steps *steps)
{
	return clock_monotonic_ms(loop_clock(steps->config->loop));
}

int64_t own_steps_wall_s(const struct own_steps *steps)
{
	return clock_wall_s(loop_clock(steps->config->loop));
}

void own_steps_forget_try(struct own_steps *steps)
{
	if (steps->taken)
		steps->dropped = steps->record->generation;
	memory_free(TAKE_PTR(steps->anchor_uid));
	secret_done(&steps->token);
	steps->taken = false;
	steps->proved = false;
	steps->proofs = 0;
}

void own_steps_done(struct own_steps *steps)
{
	own_steps_forget_try(steps);
	own_credential_free(TAKE_PTR(steps->record));
	own_credential_free(TAKE_PTR(steps->next));
}

/* The earlier of its own time and of a rotation that is asked for. */
static void schedule(struct own_steps *steps)
{
	const struct own_credential *record = steps->record;
	int64_t at_s = record->renew_at;

	if (steps->rotate_at > record->rotate_at && steps->rotate_at < at_s)
		at_s = steps->rotate_at;
	steps->renew_at_ms = own_steps_now_ms(steps) + (at_s - own_steps_wall_s(steps)) * 1000;
}

void own_steps_adopt(struct own_steps *steps, struct own_credential *record)
{
	if (record != steps->record)
		own_credential_free(steps->record);
	steps->record = record;
	steps->cleared = 0;
	steps->in_doubt = false;
	if (record->account_name)
		steps->is_account = OWN_YES;
	schedule(steps);
}

void own_steps_rotate(struct own_steps *steps, int64_t rotate_at)
{
	steps->rotate_at = rotate_at;
	schedule(steps);
}

void own_steps_tell(struct own_steps *steps, const char *type, const char *reason,
		    const char *message)
{
	const struct own_credential *record = steps->record;

	if (steps->told && strcmp(steps->told, reason) == 0)
		return;
	steps->told = reason;
	steps->config->tell(steps->config->tell_context,
			    &(struct own_news){.type = type,
					       .reason = reason,
					       .message = message,
					       .access_name = record->access_name,
					       .access_uid = record->access_uid,
					       .profile_key = record->profile_key});
}

void own_steps_succeed(struct own_steps *steps)
{
	steps->ended(steps->context);
}

void own_steps_fail(struct own_steps *steps, const char *what, const struct error *err)
{
	int64_t left_ms = steps->record->live
				  ? (steps->record->expires_at - own_steps_wall_s(steps)) * 1000
				  : 0;
	char message[MESSAGE_SIZE];

	snprintf(message, sizeof(message), "own credential: not renewed yet: %s: %s", what,
		 err->text);
	steps->retry_at_ms =
		own_steps_now_ms(steps) +
		own_credential_plan_retry_ms(steps->attempts++, left_ms, chance_number());
	own_steps_tell(steps, "Warning", "OwnCredentialFailed", message);
	steps->ended(steps->context);
}

void own_steps_fail_path(struct own_steps *steps, const struct error *err)
{
	own_steps_fail(steps, "the names that the member gave", err);
}

void own_steps_call_member(struct own_steps *steps, const struct kube_request *request,
			   kube_done *done)
{
	const struct access_executor *members = &steps->config->members;

	members->start(members->context, steps->record->profile_key, request, done, steps);
}

void own_steps_start(struct own_steps *steps, enum own_step step)
{
	static void (*const starts[OWN_STEP_COUNT])(struct own_steps *) = {
		[OWN_READ] = own_record_step_read,
		[OWN_IDENTIFY] = own_member_step_identify,
		[OWN_CHECK_RIGHTS] = own_member_step_check_rights,
		[OWN_TAKE] = own_record_step_take,
		[OWN_CREATE_ANCHOR] = own_member_step_create_anchor,
		[OWN_MINT] = own_member_step_mint,
		[OWN_PROVE] = own_member_step_prove,
		[OWN_STORE] = own_record_step_store,
		[OWN_CLEAR] = own_member_step_clear,
		[OWN_SETTLE] = own_record_step_settle,
		[OWN_WRITE] = own_record_step_write,
	};

	assert(starts[step]);
	starts[step](steps);
}
