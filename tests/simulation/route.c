#include "simulation/route.h"

#include <stdio.h>
#include <string.h>

#include <base/json.h>
#include <base/text.h>

#include "core/access_controller.h"
#include "core/backoff.h"
#include "delivery/cluster_facts.h"
#include "simulation/process.h"
#include "simulation/wire.h"
#include "simulation/world.h"

enum { IDENTITY_BELIEVED_MS = 60000 };

static const struct backoff pace = {.first_ms = 500, .max_ms = 10000, .jitter_percent = 20};

const struct cluster_facts *route_cluster(const struct member *member)
{
	static struct cluster_facts facts[] = {
		{.name = "member", .server = "https://member.example:6443", .ca_pem = "CA"},
		{.name = "member", .server = "https://member.example:7443", .ca_pem = "CA"},
	};
	struct cluster_facts *found = &facts[member->moves % 2];

	cluster_facts_seal(found);
	return found;
}

static const char *profile_key(const struct route *route)
{
	return route->process->world->members[route->member].profile_key;
}

static void enter(struct route *route, enum member_state state)
{
	bool other = route->state != state;

	route->state = state;
	if (other)
		access_controller_member_changed(route->process->controller, profile_key(route));
}

static void ask(struct route *route);

static void ask_again(void *context, int64_t life)
{
	struct route *route = context;

	if (process_puts_off(route->process, ask_again, context, life))
		return;
	if (route->process->alive && route->life == (unsigned)life)
		ask(route);
}

void route_lose(struct route *route)
{
	struct world *world = route->process->world;
	unsigned attempts = route->attempts;

	if (route->state == MEMBER_NO_ACCESS)
		return;
	if (route->state != MEMBER_UNREACHABLE) {
		route->attempts++;
		agenda_add(&world->agenda,
			   world_now_ms(world) + backoff_delay_ms(&pace, attempts, attempts),
			   ask_again, route, route->life);
	}
	enter(route, MEMBER_UNREACHABLE);
}

static void answered(void *context, const struct kube_reply *reply)
{
	struct route *route = context;
	const char *uid = json_find_string(reply->object, "metadata", "uid");

	route->asking = false;
	if (route->state == MEMBER_NO_ACCESS)
		return;
	if (!uid) {
		route->state = MEMBER_CONNECTING;
		route_lose(route);
		return;
	}
	snprintf(route->uid, sizeof(route->uid), "%s", uid);
	route->identified_ms = world_now_ms(route->process->world);
	route->attempts = 0;
	enter(route, MEMBER_READY);
}

static void ask(struct route *route)
{
	if (route->asking || route->state == MEMBER_NO_ACCESS)
		return;
	route->asking = true;
	wire_send(
		route->process, route->member,
		&(struct kube_request){.verb = KUBE_GET, .path = "/api/v1/namespaces/kube-system"},
		answered, route);
}

static struct route *find(struct process *process, const char *key)
{
	for (int i = 0; key && i < process->world->member_count; i++)
		if (text_same(process->world->members[i].profile_key, key))
			return &process->routes[i];
	return NULL;
}

static struct member_facts member(void *context, const char *key)
{
	struct route *route = find(context, key);
	const struct fake_clock *clock;

	if (!route)
		return (struct member_facts){.state = MEMBER_NO_ACCESS};
	clock = &route->process->world->clock;
	if (route->state == MEMBER_READY &&
	    world_now_ms(route->process->world) - route->identified_ms > IDENTITY_BELIEVED_MS)
		route->state = MEMBER_CONNECTING;
	if (route->state == MEMBER_CONNECTING)
		ask(route);
	return (struct member_facts){
		.state = route->state,
		.uid = route->state == MEMBER_READY ? route->uid : NULL,
		.clock_known = route->state == MEMBER_READY,
		.clock_offset_ms = clock->wall_us / 1000 - clock->monotonic_ms +
				   world_ahead_ms(route->process->world, route->member),
	};
}

static const struct cluster_facts *cluster_of(void *context, const char *key)
{
	const struct route *route = find(context, key);

	return route && route->state == MEMBER_READY
		       ? route_cluster(&route->process->world->members[route->member])
		       : NULL;
}

static void start(void *context, const char *key, const struct kube_request *request,
		  kube_done *done, void *done_context)
{
	struct process *process = context;

	wire_send(process, find(process, key)->member, request, done, done_context);
}

struct access_executor route_executor(struct process *process)
{
	return (struct access_executor){
		.member = member, .cluster = cluster_of, .start = start, .context = process};
}

void route_start(struct route *route, struct process *process, int member_index)
{
	*route = (struct route){
		.process = process,
		.member = member_index,
		.state = process->world->members[member_index].has_access ? MEMBER_CONNECTING
									  : MEMBER_NO_ACCESS,
		.life = process->life,
	};
}

void route_change(struct route *route)
{
	bool given = route->process->world->members[route->member].has_access;

	route->state = given ? MEMBER_CONNECTING : MEMBER_NO_ACCESS;
	route->attempts = 0;
	access_controller_access_changed(route->process->controller, profile_key(route));
}
