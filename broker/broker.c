#include "broker.h"

#include <signal.h>
#include <string.h>

#include <base/clock.h>
#include <base/error.h>
#include <base/memory.h>
#include <base/secret.h>

#include "admission_service.h"
#include "core/access.h"
#include "core/access_controller.h"
#include "core/access_news.h"
#include "core/own_credential.h"
#include "edge/event_recorder.h"
#include "edge/http_client.h"
#include "edge/hub_config.h"
#include "edge/hub_id.h"
#include "edge/hub_key.h"
#include "edge/kube_client.h"
#include "edge/log.h"
#include "edge/loop.h"
#include "edge/own_credentials.h"
#include "edge/push_executor.h"
#include "health_service.h"
#include "hub_connection.h"
#include "hub_watches.h"
#include "leadership.h"
#include "metrics_service.h"
#include "options.h"

enum {
	HUB_RETRY_MS = 2000,
	CA_CHECK_MS = 60 * 1000,
	STOP_MS = 1000, /* for the steps in flight, and the half of it for the Lease */
	HUB_TRIES = 5,  /* at start only; afterwards the hub may be away for as long as it likes */
};

struct broker {
	const struct options *options;
	const struct clock *clock;
	struct loop *loop;
	struct http_client *http;
	struct hub_connection hub;
	struct health_service *health;   /* NULL: nobody asks */
	struct metrics_service *metrics; /* the same */
	struct event_recorder *events;
	struct push_executor *executor;
	struct leadership *leadership;
	struct access_controller *controller;
	struct admission_service *admission;
	struct access_settings settings;
	char *hub_id;
	struct secret hub_key;
	struct hub_constant_search *hub_search; /* for its id, then for its key */
	struct hub_watches *watches;
	int synced; /* of two: all watches have a list, and the first word on admission */
	struct loop_timer work_timer;
	struct loop_timer retry_timer;
	struct loop_timer ca_timer;
	struct loop_timer stop_timer;
	int tries;
	bool begun;
	bool stopping;
	struct error fatal;
};

static void stop_now(void *context)
{
	loop_stop(((struct broker *)context)->loop);
}

/* With nothing in flight the Lease can be given back, so that the next one need not wait. */
static void stop_when_idle(struct broker *broker)
{
	if (!leadership_is_held(broker->leadership) ||
	    !access_controller_is_idle(broker->controller))
		return;
	leadership_release(broker->leadership);
	loop_timer_set(broker->loop, &broker->stop_timer, STOP_MS / 2, stop_now, broker);
}

static void work(void *context)
{
	struct broker *broker = context;
	int64_t due_ms;

	if (broker->stopping) {
		stop_when_idle(broker);
		return;
	}
	if (!leadership_allows(broker->leadership))
		return;
	access_controller_run(broker->controller);
	due_ms = access_controller_next_due_ms(broker->controller);
	if (due_ms >= 0 && !loop_timer_is_set(&broker->work_timer)) {
		int64_t delay_ms = due_ms - clock_monotonic_ms(broker->clock);

		loop_timer_set(broker->loop, &broker->work_timer, delay_ms > 0 ? delay_ms : 0, work,
			       broker);
	}
}

static void wake(void *context)
{
	struct broker *broker = context;

	loop_timer_set(broker->loop, &broker->work_timer, 0, work, broker);
}

static void tell(void *context, const struct access_news *news)
{
	struct broker *broker = context;
	const struct access *access = news->access;
	bool warning = strcmp(news->type, "Warning") == 0;

	log_event(warning ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, news->message, "request",
		  access ? access->request_key : NULL, "uid", access ? access->uid : NULL,
		  "clusterProfile", access ? access->profile_key : news->profile_key, "action",
		  news->action, "reason", news->reason, NULL);
	event_recorder_post(broker->events, news);
}

static void tell_own(void *context, const struct own_news *news)
{
	struct broker *broker = context;
	bool warning = strcmp(news->type, "Warning") == 0;

	log_event(warning ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, news->message, "memberAccess",
		  news->access_name, "uid", news->access_uid, "clusterProfile", news->profile_key,
		  "reason", news->reason, NULL);
	event_recorder_post_own(broker->events, broker->options->namespace, news);
}

static void member_changed(void *context, const char *profile_key)
{
	access_controller_member_changed(((struct broker *)context)->controller, profile_key);
}

static void access_replaced(void *context, const char *profile_key)
{
	access_controller_access_changed(((struct broker *)context)->controller, profile_key);
}

static void synced(void *context)
{
	struct broker *broker = context;

	if (++broker->synced == 2)
		leadership_want(broker->leadership);
}

static void gained(void *context)
{
	struct broker *broker = context;

	if (broker->begun) {
		wake(broker);
		return;
	}
	broker->begun = true;
	log_event(LOG_LEVEL_INFO, "ready", "hubID", broker->hub_id, NULL);
	access_controller_begin(broker->controller);
	own_credentials_begin(push_executor_own(broker->executor));
}

static void lost(void *context, const struct error *err)
{
	struct broker *broker = context;

	broker->fatal = *err;
	loop_stop(broker->loop);
}

static int64_t epoch(void *context, int64_t on_record)
{
	return leadership_epoch(((struct broker *)context)->leadership, on_record);
}

static void admission_answered(void *context, const struct admission_proof *proof, bool first)
{
	struct broker *broker = context;

	access_controller_admission_changed(broker->controller, proof);
	if (first)
		synced(broker);
}

static void start_hub(void *context, const struct kube_request *request, kube_done *done,
		      void *done_context)
{
	kube_client_start(((struct broker *)context)->hub.client, request, done, done_context);
}

static void build_controller(struct broker *broker)
{
	const struct options *options = broker->options;

	broker->settings = (struct access_settings){
		.hub_id = broker->hub_id,
		.namespace = options->namespace,
		.identity_namespace = options->identity_namespace,
		.profile_namespace = options->profile_namespace,
		.protected_patterns = options->protected_namespaces.items,
		.protected_count = options->protected_namespaces.count,
		.nonce_key = secret_is_empty(&broker->hub_key) ? NULL : &broker->hub_key,
		.member_check_interval_ms = options->member_check_interval_ms,
		.credential_check_interval_ms = options->credential_check_interval_ms,
		.sweep_interval_ms = options->sweep_interval_ms,
		.deletion_deadline_s = options->deletion_deadline_s,
		.renew_at_percent = options->renew_at_percent,
	};
	broker->controller = access_controller_new(&(struct access_controller_config){
		.hub = {.start = start_hub, .context = broker},
		.executor = push_executor_port(broker->executor),
		.clock = broker->clock,
		.settings = &broker->settings,
		.wake = wake,
		.epoch = epoch,
		.tell = tell,
		.context = broker,
	});
	metrics_service_watch(broker->metrics, broker->controller);
}

static void keep_own_credentials(struct broker *broker)
{
	const struct options *options = broker->options;

	push_executor_keep_own(broker->executor,
			       &(struct own_credentials_config){
				       .hub = {.start = start_hub, .context = broker},
				       .tell = tell_own,
				       .tell_context = broker,
				       .http = broker->http,
				       .loop = broker->loop,
				       .hub_id = broker->hub_id,
				       .namespace = options->namespace,
				       .lifetime_s = options->member_credential_lifetime_s,
				       .loopback_allowed = options->allow_loopback_members,
			       });
}

/* Before it is known, nothing is watched. */
static void tell_hub_id(struct broker *broker, bool known)
{
	health_service_set_ready(broker->health, "hub-id", known, "it is not known yet");
}

static void begin(struct broker *broker)
{
	tell_hub_id(broker, true);
	build_controller(broker);
	keep_own_credentials(broker);
	broker->watches = hub_watches_new(&(struct hub_watches_config){
		.client = broker->hub.client,
		.loop = broker->loop,
		.namespace = broker->options->namespace,
		.controller = broker->controller,
		.executor = broker->executor,
		.health = broker->health,
		.synced = synced,
		.context = broker,
	});
	broker->admission = admission_service_new(&(struct admission_service_config){
		.hub = {.start = start_hub, .context = broker},
		.loop = broker->loop,
		.namespace = broker->options->namespace,
		.health = broker->health,
		.answered = admission_answered,
		.context = broker,
	});
}

/* ERR ends the process, unless another try of FIND may help. */
static void try_again(struct broker *broker, const struct error *err, const char *what,
		      void (*find)(void *context))
{
	if (err->kind == ERROR_UNAVAILABLE && ++broker->tries < HUB_TRIES) {
		log_event(LOG_LEVEL_WARNING, "the hub does not answer, trying again", "error",
			  err->text, NULL);
		loop_timer_set(broker->loop, &broker->retry_timer, HUB_RETRY_MS, find, broker);
		return;
	}
	broker->fatal = *err;
	error_wrap(&broker->fatal, "find the %s in namespace %s", what, broker->options->namespace);
	loop_stop(broker->loop);
}

static void find_hub_key(void *context);

static void hub_key_answered(void *context, const char *key, const struct error *err)
{
	struct broker *broker = context;

	broker->hub_search = NULL;
	if (key) {
		broker->hub_key = secret_from_bytes(key, strlen(key));
		begin(broker);
	} else if (err->kind == ERROR_DENIED && ++broker->tries < HUB_TRIES) {
		/* a hub that has just started knows no roles yet */
		loop_timer_set(broker->loop, &broker->retry_timer, HUB_RETRY_MS, find_hub_key,
			       broker);
	} else if (err->kind == ERROR_DENIED) { /* rights of before there was a key */
		log_event(LOG_LEVEL_WARNING,
			  "the broker may not make or read the hub's key: members are not swept; "
			  "apply the output of credbroker hub-rbac again",
			  "reason", "HubKeyDenied", "error", err->text, NULL);
		begin(broker);
	} else {
		try_again(broker, err, "hub's key", find_hub_key);
	}
}

static void find_hub_key(void *context)
{
	struct broker *broker = context;

	broker->hub_search = hub_constant_find(
		&HUB_KEY, broker->hub.client, broker->options->namespace, hub_key_answered, broker);
}

static void take_hub_id(struct broker *broker, const char *hub_id)
{
	broker->hub_id = memory_text(hub_id);
	find_hub_key(broker);
}

static void find_hub_id(void *context);

static void hub_id_answered(void *context, const char *hub_id, const struct error *err)
{
	struct broker *broker = context;

	broker->hub_search = NULL;
	if (hub_id)
		take_hub_id(broker, hub_id);
	else
		try_again(broker, err, "hub id", find_hub_id);
}

static void find_hub_id(void *context)
{
	struct broker *broker = context;

	broker->hub_search = hub_constant_find(&HUB_ID, broker->hub.client,
					       broker->options->namespace, hub_id_answered, broker);
}

/* What is in flight may end; who is asked twice does not wait for it. */
static void end(struct broker *broker)
{
	if (broker->stopping || !leadership_is_held(broker->leadership)) {
		loop_stop(broker->loop);
		return;
	}
	broker->stopping = true;
	access_controller_end(broker->controller);
	loop_timer_set(broker->loop, &broker->stop_timer, STOP_MS, stop_now, broker);
	wake(broker);
}

static void stop(void *context)
{
	struct broker *broker = context;

	log_event(LOG_LEVEL_INFO, "stopping", NULL);
	end(broker);
}

/* A restart loses nothing, and is the one way in which no connection keeps the old trust. */
static void check_pod_ca(void *context)
{
	struct broker *broker = context;

	if (hub_config_pod_ca_changed(broker->options->pod_directory, &broker->hub.endpoint)) {
		log_event(LOG_LEVEL_WARNING, "the hub has another CA: ending, to be started again",
			  NULL);
		end(broker);
		return;
	}
	loop_timer_set(broker->loop, &broker->ca_timer, CA_CHECK_MS, check_pod_ca, broker);
}

static bool build_health(struct broker *broker, struct error *err)
{
	broker->health = health_service_new(broker->loop, broker->hub.client,
					    broker->options->health_address, err);
	if (broker->health)
		tell_hub_id(broker, false);
	return broker->health != NULL;
}

static bool build_metrics(struct broker *broker, struct error *err)
{
	broker->metrics = metrics_service_new(broker->loop, broker->executor,
					      broker->options->metrics_address, err);
	return broker->metrics != NULL;
}

static bool build(struct broker *broker, struct error *err)
{
	broker->clock = clock_system();
	broker->loop = loop_new(broker->clock, err);
	if (!broker->loop)
		return false;
	broker->http = http_client_new(broker->loop, err);
	if (!broker->http ||
	    !hub_connection_open(&broker->hub, broker->options, broker->http, broker->loop, err) ||
	    !loop_on_signal(broker->loop, SIGTERM, stop, broker, err) ||
	    !loop_on_signal(broker->loop, SIGINT, stop, broker, err))
		return false;
	if (broker->options->health_address && !build_health(broker, err))
		return false;
	broker->leadership = leadership_new(&(struct leadership_config){
		.options = broker->options,
		.loop = broker->loop,
		.http = broker->http,
		.client = broker->hub.lease_client,
		.health = broker->health,
		.gained = gained,
		.lost = lost,
		.released = stop_now,
		.context = broker,
	});
	broker->events =
		event_recorder_new(broker->hub.client, broker->clock, broker->options->namespace);
	broker->executor = push_executor_new(&(struct member_link_config){
		.http = broker->http,
		.loop = broker->loop,
		.loopback_allowed = broker->options->allow_loopback_members,
		.changed = member_changed,
		.replaced = access_replaced,
		.context = broker,
	});
	return !broker->options->metrics_address || build_metrics(broker, err);
}

struct broker *broker_new(const struct options *options, struct error *err)
{
	struct broker *broker = memory_new(sizeof(*broker));

	broker->options = options;
	if (!build(broker, err)) {
		broker_free(broker);
		return NULL;
	}
	return broker;
}

bool broker_run(struct broker *broker, struct error *err)
{
	log_event(LOG_LEVEL_INFO, "starting", "version", CREDBROKER_VERSION, "hub",
		  broker->hub.endpoint.server, "namespace", broker->options->namespace, NULL);
	if (!broker->options->kubeconfig)
		check_pod_ca(broker);
	if (broker->options->hub_id)
		take_hub_id(broker, broker->options->hub_id);
	else
		find_hub_id(broker);
	if (!loop_run(broker->loop, err))
		return false;
	if (broker->fatal.kind == ERROR_NONE)
		return true;
	*err = broker->fatal;
	return false;
}

void broker_free(struct broker *broker)
{
	if (!broker)
		return;
	loop_timer_clear(&broker->work_timer);
	loop_timer_clear(&broker->retry_timer);
	loop_timer_clear(&broker->ca_timer);
	loop_timer_clear(&broker->stop_timer);
	hub_watches_free(broker->watches);
	health_service_free(broker->health);
	metrics_service_free(broker->metrics);
	push_executor_free(broker->executor);
	leadership_free(broker->leadership);
	hub_connection_close(&broker->hub);
	hub_constant_abandon(broker->hub_search);
	event_recorder_free(broker->events);
	access_controller_free(broker->controller);
	admission_service_free(broker->admission);
	http_client_free(broker->http);
	loop_free(broker->loop);
	memory_free(broker->hub_id);
	secret_done(&broker->hub_key);
	memory_free(broker);
}
