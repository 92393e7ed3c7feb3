#include "edge/lease.h"

#include <assert.h>

#include <base/clock.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>

#include "core/kube_path.h"
#include "core/lease_object.h"
#include "edge/kube_client.h"
#include "edge/loop.h"

static const struct kube_resource leases = {.group = "coordination.k8s.io",
					    .version = "v1",
					    .plural = "leases",
					    .kind = "Lease",
					    .namespaced = true};

struct lease {
	struct lease_config config;
	struct leader_election election;
	char *path;
	char *create_path;
	struct kube_call *call; /* NULL: none in flight */
	enum leader_act act;    /* of the call */
	int64_t sent_ms;
	struct loop_timer next_timer;
	struct loop_timer limit_timer;    /* of the try in flight */
	struct loop_timer deadline_timer; /* of the leadership */
};

static int64_t now_ms(const struct lease *lease)
{
	return clock_monotonic_ms(loop_clock(lease->config.loop));
}

static void go_on(void *context);

/* Also while a call is in flight: the deadline does not wait for it. */
static void deadline_came(void *context)
{
	struct lease *lease = context;

	leader_election_check(&lease->election, now_ms(lease));
	lease->config.changed(lease->config.context);
}

static void watch_deadline(struct lease *lease)
{
	int64_t deadline_ms = leader_election_deadline_ms(&lease->election);

	if (lease->election.phase == LEADER_LEADING && lease->election.waits)
		loop_timer_set(lease->config.loop, &lease->deadline_timer,
			       deadline_ms - now_ms(lease), deadline_came, lease);
	else
		loop_timer_clear(&lease->deadline_timer);
}

static void finish_try(struct lease *lease)
{
	lease->call = NULL;
	loop_timer_clear(&lease->limit_timer);
}

static void fail(struct lease *lease, const struct error *err)
{
	leader_election_failed(&lease->election, lease->sent_ms, now_ms(lease));
	lease->config.failed(lease->config.context, err);
	go_on(lease);
}

static void took_too_long(void *context)
{
	struct lease *lease = context;
	struct error err = {0};

	kube_call_cancel(lease->call);
	finish_try(lease);
	error_set(&err, ERROR_UNAVAILABLE, "the hub did not answer in time");
	fail(lease, &err);
}

static void learn(struct lease *lease, const struct kube_reply *reply)
{
	if (lease->act == LEADER_READ)
		leader_election_found(&lease->election, reply->err ? NULL : reply->object,
				      now_ms(lease));
	else if (reply->err)
		leader_election_conflicted(&lease->election, now_ms(lease));
	else
		leader_election_written(&lease->election, reply->object, lease->sent_ms);
}

static bool is_an_answer(const struct lease *lease, const struct kube_reply *reply)
{
	enum kube_reason reason = reply->kube.reason;

	if (!reply->err)
		return true;
	if (lease->act == LEADER_CREATE)
		return reason == KUBE_REASON_ALREADY_EXISTS;
	return reason == KUBE_REASON_NOT_FOUND ||
	       (lease->act == LEADER_UPDATE && reason == KUBE_REASON_CONFLICT);
}

static void answered(void *context, const struct kube_reply *reply)
{
	struct lease *lease = context;

	finish_try(lease);
	if (!is_an_answer(lease, reply)) {
		fail(lease, reply->err);
		return;
	}
	learn(lease, reply);
	watch_deadline(lease);
	lease->config.changed(lease->config.context);
	go_on(lease);
}

static void try(struct lease *lease, enum leader_act act)
{
	static const enum kube_verb verbs[] = {
		[LEADER_READ] = KUBE_GET,
		[LEADER_CREATE] = KUBE_CREATE,
		[LEADER_UPDATE] = KUBE_PUT,
	};
	int64_t now_us = clock_wall_us(loop_clock(lease->config.loop));
	cleanup_json struct json *body =
		act == LEADER_READ
			? NULL
			: leader_election_lease(&lease->election, lease->config.namespace, now_us);

	lease->act = act;
	lease->sent_ms = now_ms(lease);
	lease->call = kube_client_start(lease->config.client,
					&(struct kube_request){.verb = verbs[act],
							       .path = act == LEADER_CREATE
									       ? lease->create_path
									       : lease->path,
							       .body = body},
					answered, lease);
	loop_timer_set(lease->config.loop, &lease->limit_timer,
		       leader_election_attempt_ms(&lease->election), took_too_long, lease);
}

static void go_on(void *context)
{
	struct lease *lease = context;
	struct leader_step step;

	if (lease->call)
		return;
	step = leader_election_next(&lease->election, now_ms(lease));
	if (step.act != LEADER_WAIT)
		try(lease, step.act);
	else if (step.at_ms >= 0)
		loop_timer_set(lease->config.loop, &lease->next_timer, step.at_ms - now_ms(lease),
			       go_on, lease);
	else
		loop_timer_clear(&lease->next_timer);
}

struct lease *lease_new(const struct lease_config *config)
{
	struct lease *lease = memory_new(sizeof(*lease));
	struct error err = {0};
	bool built = kube_path_object(&leases, config->namespace, LEASE_NAME, NULL, &lease->path,
				      &err) &&
		     kube_path_create(&leases, config->namespace, &lease->create_path, &err);

	assert(built); /* the namespace is a checked flag */
	(void)built;
	lease->config = *config;
	leader_election_init(&lease->election, &config->timing, config->identity, config->waits);
	go_on(lease);
	return lease;
}

void lease_free(struct lease *lease)
{
	if (!lease)
		return;
	kube_call_cancel(lease->call);
	loop_timer_clear(&lease->next_timer);
	loop_timer_clear(&lease->limit_timer);
	loop_timer_clear(&lease->deadline_timer);
	leader_election_done(&lease->election);
	memory_free(lease->path);
	memory_free(lease->create_path);
	memory_free(lease);
}

const struct leader_election *lease_election(const struct lease *lease)
{
	return &lease->election;
}

void lease_want(struct lease *lease)
{
	leader_election_want(&lease->election, now_ms(lease));
	go_on(lease);
}

void lease_raise(struct lease *lease, int64_t at_least)
{
	leader_election_raise(&lease->election, at_least, now_ms(lease));
	go_on(lease);
}

void lease_release(struct lease *lease)
{
	leader_election_release(&lease->election, now_ms(lease));
	watch_deadline(lease);
	go_on(lease);
}
