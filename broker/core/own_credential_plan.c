#include "core/own_credential_plan.h"

#include "core/backoff.h"
#include "core/own_credential.h"

typedef bool policy(const struct own_credential_facts *facts, struct own_credential_plan *ret_plan);

static bool decide(struct own_credential_plan *plan, enum own_step step)
{
	*plan = (struct own_credential_plan){.step = step};
	return true;
}

static bool rest(struct own_credential_plan *plan, int64_t wake_at_ms)
{
	*plan = (struct own_credential_plan){.step = OWN_REST, .wake_at_ms = wake_at_ms};
	return true;
}

/* A try under way is finished, whatever else is known meanwhile. */
static bool is_due(const struct own_credential_facts *f)
{
	return !f->live || f->refused || f->taken || f->now_ms >= f->renew_at_ms;
}

/* Ends with own_credentials_begin(), or with the reply. */
static bool nothing_is_done_beside_a_step_or_without_leave(const struct own_credential_facts *f,
							   struct own_credential_plan *p)
{
	return (!f->may_act || f->busy) && decide(p, OWN_WAIT);
}

/* Ends when the member access is another. */
static bool who_is_no_service_account_is_left_alone(const struct own_credential_facts *f,
						    struct own_credential_plan *p)
{
	return f->is_account == OWN_NO && decide(p, OWN_WAIT);
}

/* A failed deletion must not keep a renewal waiting, nor the other way round. */
static bool stale_anchors_are_deleted_when_nobody_needs_them(const struct own_credential_facts *f,
							     struct own_credential_plan *p)
{
	if (f->stale_count == 0 || f->taken || f->in_doubt || !f->member_ready ||
	    !f->others_are_gone || f->now_ms < f->clear_at_ms)
		return false;
	return decide(p, f->cleared ? OWN_SETTLE : OWN_CLEAR);
}

/* What was given may not work any more: after a restart there would be nothing. */
static bool lost_record_is_written_again(const struct own_credential_facts *f,
					 struct own_credential_plan *p)
{
	return f->lost && !f->taken && decide(p, OWN_WRITE);
}

/* Ends with the time of renewal; a refusal comes as a word. */
static bool good_token_rests(const struct own_credential_facts *f, struct own_credential_plan *p)
{
	int64_t wake_at_ms = f->renew_at_ms;

	if (is_due(f))
		return false;
	if (f->stale_count > 0 && f->clear_at_ms > f->now_ms && f->clear_at_ms < wake_at_ms)
		wake_at_ms = f->clear_at_ms;
	return rest(p, wake_at_ms);
}

static bool failed_step_waits_for_its_time(const struct own_credential_facts *f,
					   struct own_credential_plan *p)
{
	return f->now_ms < f->retry_at_ms && rest(p, f->retry_at_ms);
}

static bool doubtful_record_is_read(const struct own_credential_facts *f,
				    struct own_credential_plan *p)
{
	return f->in_doubt && decide(p, OWN_READ);
}

/* The record needs no member; everything else does. Ends when the link says so. */
static bool absent_member_is_awaited(const struct own_credential_facts *f,
				     struct own_credential_plan *p)
{
	return !f->member_ready && !f->proved && decide(p, OWN_WAIT);
}

static bool unknown_identity_is_asked_for(const struct own_credential_facts *f,
					  struct own_credential_plan *p)
{
	return f->is_account == OWN_UNKNOWN && decide(p, OWN_IDENTIFY);
}

static bool rights_are_asked_for(const struct own_credential_facts *f,
				 struct own_credential_plan *p)
{
	if (f->may_mint == OWN_YES)
		return false;
	if (f->may_mint == OWN_NO && f->now_ms < f->ask_at_ms)
		return rest(p, f->ask_at_ms);
	return decide(p, OWN_CHECK_RIGHTS);
}

/* A member that takes no token of its own making is not asked for one after the other. */
static bool tokens_are_not_minted_too_often(const struct own_credential_facts *f,
					    struct own_credential_plan *p)
{
	return !f->minted && f->now_ms < f->mint_at_ms && rest(p, f->mint_at_ms);
}

/* Two more could become stale: the generation that was taken, and the one that is live. */
static bool full_list_is_cleared_first(const struct own_credential_facts *f,
				       struct own_credential_plan *p)
{
	if (f->taken || f->stale_count + 2 <= OWN_STALE_MAX)
		return false;
	if (f->now_ms < f->clear_at_ms)
		return rest(p, f->clear_at_ms);
	return decide(p, OWN_WAIT); /* for the link that still uses one of them */
}

static bool try_goes_on(const struct own_credential_facts *f, struct own_credential_plan *p)
{
	if (!f->taken)
		return decide(p, OWN_TAKE);
	if (!f->anchored)
		return decide(p, OWN_CREATE_ANCHOR);
	if (!f->minted)
		return decide(p, OWN_MINT);
	return decide(p, f->proved ? OWN_STORE : OWN_PROVE);
}

static policy *const policies[] = {
	nothing_is_done_beside_a_step_or_without_leave,
	who_is_no_service_account_is_left_alone,
	stale_anchors_are_deleted_when_nobody_needs_them,

	failed_step_waits_for_its_time,
	doubtful_record_is_read,
	lost_record_is_written_again,
	good_token_rests,

	absent_member_is_awaited,
	unknown_identity_is_asked_for,
	rights_are_asked_for,
	tokens_are_not_minted_too_often,
	full_list_is_cleared_first,
	try_goes_on,
};

struct own_credential_plan own_credential_plan_next(const struct own_credential_facts *facts)
{
	struct own_credential_plan plan = {.step = OWN_WAIT};

	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
		if (policies[i](facts, &plan))
			break;
	return plan;
}

int64_t own_credential_plan_retry_ms(unsigned attempts, int64_t left_ms, uint32_t random)
{
	static const struct backoff pace = {
		.first_ms = 2000, .max_ms = 5 * 60 * 1000, .jitter_percent = 20};
	int64_t delay_ms = backoff_delay_ms(&pace, attempts, random);
	int64_t longest_ms = left_ms / 5;

	if (left_ms <= 0 || delay_ms <= longest_ms)
		return delay_ms;
	return longest_ms > pace.first_ms ? longest_ms : pace.first_ms;
}
