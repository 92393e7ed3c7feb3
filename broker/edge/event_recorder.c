#include "edge/event_recorder.h"

#include <string.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/digest.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>

#include "core/access.h"
#include "core/access_news.h"
#include "core/event.h"
#include "core/kube_path.h"
#include "edge/kube_client.h"
#include "edge/own_credentials.h"

enum { IN_FLIGHT_MAX = 1000 };

struct event_recorder {
	struct kube_client *client;
	const struct clock *clock;
	const char *record_namespace;
	char instance[64];
	int64_t last_us; /* names of Events are made of the time: never the same twice */
	unsigned in_flight;
};

struct event_recorder *event_recorder_new(struct kube_client *client, const struct clock *clock,
					  const char *record_namespace)
{
	struct event_recorder *recorder = memory_new(sizeof(*recorder));
	char nonce[NONCE_SIZE];

	digest_nonce(nonce);
	recorder->client = client;
	recorder->clock = clock;
	recorder->record_namespace = record_namespace;
	memcpy(recorder->instance, "credbroker-", strlen("credbroker-"));
	memcpy(recorder->instance + strlen("credbroker-"), nonce, 16);
	return recorder;
}

void event_recorder_free(struct event_recorder *recorder)
{
	memory_free(recorder);
}

static void posted(void *context, const struct kube_reply *reply)
{
	struct event_recorder *recorder = context;

	(void)reply; /* a refused Event is nobody's problem but its own */
	recorder->in_flight--;
}

static int64_t next_us(struct event_recorder *recorder)
{
	int64_t now_us = clock_wall_us(recorder->clock);

	recorder->last_us = now_us > recorder->last_us ? now_us : recorder->last_us + 1;
	return recorder->last_us;
}

static void post(struct event_recorder *recorder, const struct json *event)
{
	const char *namespace = json_find_string(event, "metadata", "namespace");
	cleanup_free char *path = NULL;
	struct error err = {0};

	if (recorder->in_flight >= IN_FLIGHT_MAX ||
	    !kube_path_create(&KUBE_EVENTS, namespace, &path, &err))
		return;
	recorder->in_flight++;
	kube_client_start(recorder->client,
			  &(struct kube_request){.verb = KUBE_CREATE,
						 .path = path,
						 .body = event,
						 .accept = KUBE_METADATA_ONLY},
			  posted, recorder);
}

void event_recorder_post(struct event_recorder *recorder, const struct access_news *news)
{
	cleanup_json struct json *event = event_render(news, recorder->record_namespace,
						       recorder->instance, next_us(recorder));

	post(recorder, event);
}

void event_recorder_post_own(struct event_recorder *recorder, const char *namespace,
			     const struct own_news *news)
{
	const struct event_content content = {
		.api_version = "v1",
		.kind = "Secret",
		.namespace = namespace,
		.name = news->access_name,
		.uid = news->access_uid,
		.type = news->type,
		.action = "Renew",
		.reason = news->reason,
		.message = news->message,
	};
	cleanup_json struct json *event =
		event_render_content(&content, recorder->instance, next_us(recorder));

	post(recorder, event);
}
