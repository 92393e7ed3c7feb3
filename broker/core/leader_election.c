#include "core/leader_election.h"

#include <stddef.h>
#include <string.h>

#include <base/error.h>
#include <base/json.h>

#include "core/lease_object.h"

enum {
	CONFLICTS_AT_ONCE = 3, /* more of them in a row, and it waits between two tries */
	RELEASED_S = 1,
	TOLERANCE_MS = 10 * 1000,
	EPOCH_MAX = INT32_MAX, /* as the API server stores it */
};

bool leader_election_check_timing(const struct leader_timing *timing, struct error *err)
{
	if (timing->lease_ms <= timing->renew_ms)
		return error_set(err, ERROR_INVALID,
				 "the lease duration must be longer than the renew deadline");
	if (timing->renew_ms * 10 <= timing->retry_ms * 12)
		return error_set(err, ERROR_INVALID,
				 "the renew deadline must be longer than 1.2 retry periods");
	return true;
}

void leader_election_init(struct leader_election *election, const struct leader_timing *timing,
			  const char *identity, bool waits)
{
	*election = (struct leader_election){
		.timing = *timing,
		.identity = identity,
		.waits = waits,
		.stale = true,
	};
}

void leader_election_done(struct leader_election *election)
{
	json_free(election->lease);
	election->lease = NULL;
}

void leader_election_want(struct leader_election *election, int64_t now_ms)
{
	election->wants = true;
	if (election->phase != LEADER_CANDIDATE)
		return;
	election->try_at_ms = now_ms;
	election->stale = !election->lease; /* what was seen last will do: else it conflicts */
}

void leader_election_raise(struct leader_election *election, int64_t at_least, int64_t now_ms)
{
	int64_t wanted = at_least < EPOCH_MAX ? at_least : EPOCH_MAX;

	if (election->phase != LEADER_LEADING || wanted <= election->epoch ||
	    wanted <= election->epoch_wanted)
		return;
	election->epoch_wanted = wanted;
	election->try_at_ms = now_ms;
}

void leader_election_release(struct leader_election *election, int64_t now_ms)
{
	if (election->phase == LEADER_CANDIDATE)
		election->phase = LEADER_RELEASED;
	if (election->phase != LEADER_LEADING)
		return;
	election->phase = LEADER_RELEASING;
	election->try_at_ms = now_ms;
}

static bool is_ours(const struct leader_election *election, const struct json *lease)
{
	return strcmp(lease_object_holder(lease), election->identity) == 0;
}

/* A Lease that vanished counts as it was last: its holder makes it anew. */
static bool may_take(const struct leader_election *election, int64_t now_ms)
{
	const struct json *lease = election->lease;
	int64_t duration_ms = lease_object_duration_ms(lease, election->timing.lease_ms);

	return election->wants &&
	       (!election->waits || !lease || *lease_object_holder(lease) == '\0' ||
		is_ours(election, lease) || now_ms - election->seen_at_ms >= duration_ms);
}

static struct leader_step wait_until(int64_t at_ms)
{
	return (struct leader_step){LEADER_WAIT, at_ms};
}

static struct leader_step act(enum leader_act which)
{
	return (struct leader_step){which, 0};
}

/* Twice in a retry period, so that a Lease that was given back is noticed soon. */
static struct leader_step look_again(struct leader_election *election, int64_t now_ms)
{
	int64_t free_at_ms = election->seen_at_ms +
			     lease_object_duration_ms(election->lease, election->timing.lease_ms);

	election->stale = true;
	election->try_at_ms = now_ms + election->timing.retry_ms / 2;
	if (election->wants && free_at_ms > now_ms && free_at_ms < election->try_at_ms)
		election->try_at_ms = free_at_ms;
	return wait_until(election->try_at_ms);
}

struct leader_step leader_election_next(struct leader_election *election, int64_t now_ms)
{
	leader_election_check(election, now_ms);
	if (election->phase == LEADER_LOST || election->phase == LEADER_RELEASED)
		return wait_until(-1);
	if (now_ms < election->try_at_ms)
		return wait_until(election->try_at_ms);
	if (election->stale)
		return act(LEADER_READ);
	if (election->phase == LEADER_CANDIDATE && !may_take(election, now_ms))
		return look_again(election, now_ms);
	return act(election->exists ? LEADER_UPDATE : LEADER_CREATE);
}

/* The epoch grows with each change of holder, also over a Lease that was deleted. */
static int64_t epoch_to_write(const struct leader_election *election)
{
	int64_t epoch = lease_object_transitions(election->lease);

	if (election->phase != LEADER_CANDIDATE)
		epoch = election->epoch;
	else if (!is_ours(election, election->lease) && epoch < EPOCH_MAX)
		epoch++;
	return epoch > election->epoch_wanted ? epoch : election->epoch_wanted;
}

struct json *leader_election_lease(const struct leader_election *election, const char *namespace,
				   int64_t now_us)
{
	bool releasing = election->phase == LEADER_RELEASING;

	return lease_object_render(
		election->exists ? election->lease : NULL, namespace,
		&(struct lease_terms){
			.holder = releasing ? "" : election->identity,
			.duration_s = releasing ? RELEASED_S : election->timing.lease_ms / 1000,
			.transitions = epoch_to_write(election),
			.taken = releasing || election->phase == LEADER_CANDIDATE,
		},
		now_us);
}

static void keep(struct leader_election *election, const struct json *lease)
{
	election->exists = lease != NULL;
	if (!lease)
		return;
	json_free(election->lease);
	election->lease = json_dup(lease);
}

void leader_election_found(struct leader_election *election, const struct json *lease,
			   int64_t now_ms)
{
	if (lease && (!election->lease || !lease_object_is_unchanged(election->lease, lease)))
		election->seen_at_ms = now_ms;
	keep(election, lease);
	election->stale = false;
	election->try_at_ms = now_ms;
	if (election->phase == LEADER_RELEASING && (!lease || !is_ours(election, lease)))
		election->phase = LEADER_RELEASED;
	if (election->phase == LEADER_LEADING && lease && !is_ours(election, lease))
		election->phase = LEADER_LOST;
}

void leader_election_written(struct leader_election *election, const struct json *lease,
			     int64_t sent_ms)
{
	keep(election, lease);
	election->stale = false;
	election->conflicts = 0;
	election->renewed_at_ms = sent_ms;
	election->try_at_ms = sent_ms + election->timing.retry_ms;
	election->epoch = lease_object_transitions(lease);
	if (election->phase == LEADER_CANDIDATE)
		election->phase = LEADER_LEADING;
	if (election->phase != LEADER_RELEASING)
		return;
	if (is_ours(election, lease)) /* a renewal was under way */
		election->try_at_ms = sent_ms;
	else
		election->phase = LEADER_RELEASED;
}

void leader_election_conflicted(struct leader_election *election, int64_t now_ms)
{
	bool at_once = ++election->conflicts < CONFLICTS_AT_ONCE;

	election->stale = true;
	election->try_at_ms = at_once ? now_ms : now_ms + election->timing.retry_ms / 2;
}

void leader_election_failed(struct leader_election *election, int64_t sent_ms, int64_t now_ms)
{
	int64_t again_ms = sent_ms + election->timing.retry_ms;

	if (election->phase == LEADER_CANDIDATE)
		election->stale = true;
	election->try_at_ms = again_ms > now_ms ? again_ms : now_ms;
}

int64_t leader_election_deadline_ms(const struct leader_election *election)
{
	return election->renewed_at_ms + election->timing.renew_ms;
}

void leader_election_check(struct leader_election *election, int64_t now_ms)
{
	if (election->waits && election->phase == LEADER_LEADING &&
	    now_ms >= leader_election_deadline_ms(election))
		election->phase = LEADER_LOST;
}

bool leader_election_may_act(const struct leader_election *election, int64_t now_ms)
{
	int64_t margin_ms = election->timing.renew_ms / 10;

	return (election->phase == LEADER_LEADING || election->phase == LEADER_RELEASING) &&
	       now_ms < leader_election_deadline_ms(election) - margin_ms;
}

bool leader_election_is_overdue(const struct leader_election *election, int64_t now_ms)
{
	return election->phase == LEADER_LEADING && election->waits &&
	       now_ms >= election->renewed_at_ms + election->timing.lease_ms + TOLERANCE_MS;
}

int64_t leader_election_attempt_ms(const struct leader_election *election)
{
	return election->timing.renew_ms * 3 / 10;
}
