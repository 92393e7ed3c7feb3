#include "core/access_steps.h"

#include <assert.h>

#include <base/clock.h>
#include <base/error.h>
#include <base/text.h>

#include "core/access.h"
#include "core/backoff.h"
#include "core/check_steps.h"
#include "core/delivery_steps.h"
#include "core/denial_steps.h"
#include "core/hub_state.h"
#include "core/hub_steps.h"
#include "core/ledger_steps.h"
#include "core/member_steps.h"
#include "core/redelivery_steps.h"
#include "core/renewal.h"
#include "core/request.h"
#include "core/requester_steps.h"
#include "core/restore_steps.h"
#include "core/store.h"
#include "core/token_steps.h"

/* A peer that failed is asked again soon; a refusal or a conflict waits for people. */
static const struct backoff soon = {.first_ms = 500, .max_ms = 30 * 1000, .jitter_percent = 20};
static const struct backoff late = {
	.first_ms = 2 * 1000, .max_ms = 120 * 1000, .jitter_percent = 20};

struct request *access_steps_request(const struct access_steps *steps, const struct access *access)
{
	struct request *request = store_find(steps->seen->requests, access->request_key);

	return request && text_same(request->uid, access->uid) ? request : NULL;
}

static void take_reply(void *context, const struct kube_reply *reply)
{
	struct access *access = context;

	access->handle(access->steps, access, reply);
}

void access_steps_call_hub(struct access_steps *steps, struct access *access,
			   const struct kube_request *request, access_reply *handle)
{
	access->handle = handle;
	steps->hub.start(steps->hub.context, request, take_reply, access);
}

void access_steps_call_member(struct access_steps *steps, struct access *access,
			      const struct kube_request *request, access_reply *handle)
{
	access->handle = handle;
	steps->executor.start(steps->executor.context, access->profile_key, request, take_reply,
			      access);
}

void access_steps_succeed(struct access_steps *steps, struct access *access)
{
	access->failure = (struct access_failure){0};
	access->attempts[access->plan.step] = 0;
	access->busy = false;
	steps->ended(steps->context, access);
}

static const struct backoff *pace_of(enum error_kind kind)
{
	bool passes_by_itself = kind == ERROR_UNAVAILABLE || kind == ERROR_NOT_FOUND;

	return passes_by_itself ? &soon : &late;
}

/* Spreads the retries of many requests; needs no better randomness than their UIDs. */
static uint32_t spread(const struct access *access, unsigned attempts)
{
	uint32_t hash = 2166136261U;

	for (const char *c = access->uid; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619U;
	return hash + attempts * 2654435761U;
}

int64_t access_steps_retry_at_ms(const struct access_steps *steps, struct access *access,
				 enum access_step step, const struct error *err)
{
	int64_t now_ms = clock_monotonic_ms(steps->clock);
	unsigned attempts = access->attempts[step]++;
	const struct backoff *pace = pace_of(err->kind);
	int64_t delay_ms = backoff_delay_ms(pace, attempts, spread(access, attempts));

	if (!access->ending)
		delay_ms =
			renewal_hasten_ms(delay_ms, access->expires_at_ms - now_ms, pace->first_ms);
	return now_ms + delay_ms;
}

void access_steps_fail(struct access_steps *steps, struct access *access, const char *reason,
		       const struct error *err)
{
	access->failure = (struct access_failure){
		.step = access->plan.step,
		.index = access->plan.index,
		.error = *err,
		.reason = reason,
		.retry_at_ms = access_steps_retry_at_ms(steps, access, access->plan.step, err),
	};
	access->busy = false;
	steps->ended(steps->context, access);
}

typedef void step(struct access_steps *steps, struct access *access);

static step *const step_table[ACCESS_STEP_COUNT] = {
	[ACCESS_ADD_FINALIZER] = hub_step_add_finalizer,
	[ACCESS_CHECK_DESTINATION] = hub_step_check_destination,
	[ACCESS_CHECK_REQUESTER] = requester_step_check,
	[ACCESS_READ_DELIVERY] = delivery_step_read,
	[ACCESS_LOOK_FOR_LEDGER] = ledger_step_look,
	[ACCESS_OPEN_LEDGER] = ledger_step_open,
	[ACCESS_SAVE_LEDGER] = ledger_step_save,
	[ACCESS_CREATE_OBJECT] = member_step_create_object,
	[ACCESS_AMEND_LEDGER] = ledger_step_amend,
	[ACCESS_APPLY_OBJECT] = member_step_apply_object,
	[ACCESS_RESTORE_OBJECT] = restore_step_begin,
	[ACCESS_RESERVE_ANCHOR] = ledger_step_reserve_anchor,
	[ACCESS_CREATE_ANCHOR] = token_step_create_anchor,
	[ACCESS_MINT] = token_step_mint,
	[ACCESS_PROVE] = token_step_prove,
	[ACCESS_DELIVER] = delivery_step_write,
	[ACCESS_REDELIVER] = redelivery_step_write,
	[ACCESS_CHECK_CREDENTIAL] = check_step_begin,
	[ACCESS_DELETE_ANCHOR] = token_step_delete_anchor,
	[ACCESS_CONFIRM_GONE] = hub_step_confirm_gone,
	[ACCESS_CONFIRM_DENIAL] = denial_step_confirm,
	[ACCESS_MARK_REVOKING] = ledger_step_mark_revoking,
	[ACCESS_RECORD_WAIT] = ledger_step_record_wait,
	[ACCESS_DELETE_OBJECT] = member_step_delete_object,
	[ACCESS_WITHDRAW] = delivery_step_withdraw,
	[ACCESS_CLOSE_LEDGER] = ledger_step_close,
	[ACCESS_REMOVE_FINALIZER] = hub_step_remove_finalizer,
};

bool access_steps_call_a_member(enum access_step which)
{
	static const bool table[ACCESS_STEP_COUNT] = {
		[ACCESS_CREATE_OBJECT] = true,
		[ACCESS_APPLY_OBJECT] = true,
		[ACCESS_RESTORE_OBJECT] = true,
		[ACCESS_DELETE_OBJECT] = true,
		[ACCESS_CREATE_ANCHOR] = true,
		[ACCESS_DELETE_ANCHOR] = true,
		[ACCESS_MINT] = true,
		[ACCESS_PROVE] = true,
		[ACCESS_CHECK_CREDENTIAL] = true,
	};

	return table[which];
}

void access_steps_start(struct access_steps *steps, struct access *access,
			const struct access_plan *plan)
{
	assert(!access->busy && step_table[plan->step]);
	access->busy = true;
	access->plan = *plan;
	access->steps = steps;
	step_table[plan->step](steps, access);
}

void access_steps_write_status(struct access_steps *steps, struct access *access,
			       const struct json *status)
{
	assert(!access->busy);
	access->busy = true;
	access->steps = steps;
	hub_step_write_status(steps, access, status);
}
