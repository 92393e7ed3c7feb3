#include "health_service.h"

#include <string.h>

#include <base/clock.h>
#include <base/error.h>
#include <base/memory.h>

#include "core/health.h"
#include "edge/http_server.h"
#include "edge/kube_client.h"
#include "edge/log.h"
#include "edge/loop.h"

enum {
	BEAT_MS = 5 * 1000,
	BEATS_LATE_MS = 30 * 1000,
	ASK_MS = 10 * 1000,
	ANSWER_OLD_MS = 30 * 1000, /* more than a hiccup */
	STATUS_OK = 200,
	STATUS_UNAVAILABLE = 503,
	STATUS_SERVER_ERROR = 500,
};

struct health_service {
	struct loop *loop;
	struct kube_client *hub;
	struct http_server *server;
	struct health health;
	struct kube_call *call;      /* to the hub, in flight */
	void (*look)(void *context); /* NULL: nobody wants to */
	void *look_context;
	struct loop_timer beat_timer;
	struct loop_timer ask_timer;
	int64_t beat_at_ms;   /* monotonic */
	int64_t answer_at_ms; /* monotonic; 0: none yet */
};

static int64_t now_ms(const struct health_service *service)
{
	return clock_monotonic_ms(loop_clock(service->loop));
}

/* Descriptors are served, or nobody would be asking; that timers are, too, is seen here. */
static void beat(void *context)
{
	struct health_service *service = context;

	service->beat_at_ms = now_ms(service);
	loop_timer_set(service->loop, &service->beat_timer, BEAT_MS, beat, service);
}

static void ask_hub(void *context);

/* Also who refuses is there. */
static void hub_answered(void *context, const struct kube_reply *reply)
{
	struct health_service *service = context;

	service->call = NULL;
	if (reply->kube.status > 0 && reply->kube.status < STATUS_SERVER_ERROR)
		service->answer_at_ms = now_ms(service);
	loop_timer_set(service->loop, &service->ask_timer, ASK_MS, ask_hub, service);
}

static void ask_hub(void *context)
{
	struct health_service *service = context;

	service->call = kube_client_start(
		service->hub, &(struct kube_request){.verb = KUBE_GET, .path = "/version"},
		hub_answered, service);
}

static void look(struct health_service *service)
{
	bool beats = now_ms(service) - service->beat_at_ms < BEATS_LATE_MS;
	bool answers = service->answer_at_ms > 0 &&
		       now_ms(service) - service->answer_at_ms < ANSWER_OLD_MS;

	health_set(&service->health, HEALTH_LIVE, "loop", beats, "timers do not run");
	health_set(&service->health, HEALTH_READY, "hub", answers,
		   service->answer_at_ms > 0 ? "it has not answered for 30 s"
					     : "it has not answered yet");
}

static char *answer(void *context, const char *path, bool verbose, int *ret_status)
{
	struct health_service *service = context;
	bool live = strcmp(path, "/livez") == 0;
	enum health_probe probe = live ? HEALTH_LIVE : HEALTH_READY;

	if (!live && strcmp(path, "/readyz") != 0)
		return NULL;
	look(service);
	if (service->look)
		service->look(service->look_context);
	*ret_status = health_is_ok(&service->health, probe) ? STATUS_OK : STATUS_UNAVAILABLE;
	return health_text(&service->health, probe, path + 1, verbose);
}

struct health_service *health_service_new(struct loop *loop, struct kube_client *hub,
					  const char *address, struct error *err)
{
	struct health_service *service = memory_new(sizeof(*service));

	service->loop = loop;
	service->hub = hub;
	service->server = http_server_new(loop, address, answer, service, err);
	if (!service->server) {
		health_service_free(service);
		return NULL;
	}
	log_event(LOG_LEVEL_INFO, "listening for probes", "address",
		  http_server_address(service->server), NULL);
	beat(service);
	ask_hub(service);
	look(service);
	return service;
}

void health_service_free(struct health_service *service)
{
	if (!service)
		return;
	loop_timer_clear(&service->beat_timer);
	loop_timer_clear(&service->ask_timer);
	kube_call_cancel(service->call);
	http_server_free(service->server);
	memory_free(service);
}

void health_service_set_ready(struct health_service *service, const char *name, bool ok,
			      const char *reason)
{
	if (service)
		health_set(&service->health, HEALTH_READY, name, ok, reason);
}

void health_service_on_look(struct health_service *service, void (*look_first)(void *context),
			    void *context)
{
	if (!service)
		return;
	service->look = look_first;
	service->look_context = context;
}

void health_service_set_live(struct health_service *service, const char *name, bool ok,
			     const char *reason)
{
	if (service)
		health_set(&service->health, HEALTH_LIVE, name, ok, reason);
}

void health_service_remark(struct health_service *service, const char *name, const char *remark)
{
	if (service)
		health_remark(&service->health, name, remark);
}
