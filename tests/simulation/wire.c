#include "simulation/wire.h"

#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/secret.h>

#include "core/kube_path.h"
#include "simulation/invariant.h"
#include "simulation/process.h"
#include "simulation/record.h"
#include "simulation/server.h"
#include "simulation/trace.h"
#include "simulation/world.h"

enum { TIMEOUT_MS = 40000 };

enum fate {
	FATE_DONE,
	FATE_REFUSED,
	FATE_LOST,
	FATE_ANSWER_LOST,
	FATE_ANSWER_BROKEN, /* 500 or 504 after it was done */
};

static const char *const fates[] = {
	[FATE_DONE] = "late",
	[FATE_REFUSED] = "refused",
	[FATE_LOST] = "lost",
	[FATE_ANSWER_LOST] = "answer lost",
	[FATE_ANSWER_BROKEN] = "answer broken",
};

struct call {
	struct call *next;
	struct call **place; /* where the pointer to this call is */
	struct process *process;
	unsigned life;
	int member;
	struct server_call call;
	enum fate fate;
	struct dice dice;
	bool writes;
	bool sent;
	bool late; /* it takes long to get there */
	bool faulty;
	int64_t back_ms;
	struct answer answer;
	kube_done *done;
	void *done_context;
};

static const struct answer refusals[] = {
	{.status = 401, .reason = "Unauthorized"},
	{.status = 403, .reason = "Forbidden"},
	{.status = 404, .reason = NULL},
	{.status = 410, .reason = "Expired"},
	{.status = 429, .reason = "TooManyRequests"},
	{.status = 500, .reason = "InternalError"},
	{.status = 503, .reason = "ServiceUnavailable"},
	{.status = 504, .reason = "Timeout"},
	{.status = 409, .reason = "Conflict"}, /* last: only where it may be */
};

static void call_free(struct call *call)
{
	*call->place = call->next;
	if (call->next)
		call->next->place = call->place;
	memory_free(call->call.path);
	json_free(call->call.body);
	memory_free(call->call.bearer);
	memory_free(call);
}

void wire_done(struct world *world)
{
	while (world->calls)
		call_free(world->calls);
}

static void classify(const struct call *call, struct kube_error *ret_error)
{
	char body[128];
	int size = snprintf(body, sizeof(body), "{\"kind\":\"Status\",\"reason\":\"%s\"}",
			    call->answer.reason ? call->answer.reason : "");

	kube_error_classify(call->answer.status,
			    call->answer.reason ? "application/json" : "text/plain", body,
			    (size_t)size, -1, ret_error);
	ret_error->outcome_unknown = ret_error->outcome_unknown && call->writes && call->sent;
}

static void reply(void *context, int64_t unused)
{
	struct call *call = context;
	struct process *process = call->process;
	struct kube_reply answer = {.date_s = -1};
	struct error err = {0};

	if (process_puts_off(process, reply, context, unused))
		return;
	if (call->faulty)
		world_disturb(process->world, call->member);
	if (process->alive && process->life == call->life) {
		classify(call, &answer.kube);
		if (kube_error_describe(&answer.kube, &err))
			answer.object = call->answer.object;
		else
			answer.err = &err;
		trace_answer(process->world, process->index, call->member, &call->call,
			     call->answer.status);
		invariant_after_answer(process, &call->call, answer.object);
		if (call->answer.status == 0 && call->member >= 0)
			route_lose(&process->routes[call->member]);
		call->done(call->done_context, &answer);
	}
	call_free(call);
}

static void answer_in(struct call *call, int64_t ms)
{
	struct world *world = call->process->world;

	agenda_add(&world->agenda, world_now_ms(world) + ms, reply, call, 0);
}

static bool is_down(const struct world *world, int member)
{
	return member < 0 ? !world->hub_up
			  : !world->members[member].up || world->members[member].leaving;
}

static void arrive(void *context, int64_t unused)
{
	struct call *call = context;
	struct world *world = call->process->world;
	struct answer answer;

	(void)unused;
	if (call->late && (!call->process->alive || call->process->life != call->life)) {
		call_free(call); /* what was not yet on the wire dies with its sender */
		return;
	}
	if (is_down(world, call->member)) {
		call->faulty = true;
		answer_in(call, dice_between(&call->dice, 1, 10000));
		return;
	}
	call->sent = true;
	if (call->fate == FATE_REFUSED || call->fate == FATE_LOST) {
		answer_in(call, call->back_ms);
		return;
	}
	answer = server_answer(call->process, call->member, &call->call);
	if (call->fate == FATE_DONE)
		call->answer = answer;
	if (call->fate == FATE_ANSWER_BROKEN)
		call->answer = refusals[dice_hits(&call->dice, 50) ? 5 : 7];
	answer_in(call, call->back_ms);
}

static bool may_conflict(enum kube_verb verb)
{
	return verb == KUBE_PUT || verb == KUBE_APPLY || verb == KUBE_PATCH_JSON;
}

static void draw_fate(struct call *call)
{
	struct world *world = call->process->world;
	struct dice *dice = &call->dice;
	const struct storm *storm = world_storm(world, call->member);
	/* A 403 there says that the namespace is not opened: the core believes it. */
	bool believed = call->call.verb == KUBE_GET &&
			call->call.address.resource == &KUBE_SERVICE_ACCOUNTS;
	int64_t last = (int64_t)(sizeof(refusals) / sizeof(refusals[0])) -
		       (may_conflict(call->call.verb) ? 1 : 2);

	call->back_ms = dice_between(dice, 1, 20);
	if (dice_hits(dice, storm->slow))
		call->back_ms += dice_between(dice, 100, 30000);
	if (dice_hits(dice, storm->refused)) {
		call->fate = FATE_REFUSED;
		call->answer = refusals[dice_between(dice, believed ? 2 : 0, last)];
	} else if (dice_hits(dice, storm->lost)) {
		call->fate = FATE_LOST;
	} else if (dice_hits(dice, storm->answer_lost)) {
		call->fate = dice_hits(dice, 70) ? FATE_ANSWER_LOST : FATE_ANSWER_BROKEN;
	}
	if (call->fate == FATE_LOST || call->fate == FATE_ANSWER_LOST)
		call->back_ms = dice_hits(dice, 50) ? TIMEOUT_MS : dice_between(dice, 1, 500);
	call->faulty = call->fate != FATE_DONE || call->back_ms > 1000;
}

/* For the calls of this kind, by this broker, at this server. */
static void draw_dice(struct call *call)
{
	const struct kube_resource *resource = call->call.address.resource;
	char name[ADDRESS_PART_SIZE];

	trace_name(&call->call, name);
	call->dice =
		world_dice(call->process->world, "b%d %d %d %s %s %s", call->process->index,
			   call->member, (int)call->call.verb, resource ? resource->plural : "",
			   call->call.address.subresource, name);
}

void wire_send(struct process *process, int member, const struct kube_request *request,
	       kube_done *done, void *done_context)
{
	struct world *world = process->world;
	struct call *call = memory_new(sizeof(*call));
	int64_t out_ms;

	call->next = world->calls;
	call->place = &world->calls;
	if (call->next)
		call->next->place = &call->next;
	world->calls = call;
	call->process = process;
	call->life = process->life;
	call->member = member;
	call->call = (struct server_call){
		.verb = request->verb,
		.path = memory_text(request->path),
		.body = request->body ? json_dup(request->body) : NULL,
		.bearer = request->bearer ? memory_text(secret_expose(request->bearer)) : NULL,
	};
	address_parse(request->path, &call->call.address);
	call->writes = request->verb != KUBE_GET && request->verb != KUBE_LIST;
	call->done = done;
	call->done_context = done_context;
	draw_dice(call);
	draw_fate(call);
	world->call_count++;
	out_ms = dice_between(&call->dice, 1, 10);
	call->late = dice_hits(&call->dice, world_storm(world, member)->slow);
	if (call->late)
		out_ms += dice_between(&call->dice, 100, 8000);
	call->faulty = call->faulty || call->late;
	if (call->faulty)
		record_fault(world->record, member, &call->call, fates[call->fate],
			     call->answer.status, out_ms + call->back_ms);
	agenda_add(&world->agenda, world_now_ms(world) + out_ms, arrive, call, 0);
}
