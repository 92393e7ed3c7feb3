#include "edge/event_recorder.h"

#include <string.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/digest.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access.h"
#include "core/access_news.h"
#include "core/event.h"
#include "core/kube_path.h"
#include "edge/kube_client.h"

enum { IN_FLIGHT_MAX = 1000 };

struct event_recorder {
	struct kube_client *client;
	const struct clock *clock;
	char instance[64];
	int64_t last_us; /* names of Events are made of the time: never the same twice */
	unsigned in_flight;
};

struct event_recorder *event_recorder_new(struct kube_client *client, const struct clock *clock)
{
	struct event_recorder *recorder = memory_new(sizeof(*recorder));
	char nonce[NONCE_SIZE];

	digest_nonce(nonce);
	recorder->client = client;
	recorder->clock = clock;
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

void event_recorder_post(struct event_recorder *recorder, const struct access_news *news)
{
	const char *key = access_news_key(news);
	cleanup_free char *namespace = memory_bytes(key, strcspn(key, "/"));
	cleanup_json struct json *event = NULL;
	cleanup_free char *path = NULL;
	int64_t now_us = clock_wall_us(recorder->clock);
	struct error err = {0};

	if (recorder->in_flight >= IN_FLIGHT_MAX ||
	    !kube_path_create(&KUBE_EVENTS, namespace, &path, &err))
		return;
	recorder->last_us = now_us > recorder->last_us ? now_us : recorder->last_us + 1;
	recorder->in_flight++;
	event = event_render(news, recorder->instance, recorder->last_us);
	kube_client_start(recorder->client,
			  &(struct kube_request){.verb = KUBE_CREATE,
						 .path = path,
						 .body = event,
						 .accept = KUBE_METADATA_ONLY},
			  posted, recorder);
}
