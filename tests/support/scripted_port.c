#include "support/scripted_port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include <base/base64.h>
#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/secret.h>
#include <base/text.h>

#include "core/member_clock.h"
#include "delivery/cluster_facts.h"
#include "support/sample_token.h"

enum { CALLS_MAX = 512, MEMBERS_MAX = 4 };

struct waiting {
	struct scripted_call call; /* its texts are ours */
	kube_done *done;
	void *done_context;
};

struct member {
	char *profile_key;
	char *uid;
	char *detail;
	enum member_state state;
};

struct scripted_port {
	struct waiting *waiting[CALLS_MAX];
	size_t count;
	struct member members[MEMBERS_MAX];
	size_t member_count;
	char *server;
	struct cluster_facts cluster;
	struct member_clock clock;
};

static const char *const verbs[] = {
	[KUBE_GET] = "GET",       [KUBE_LIST] = "LIST",   [KUBE_CREATE] = "POST",
	[KUBE_PUT] = "PUT",       [KUBE_APPLY] = "APPLY", [KUBE_PATCH_JSON] = "PATCH",
	[KUBE_DELETE] = "DELETE",
};

struct scripted_port *scripted_port_new(void)
{
	struct scripted_port *port = memory_new(sizeof(*port));

	scripted_port_set_server(port, "https://member-1.example:6443");
	return port;
}

void scripted_port_set_server(struct scripted_port *port, const char *server)
{
	memory_free(port->server);
	port->server = memory_text(server);
	port->cluster = (struct cluster_facts){
		.name = "member-1",
		.server = port->server,
		.ca_pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	};
	cluster_facts_seal(&port->cluster);
}

static void waiting_free(struct waiting *waiting)
{
	memory_free((char *)waiting->call.profile_key);
	memory_free((char *)waiting->call.path);
	memory_free((char *)waiting->call.bearer);
	memory_free((char *)waiting->call.accept);
	json_free((struct json *)waiting->call.body);
	memory_free(waiting);
}

void scripted_port_forget(struct scripted_port *port)
{
	for (size_t i = 0; i < port->count; i++)
		waiting_free(port->waiting[i]);
	port->count = 0;
}

static void member_done(struct member *member)
{
	memory_free(member->profile_key);
	memory_free(member->uid);
	memory_free(member->detail);
}

void scripted_port_free(struct scripted_port *port)
{
	if (!port)
		return;
	scripted_port_forget(port);
	for (size_t i = 0; i < port->member_count; i++)
		member_done(&port->members[i]);
	memory_free(port->server);
	memory_free(port);
}

void scripted_port_set_clock(struct scripted_port *port, const struct member_clock *clock)
{
	port->clock = *clock;
}

static struct member *find_member(struct scripted_port *port, const char *profile_key)
{
	for (size_t i = 0; i < port->member_count; i++)
		if (text_same(port->members[i].profile_key, profile_key))
			return &port->members[i];
	return NULL;
}

void scripted_port_set_member(struct scripted_port *port, const char *profile_key,
			      const struct member_facts *facts)
{
	struct member *member = find_member(port, profile_key);

	if (!member) {
		assert_true(port->member_count < MEMBERS_MAX);
		member = &port->members[port->member_count++];
	} else {
		member_done(member);
	}
	*member = (struct member){
		.profile_key = memory_text(profile_key),
		.uid = memory_text(facts->uid),
		.detail = memory_text(facts->detail),
		.state = facts->state,
	};
}

/* In a Secret on the hub a token is base64 of base64url, so the canary itself is found nowhere. */
static void refuse_canary(const char *place, const char *text)
{
	if (text && strstr(text, SAMPLE_TOKEN_CANARY))
		fail_msg("a token in the %s of a call: %s", place, text);
}

static void check_call(const struct scripted_call *call)
{
	cleanup_free char *body = NULL;
	size_t size;

	if (call->body)
		body = json_dump(call->body, &size);
	refuse_canary("path", call->path);
	refuse_canary("body", body);
	if (call->bearer && !(call->on_member && strstr(call->path, "/selfsubjectreviews")))
		fail_msg("a token is used for %s %s", call->verb, call->path);
	if (body && strstr(body, "\"token\":") &&
	    !(strstr(call->path, "/secrets") && !call->on_member))
		fail_msg("a token is written to %s %s", call->verb, call->path);
}

static void take_call(struct scripted_port *port, const char *profile_key,
		      const struct kube_request *request, kube_done *done, void *done_context)
{
	struct waiting *waiting = memory_new(sizeof(*waiting));

	*waiting = (struct waiting){
		.call = {.on_member = profile_key != NULL,
			 .profile_key = memory_text(profile_key),
			 .verb = verbs[request->verb],
			 .path = memory_text(request->path),
			 .body = request->body ? json_dup(request->body) : NULL,
			 .bearer = request->bearer ? memory_text(secret_expose(request->bearer))
						   : NULL,
			 .accept = memory_text(request->accept),
			 .with_managers = request->with_managers,
			 .urgent = request->urgent},
		.done = done,
		.done_context = done_context,
	};
	assert_true(port->count < CALLS_MAX);
	port->waiting[port->count++] = waiting;
	check_call(&waiting->call);
}

static void hub_start(void *context, const struct kube_request *request, kube_done *done,
		      void *done_context)
{
	take_call(context, NULL, request, done, done_context);
}

static void member_start(void *context, const char *profile_key, const struct kube_request *request,
			 kube_done *done, void *done_context)
{
	const struct member *member = find_member(context, profile_key);

	if (!member || member->state != MEMBER_READY)
		fail_msg("%s is called on %s, which is not ready", request->path, profile_key);
	take_call(context, profile_key, request, done, done_context);
}

static struct member_facts member_facts(void *context, const char *profile_key)
{
	struct scripted_port *port = context;
	const struct member *member = find_member(port, profile_key);
	struct member_facts facts;

	if (!member)
		return (struct member_facts){.state = MEMBER_NO_ACCESS};
	facts = (struct member_facts){
		.state = member->state, .uid = member->uid, .detail = member->detail};
	if (facts.state == MEMBER_READY)
		facts.clock_known = member_clock_offset_ms(&port->clock, &facts.clock_offset_ms);
	facts.skew_s = facts.clock_known ? port->clock.told_s : 0;
	return facts;
}

static const struct cluster_facts *member_cluster(void *context, const char *profile_key)
{
	struct scripted_port *port = context;
	const struct member *member = find_member(port, profile_key);

	return member && member->state == MEMBER_READY ? &port->cluster : NULL;
}

struct kube_port scripted_port_hub(struct scripted_port *port)
{
	return (struct kube_port){.start = hub_start, .context = port};
}

struct access_executor scripted_port_executor(struct scripted_port *port)
{
	return (struct access_executor){
		.member = member_facts,
		.cluster = member_cluster,
		.start = member_start,
		.context = port,
	};
}

const struct scripted_call *scripted_port_find(const struct scripted_port *port, bool on_member,
					       const char *verb, const char *path)
{
	for (size_t i = 0; i < port->count; i++) {
		const struct scripted_call *call = &port->waiting[i]->call;

		if (call->on_member == on_member && strcmp(call->verb, verb) == 0 &&
		    fnmatch(path, call->path, FNM_PATHNAME) == 0)
			return call;
	}
	return NULL;
}

const struct scripted_call *scripted_port_oldest(const struct scripted_port *port)
{
	return port->count > 0 ? &port->waiting[0]->call : NULL;
}

size_t scripted_port_waiting(const struct scripted_port *port)
{
	return port->count;
}

void scripted_port_tell(const struct scripted_port *port, struct text *text)
{
	for (size_t i = 0; i < port->count; i++) {
		const struct scripted_call *call = &port->waiting[i]->call;
		cleanup_free char *body = NULL;
		size_t size;

		body = call->body ? json_dump(call->body, &size) : memory_text("");
		text_appendf(text, "\n  %s %s %s %s", call->on_member ? "member" : "hub",
			     call->verb, call->path, body);
	}
}

static struct waiting *take_waiting(struct scripted_port *port, const struct scripted_call *call)
{
	for (size_t i = 0; i < port->count; i++) {
		struct waiting *waiting = port->waiting[i];

		if (&waiting->call != call)
			continue;
		memmove(&port->waiting[i], &port->waiting[i + 1],
			(port->count - i - 1) * sizeof(port->waiting[0]));
		port->count--;
		return waiting;
	}
	fail_msg("this call does not wait for an answer");
	return NULL;
}

static void classify(int status, const char *reason, struct kube_error *ret_error)
{
	cleanup_json struct json *object = json_object_new();
	cleanup_free char *body = NULL;
	size_t size;

	json_add_string(object, "kind", "Status");
	json_add_string(object, "reason", reason);
	body = json_dump(object, &size);
	kube_error_classify(status, reason ? "application/json" : "text/plain", body, size, -1,
			    ret_error);
}

void scripted_port_refuse(struct scripted_port *port, const struct scripted_call *call,
			  const char *policy)
{
	struct waiting *waiting = take_waiting(port, call);
	struct kube_reply reply = {.date_s = -1};
	struct error err = {0};

	classify(403, "Forbidden", &reply.kube);
	snprintf(reply.kube.denied_by, sizeof(reply.kube.denied_by), "%s", policy);
	kube_error_describe(&reply.kube, &err);
	reply.err = &err;
	waiting->done(waiting->done_context, &reply);
	waiting_free(waiting);
}

void scripted_port_answer(struct scripted_port *port, const struct scripted_call *call, int status,
			  const char *reason, const struct json *object)
{
	struct waiting *waiting = take_waiting(port, call);
	struct kube_reply reply = {.date_s = -1};
	struct error err = {0};

	classify(status, reason, &reply.kube);
	if (kube_error_describe(&reply.kube, &err))
		reply.object = object;
	else
		reply.err = &err;
	waiting->done(waiting->done_context, &reply);
	waiting_free(waiting);
}
