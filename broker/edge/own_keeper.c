#include "edge/own_keeper.h"

#include <base/clock.h>
#include <base/error.h>
#include <base/memory.h>
#include <base/secret.h>
#include <base/text.h>

#include "core/backoff.h"
#include "core/own_credential.h"
#include "core/own_credential_plan.h"
#include "edge/chance.h"
#include "edge/loop.h"
#include "edge/member_access.h"
#include "edge/own_credentials.h"
#include "edge/own_steps.h"

/* Between two credentials that are refused both. */
static const struct backoff turn_pace = {.first_ms = 500, .max_ms = 60000, .jitter_percent = 20};

enum { TURNS_FORGOTTEN_MS = 5 * 60 * 1000 };

struct own_keeper {
	const struct own_credentials_config *config;
	struct kube_endpoint given; /* of the member access */
	struct own_steps steps;
	struct loop_timer timer;      /* the next look at the plan */
	struct loop_timer turn_timer; /* the other credential is tried */
	unsigned turns;               /* in a row */
	int64_t turned_ms;            /* monotonic; the last of them */
	int64_t live;                 /* the generation whose token we know of */
	bool begun, busy, retired;
	bool uses_own;
	bool refused; /* our own is, as far as we know */
};

static void run(void *context);

static void look_soon(struct own_keeper *keeper)
{
	if (!keeper->retired)
		loop_timer_set(keeper->config->loop, &keeper->timer, 0, run, keeper);
}

static void use(struct own_keeper *keeper, bool own)
{
	keeper->uses_own = own;
	keeper->config->switched(keeper->config->context, keeper->steps.record->profile_key);
}

/* What was stored last is used from now on. */
static void use_stored(struct own_keeper *keeper)
{
	int64_t live = keeper->steps.record->live;

	if (keeper->live == live)
		return;
	keeper->live = live;
	keeper->refused = false;
	use(keeper, live > 0);
}

static void step_ended(void *context)
{
	struct own_keeper *keeper = context;

	keeper->busy = false;
	if (keeper->retired)
		keeper->config->ended(keeper->config->owner);
	else
		look_soon(keeper);
}

static void copy_given(struct kube_endpoint *given, const struct kube_endpoint *endpoint)
{
	given->server = memory_text(endpoint->server);
	given->ca_pem = memory_text(endpoint->ca_pem);
	given->tls_server_name = memory_text(endpoint->tls_server_name);
}

struct own_keeper *own_keeper_new(const struct own_credentials_config *config,
				  const struct member_access *access)
{
	struct own_keeper *keeper = memory_new(sizeof(*keeper));
	const struct own_bootstrap bootstrap = member_access_bootstrap(access);

	keeper->config = config;
	copy_given(&keeper->given, &access->endpoint);
	keeper->steps.config = config;
	keeper->steps.given = &keeper->given;
	keeper->steps.record = own_credential_new(config->hub_id, &bootstrap);
	keeper->steps.rotate_at = access->rotate_at;
	keeper->steps.ended = step_ended;
	keeper->steps.context = keeper;
	/* Beside a certificate a token decides nothing: who is asked is the certificate's. */
	if (secret_is_empty(&access->endpoint.token) ||
	    !secret_is_empty(&access->endpoint.client_cert_pem))
		keeper->steps.is_account = OWN_NO;
	return keeper;
}

void own_keeper_free(struct own_keeper *keeper)
{
	if (!keeper)
		return;
	loop_timer_clear(&keeper->timer);
	loop_timer_clear(&keeper->turn_timer);
	own_steps_done(&keeper->steps);
	kube_endpoint_done(&keeper->given);
	memory_free(keeper);
}

void own_keeper_update(struct own_keeper *keeper, const struct member_access *access)
{
	own_steps_rotate(&keeper->steps, access->rotate_at);
	look_soon(keeper);
}

const char *own_keeper_name(const struct own_keeper *keeper)
{
	return keeper->steps.record->name;
}

int64_t own_keeper_generation(const struct own_keeper *keeper)
{
	return keeper->uses_own ? keeper->steps.record->live : 0;
}

const struct secret *own_keeper_token(const struct own_keeper *keeper)
{
	return keeper->uses_own ? &keeper->steps.record->endpoint.token : NULL;
}

void own_keeper_offer(struct own_keeper *keeper, const struct own_credential *record)
{
	bool knows_better = keeper->begun && (keeper->busy || keeper->steps.record->uid);

	if (knows_better || keeper->steps.is_account == OWN_NO)
		return;
	own_steps_adopt(&keeper->steps, own_credential_dup(record));
	use_stored(keeper);
	look_soon(keeper);
}

void own_keeper_doubt(struct own_keeper *keeper)
{
	if (!keeper->begun || !keeper->steps.record->uid)
		return;
	keeper->steps.in_doubt = true;
	look_soon(keeper);
}

void own_keeper_begin(struct own_keeper *keeper)
{
	keeper->begun = true;
	if (keeper->steps.is_account == OWN_NO)
		own_steps_tell(&keeper->steps, "Normal", "OwnCredentialNotRenewed",
			       "own credential: not renewed, because the kubeconfig has a client "
			       "certificate");
	look_soon(keeper);
}

void own_keeper_wake(struct own_keeper *keeper)
{
	if (keeper->begun)
		look_soon(keeper);
}

static void turn(void *context)
{
	struct own_keeper *keeper = context;

	keeper->turned_ms = own_steps_now_ms(&keeper->steps);
	if (keeper->uses_own)
		keeper->refused = true;
	use(keeper, !keeper->uses_own);
	look_soon(keeper);
}

/* A member that takes neither may only be in a bad state: each is tried again and again. */
void own_keeper_refused(struct own_keeper *keeper)
{
	if (!keeper->begun || keeper->retired || keeper->steps.record->live == 0 ||
	    loop_timer_is_set(&keeper->turn_timer))
		return;
	if (keeper->uses_own)
		own_steps_tell(&keeper->steps, "Warning", "OwnCredentialRefused",
			       "own credential: the member does not take it, trying the one that "
			       "was given");
	loop_timer_set(keeper->config->loop, &keeper->turn_timer,
		       backoff_delay_ms(&turn_pace, keeper->turns++, chance_number()), turn,
		       keeper);
}

void own_keeper_retire(struct own_keeper *keeper)
{
	keeper->retired = true;
	loop_timer_clear(&keeper->timer);
	loop_timer_clear(&keeper->turn_timer);
}

bool own_keeper_is_busy(const struct own_keeper *keeper)
{
	return keeper->busy;
}

static bool member_is_ready(struct own_keeper *keeper)
{
	const struct access_executor *members = &keeper->config->members;
	struct member_facts facts =
		members->member(members->context, keeper->steps.record->profile_key);

	if (facts.state != MEMBER_READY || loop_timer_is_set(&keeper->turn_timer))
		return false;
	if (own_steps_now_ms(&keeper->steps) - keeper->turned_ms > TURNS_FORGOTTEN_MS)
		keeper->turns = 0; /* not for one answer: the next one may be a refusal again */
	if (keeper->uses_own && keeper->refused) {
		keeper->refused = false;
		keeper->steps.told = NULL;
	}
	return true;
}

/* Who has nothing to do there does not make us call the member. */
static bool needs_the_member(const struct own_credential_facts *facts)
{
	return facts->may_act && !facts->busy && facts->is_account != OWN_NO &&
	       (!facts->live || facts->refused || facts->taken || facts->stale_count > 0 ||
		facts->now_ms >= facts->renew_at_ms);
}

static struct own_credential_facts gather(struct own_keeper *keeper)
{
	const struct own_steps *steps = &keeper->steps;
	struct own_credential_facts facts = {
		.may_act = keeper->begun && !keeper->retired,
		.busy = keeper->busy,
		.others_are_gone = !keeper->config->leaves(keeper->config->context,
							   steps->record->profile_key),
		.in_doubt = steps->in_doubt,
		.lost = steps->record->live > 0 && !steps->record->uid,
		.live = steps->record->live > 0,
		.refused = keeper->refused,
		.taken = steps->taken,
		.anchored = steps->anchor_uid != NULL,
		.minted = !secret_is_empty(&steps->token),
		.proved = steps->proved,
		.cleared = steps->cleared >= steps->record->stale_count,
		.is_account = steps->is_account,
		.may_mint = steps->may_mint,
		.stale_count = steps->record->stale_count,
		.now_ms = clock_monotonic_ms(loop_clock(keeper->config->loop)),
		.renew_at_ms = steps->renew_at_ms,
		.mint_at_ms = steps->mint_at_ms,
		.retry_at_ms = steps->retry_at_ms,
		.clear_at_ms = steps->clear_at_ms,
		.ask_at_ms = steps->ask_at_ms,
	};

	facts.member_ready = needs_the_member(&facts) && member_is_ready(keeper);
	facts.refused = keeper->refused;
	return facts;
}

static void run(void *context)
{
	struct own_keeper *keeper = context;
	struct own_credential_facts facts;
	struct own_credential_plan plan;

	if (keeper->begun && !keeper->busy)
		use_stored(keeper);
	facts = gather(keeper);
	plan = own_credential_plan_next(&facts);
	if (plan.step == OWN_REST) {
		loop_timer_set(keeper->config->loop, &keeper->timer, plan.wake_at_ms - facts.now_ms,
			       run, keeper);
	} else if (plan.step != OWN_WAIT) {
		keeper->busy = true;
		own_steps_start(&keeper->steps, plan.step);
	}
}
