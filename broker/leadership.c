#include "leadership.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <base/clock.h>
#include <base/digest.h>
#include <base/error.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/lease_object.h"
#include "edge/http_client.h"
#include "edge/lease.h"
#include "edge/log.h"
#include "edge/loop.h"
#include "health_service.h"
#include "options.h"

enum {
	HOST_SIZE = 65,
	RANDOM_SIZE = 16, /* hex digits */
};

struct leadership {
	struct leadership_config config;
	struct lease *lease;
	char identity[HOST_SIZE + 1 + NONCE_SIZE];
	char *holder;            /* the last one that was told */
	struct error failure;    /* the last one that was told, until a try succeeds */
	enum leader_phase phase; /* the last one that was told */
	bool refused;            /* leadership_allows() has said no */
	int64_t answered_at_ms;  /* when something was learnt of the Lease; 0: not yet */
};

static int64_t now_ms(const struct leadership *leadership)
{
	return clock_monotonic_ms(loop_clock(leadership->config.loop));
}

/* The name of the pod, and what tells this process from the one before in it. */
static void make_identity(struct leadership *leadership)
{
	char host[HOST_SIZE] = "";
	char nonce[NONCE_SIZE];

	gethostname(host, sizeof(host) - 1);
	digest_nonce(nonce);
	nonce[RANDOM_SIZE] = '\0';
	snprintf(leadership->identity, sizeof(leadership->identity), "%s_%s", host, nonce);
}

static void tell_leading(const struct leadership *leadership)
{
	char epoch[24];

	snprintf(epoch, sizeof(epoch), "%lld", (long long)lease_election(leadership->lease)->epoch);
	log_event(LOG_LEVEL_INFO, "leading", "identity", leadership->identity, "epoch", epoch,
		  NULL);
}

static void tell_holder(struct leadership *leadership)
{
	const struct leader_election *election = lease_election(leadership->lease);
	const char *holder = lease_object_holder(election->lease);

	if (!election->waits || !election->wants || *holder == '\0' ||
	    text_same(leadership->holder, holder))
		return;
	memory_free(leadership->holder);
	leadership->holder = memory_text(holder);
	log_event(LOG_LEVEL_INFO, "standing by", "identity", leadership->identity, "holder", holder,
		  NULL);
}

static void lose(struct leadership *leadership)
{
	const struct leader_election *election = lease_election(leadership->lease);
	const char *holder = lease_object_holder(election->lease);
	struct error err = {0};

	if (strcmp(holder, leadership->identity) == 0)
		error_set(&err, ERROR_UNAVAILABLE, "leadership is lost: not renewed for %lld s",
			  (long long)election->timing.renew_ms / 1000);
	else
		error_set(&err, ERROR_CONFLICT, "leadership is lost to \"%.120s\"", holder);
	log_event(LOG_LEVEL_ERROR, "leadership is lost: ending", "identity", leadership->identity,
		  "holder", holder, "error", err.text, NULL);
	leadership->config.lost(leadership->config.context, &err);
}

static void enter(struct leadership *leadership, enum leader_phase phase)
{
	const struct leadership_config *config = &leadership->config;

	leadership->phase = phase;
	leadership->refused = false;
	if (phase == LEADER_LEADING) {
		tell_leading(leadership);
		config->gained(config->context);
	} else if (phase == LEADER_LOST) {
		lose(leadership);
	} else if (phase == LEADER_RELEASED) {
		config->released(config->context);
	}
}

static bool is_open(void *context);

static void lease_changed(void *context)
{
	struct leadership *leadership = context;
	const struct leader_election *election = lease_election(leadership->lease);

	leadership->answered_at_ms = now_ms(leadership);
	leadership->failure = (struct error){0};
	if (election->phase != leadership->phase) {
		enter(leadership, election->phase);
	} else if (election->phase == LEADER_CANDIDATE) {
		tell_holder(leadership);
	} else if (leadership->refused && is_open(leadership)) {
		leadership->refused = false;
		leadership->config.gained(leadership->config.context);
	}
}

static void lease_failed(void *context, const struct error *err)
{
	struct leadership *leadership = context;

	if (strcmp(leadership->failure.text, err->text) == 0)
		return;
	leadership->failure = *err;
	log_event(LOG_LEVEL_WARNING, "the lease cannot be read or written, trying again", "kind",
		  error_kind_name(err->kind), "error", err->text, NULL);
}

/* Before it leads nothing is done but dry runs and the making of the hub id. */
static bool is_open(void *context)
{
	const struct leadership *leadership = context;
	const struct leader_election *election = lease_election(leadership->lease);

	return election->phase == LEADER_CANDIDATE ||
	       leader_election_may_act(election, now_ms(leadership));
}

/* Who stands by is ready: it can lead, and its probes must not keep a rollout from going on. */
static void look(void *context)
{
	const struct leadership *leadership = context;
	const struct leader_election *election = lease_election(leadership->lease);
	int64_t now = now_ms(leadership);
	bool leads = election->phase == LEADER_LEADING;
	bool asks = leadership->answered_at_ms > 0 &&
		    now - leadership->answered_at_ms < election->timing.lease_ms;
	struct health_service *health = leadership->config.health;

	if (leads)
		health_service_set_ready(health, "leader-election", is_open(context),
					 "the lease was not renewed in time");
	else
		health_service_set_ready(health, "leader-election", election->waits && asks,
					 "the lease cannot be read or taken");
	health_service_remark(health, "leader-election", leads ? "leading" : "standing by");
	if (election->waits)
		health_service_set_live(health, "lease", !leader_election_is_overdue(election, now),
					"it leads past its lease");
}

struct leadership *leadership_new(const struct leadership_config *config)
{
	struct leadership *leadership = memory_new(sizeof(*leadership));

	leadership->config = *config;
	make_identity(leadership);
	leadership->lease = lease_new(&(struct lease_config){
		.client = config->client,
		.loop = config->loop,
		.namespace = config->options->namespace,
		.identity = leadership->identity,
		.timing = config->options->leader_timing,
		.waits = config->options->leader_elect,
		.changed = lease_changed,
		.failed = lease_failed,
		.context = leadership,
	});
	http_client_set_fence(config->http, is_open, leadership);
	health_service_on_look(config->health, look, leadership);
	return leadership;
}

void leadership_free(struct leadership *leadership)
{
	if (!leadership)
		return;
	http_client_set_fence(leadership->config.http, NULL, NULL);
	lease_free(leadership->lease);
	memory_free(leadership->holder);
	memory_free(leadership);
}

void leadership_want(struct leadership *leadership)
{
	lease_want(leadership->lease);
}

bool leadership_is_held(const struct leadership *leadership)
{
	return leadership && lease_election(leadership->lease)->phase == LEADER_LEADING;
}

bool leadership_allows(struct leadership *leadership)
{
	bool allows = leadership_is_held(leadership) && is_open(leadership);

	leadership->refused = !allows;
	return allows;
}

int64_t leadership_epoch(struct leadership *leadership, int64_t on_record)
{
	int64_t epoch = lease_election(leadership->lease)->epoch;

	if (on_record > epoch)
		lease_raise(leadership->lease, on_record + 1);
	return epoch;
}

void leadership_release(struct leadership *leadership)
{
	lease_release(leadership->lease);
}
