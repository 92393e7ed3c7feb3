#include "edge/member_link.h"

#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/backoff.h"
#include "core/kube_path.h"
#include "core/member_clock.h"
#include "core/member_objects.h"
#include "edge/kube_client.h"
#include "edge/loop.h"
#include "edge/member_access.h"
#include "edge/member_time.h"

enum {
	CALLS_MAX = 8,                /* in flight on one member */
	IDENTITY_BELIEVED_MS = 60000, /* another cluster may come to answer under the address */
};

static const struct backoff retry_pace = {.first_ms = 500, .max_ms = 10000, .jitter_percent = 20};

struct member_link {
	struct member_link_config config;
	struct kube_client *client;
	struct loop_timer timer;
	char *profile_key;
	char *server;
	char *ca_pem;
	char *tls_server_name;
	struct cluster_facts cluster;

	enum member_state state;
	char *uid; /* of kube-system, as answered last */
	int64_t identified_at_ms;
	char detail[ERROR_TEXT_MAX];
	bool asking;
	unsigned attempts;
	struct member_clock clock;

	struct link_call *calls; /* on behalf of the core, in flight */
	bool retired;
};

struct link_call {
	struct link_call *next;
	struct link_call **place; /* the pointer that points here */
	struct member_link *link;
	kube_done *done;
	void *done_context;
	bool as_us; /* with our own identity */
};

struct member_link *member_link_new(const struct member_link_config *config,
				    const struct member_access *access, struct error *err)
{
	struct member_link *link = memory_new(sizeof(*link));

	link->config = *config;
	link->client = kube_client_new(config->http, config->loop,
				       &(struct kube_client_config){
					       .endpoint = &access->endpoint,
					       .calls_max = CALLS_MAX,
					       .body_max = HTTP_MEMBER_BODY_MAX,
					       .loopback_allowed = config->loopback_allowed,
				       },
				       err);
	if (!link->client) {
		memory_free(link);
		return NULL;
	}
	link->profile_key = memory_text(access->profile_key);
	link->server = memory_text(access->endpoint.server);
	link->ca_pem = memory_text(access->endpoint.ca_pem);
	link->tls_server_name = memory_text(access->endpoint.tls_server_name);
	link->cluster = (struct cluster_facts){
		.name = strchr(link->profile_key, '/') + 1,
		.server = link->server,
		.ca_pem = link->ca_pem,
		.tls_server_name = link->tls_server_name,
	};
	cluster_facts_seal(&link->cluster);
	link->state = MEMBER_CONNECTING;
	return link;
}

static void link_call_free(struct link_call *call)
{
	*call->place = call->next;
	if (call->next)
		call->next->place = call->place;
	memory_free(call);
}

void member_link_free(struct member_link *link)
{
	if (!link)
		return;
	loop_timer_clear(&link->timer);
	kube_client_free(link->client);
	while (link->calls)
		link_call_free(link->calls);
	memory_free(link->profile_key);
	memory_free(link->server);
	memory_free(link->ca_pem);
	memory_free(link->tls_server_name);
	memory_free(link->uid);
	memory_free(link);
}

static void free_when_idle(void *context)
{
	struct member_link *link = context;

	link->config.ended(link->config.context, link);
	member_link_free(link);
}

/* From a timer, because we may stand in the client's own callback. */
static void end_if_done(struct member_link *link)
{
	if (link->retired && !link->calls && !link->asking)
		loop_timer_set(link->config.loop, &link->timer, 0, free_when_idle, link);
}

void member_link_retire(struct member_link *link)
{
	link->retired = true;
	loop_timer_clear(&link->timer);
	end_if_done(link);
}

static void ask_identity(void *context);

static void enter(struct member_link *link, enum member_state state)
{
	bool other = link->state != state;

	link->state = state;
	if (other && !link->retired)
		link->config.changed(link->config.context, link->profile_key);
}

static void lose(struct member_link *link, const struct error *err)
{
	memcpy(link->detail, err->text, sizeof(link->detail));
	link->identified_at_ms = 0;
	if (!link->retired && !loop_timer_is_set(&link->timer)) {
		int64_t random = clock_monotonic_ms(loop_clock(link->config.loop));
		int64_t delay = backoff_delay_ms(&retry_pace, link->attempts++, (uint32_t)random);

		loop_timer_set(link->config.loop, &link->timer, delay, ask_identity, link);
	}
	enter(link, MEMBER_UNREACHABLE);
}

static void find(struct member_link *link, const char *uid)
{
	memory_free(link->uid);
	link->uid = memory_text(uid);
	link->identified_at_ms = clock_monotonic_ms(loop_clock(link->config.loop));
	link->attempts = 0;
	link->detail[0] = '\0';
	loop_timer_clear(&link->timer);
	enter(link, MEMBER_READY);
}

static void tell_refused(struct member_link *link, const struct kube_reply *reply)
{
	if (reply->kube.status == 401 && !link->retired)
		link->config.refused(link->config.context, link->profile_key);
}

static enum member_time_news take_time(struct member_link *link, const struct kube_reply *reply)
{
	enum member_time_news news = member_time_take(&link->clock, loop_clock(link->config.loop),
						      link->profile_key, reply);

	if (news == MEMBER_TIME_TOLD && !link->retired)
		link->config.changed(link->config.context, link->profile_key);
	return news;
}

static void identity_answered(void *context, const struct kube_reply *reply)
{
	struct member_link *link = context;
	const char *uid = member_object_uid(reply->object);
	struct error err = {0};

	bool asks_again = take_time(link, reply) == MEMBER_TIME_WANTED && !link->retired;

	link->asking = false;
	if (!reply->err && uid && asks_again) {
		ask_identity(link);
	} else if (!reply->err && uid) {
		find(link, uid);
	} else {
		err = reply->err ? *reply->err : err;
		error_set(&err, ERROR_INVALID, "the member's kube-system namespace has no UID");
		error_wrap(&err, "ask the member for its kube-system namespace");
		lose(link, &err);
		tell_refused(link, reply);
	}
	end_if_done(link);
}

static void ask_identity(void *context)
{
	struct member_link *link = context;
	cleanup_free char *path = NULL;
	struct error err = {0};

	if (link->asking || link->retired ||
	    !kube_path_object(&KUBE_NAMESPACES, NULL, "kube-system", NULL, &path, &err))
		return;
	link->asking = true;
	kube_client_start(link->client,
			  &(struct kube_request){.verb = KUBE_GET, .path = path, .urgent = true},
			  identity_answered, link);
}

struct member_facts member_link_facts(struct member_link *link)
{
	int64_t age_ms = clock_monotonic_ms(loop_clock(link->config.loop)) - link->identified_at_ms;
	struct member_facts facts;

	if (link->state == MEMBER_CONNECTING)
		ask_identity(link);
	if (link->state == MEMBER_READY && age_ms > IDENTITY_BELIEVED_MS) {
		link->state = MEMBER_CONNECTING;
		ask_identity(link);
	}
	facts = (struct member_facts){
		.state = link->state,
		.uid = link->state == MEMBER_READY ? link->uid : NULL,
		.detail = link->detail[0] ? link->detail : NULL,
		.skew_s = link->clock.told_s,
	};
	facts.clock_known = member_clock_offset_ms(&link->clock, &facts.clock_offset_ms);
	return facts;
}

bool member_link_is_up(const struct member_link *link)
{
	return link->identified_at_ms > 0; /* whether it has to be asked again or not */
}

bool member_link_skew_ms(const struct member_link *link, int64_t *ret_ms)
{
	const struct clock *clock = loop_clock(link->config.loop);

	if (link->clock.settled)
		*ret_ms = member_clock_skew_ms(&link->clock, clock_monotonic_ms(clock),
					       clock_wall_us(clock) / 1000);
	return link->clock.settled;
}

const struct cluster_facts *member_link_cluster(const struct member_link *link)
{
	return link->state == MEMBER_READY ? &link->cluster : NULL;
}

static void call_answered(void *context, const struct kube_reply *reply)
{
	struct link_call *finished = context;
	struct link_call call = *finished;

	link_call_free(finished);
	take_time(call.link, reply);
	/* An answer that breaks a cap is one caller's trouble, not the member's. */
	if (reply->err && reply->kube.status == 0 && reply->err->kind == ERROR_UNAVAILABLE)
		lose(call.link, reply->err);
	if (call.as_us)
		tell_refused(call.link, reply);
	call.done(call.done_context, reply);
	end_if_done(call.link);
}

void member_link_start(struct member_link *link, const struct kube_request *request,
		       kube_done *done, void *done_context)
{
	struct link_call *call = memory_new(sizeof(*call));
	bool as_us = request->bearer == NULL;

	*call = (struct link_call){link->calls, &link->calls, link, done, done_context, as_us};
	if (link->calls)
		link->calls->place = &call->next;
	link->calls = call;
	kube_client_start(link->client, request, call_answered, call);
}
