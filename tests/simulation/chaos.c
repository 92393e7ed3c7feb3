#include "simulation/chaos.h"

#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/json.h>
#include <base/text.h>

#include "core/kube_path.h"
#include "simulation/hand_over.h"
#include "simulation/process.h"
#include "simulation/tenant.h"
#include "simulation/world.h"
#include "support/json_pattern.h"

enum { SETTLED_MS = 8 * 60 * 1000, RESTED_MS = 2 * 60 * 1000, EXCHANGE_MS = 61 * 1000 };

static int draw(struct world *world, int count)
{
	return (int)dice_between(&world->dice, 0, count - 1);
}

static struct member *draw_member(struct world *world)
{
	return &world->members[draw(world, world->member_count)];
}

/* Something that somebody else has made. */
static void plant(struct cluster *cluster, const char *path)
{
	cleanup_json struct json *object = json_pattern_parse("{'data':{'mine':'eWVz'}}");
	struct address address;

	if (address_parse(path, &address) && !cluster_find(cluster, &address))
		cluster_put(cluster, path, object);
}

static void plant_account(struct world *world)
{
	char path[128];
	const struct member *member = draw_member(world);

	snprintf(path, sizeof(path),
		 "/api/v1/namespaces/" WORLD_IDENTITY_NAMESPACE "/serviceaccounts/account-%d",
		 draw(world, world->slot_count));
	world_tell(world, "m%d gets another's %s", member->index, strrchr(path, '/') + 1);
	plant(world_cluster(world, member->index), path);
}

static void plant_secret(struct world *world)
{
	char path[128];
	int slot = draw(world, world->slot_count);

	snprintf(path, sizeof(path), "/api/v1/namespaces/team-%c/secrets/request-%d",
		 'a' + slot % WORLD_TEAMS, slot);
	world_tell(world, "the hub gets another's Secret request-%d", slot);
	plant(&world->hub, path);
}

static void uproot(struct cluster *cluster, const struct kube_resource *resource)
{
	for (size_t i = 0; i < cluster->count; i++)
		if (!cluster->things[i]->ours && cluster->things[i]->address.resource == resource) {
			cluster_delete(cluster, cluster->things[i]);
			return;
		}
}

static void uproot_one(struct world *world)
{
	uproot(world_cluster(world, draw_member(world)->index), &KUBE_SERVICE_ACCOUNTS);
	uproot(&world->hub, &KUBE_SECRETS);
}

static struct thing *draw_ours(struct world *world, const struct cluster *cluster,
			       const struct kube_resource *resource)
{
	size_t first = cluster->count ? (size_t)draw(world, (int)cluster->count) : 0;

	for (size_t i = 0; i < cluster->count; i++) {
		struct thing *thing = cluster->things[(first + i) % cluster->count];

		if (thing->ours && (!resource || thing->address.resource == resource))
			return thing;
	}
	return NULL;
}

/* By hand: something of ours goes. */
static void edit(struct world *world, struct cluster *cluster, struct thing *thing)
{
	struct wish *wish;
	struct address address;

	if (!thing)
		return;
	address = thing->address;
	wish = world_wish(world, json_find_string(thing->object, "metadata", "labels",
						  "credbroker.dev/request-uid"));
	if (wish)
		wish->edited_ms = world_now_ms(world);
	world_tell(world, "%s %s of %s is deleted by hand", address.resource->kind,
		   wish ? wish->key : "?", cluster->name);
	cluster_delete(cluster, thing);
}

static void edit_member(struct world *world)
{
	struct cluster *cluster = world_cluster(world, draw_member(world)->index);

	edit(world, cluster, draw_ours(world, cluster, NULL));
}

static void edit_hub(struct world *world)
{
	edit(world, &world->hub, draw_ours(world, &world->hub, &KUBE_SECRETS));
}

static void draw_storm(struct world *world, struct storm *storm)
{
	struct dice *dice = &world->dice;

	*storm = (struct storm){
		.refused = (int)dice_between(dice, 0, 40),
		.lost = (int)dice_between(dice, 0, 20),
		.answer_lost = (int)dice_between(dice, 0, 30),
		.slow = (int)dice_between(dice, 0, 20),
		.lag_ms = dice_hits(dice, 50) ? dice_between(dice, 100, 20000) : 0,
		.lists_short = dice_hits(dice, 30),
	};
}

static void turn_storm(struct world *world)
{
	int which = draw(world, world->member_count + 1) - 1;
	struct storm *storm = world_storm(world, which);
	bool blows = storm->refused || storm->lost || storm->answer_lost;

	if (blows)
		*storm = (struct storm){0};
	else
		draw_storm(world, storm);
	world_tell(world, "the storm at %d %s", which, blows ? "ends" : "begins");
}

static void turn_server(struct world *world)
{
	int which = draw(world, world->member_count + 1) - 1;
	bool *up = which < 0 ? &world->hub_up : &world->members[which].up;

	*up = !*up;
	world_tell(world, "server %d is %s", which, *up ? "up" : "down");
}

static void tell_routes(struct world *world, int member)
{
	world_disturb(world, member);
	world->members[member].moves += world->members[member].has_access;
	for (int i = 0; i < world->process_count; i++)
		if (world->processes[i].alive)
			route_change(&world->processes[i].routes[member]);
}

static void turn_access(struct world *world)
{
	struct member *member = draw_member(world);

	member->has_access = !member->has_access;
	world_tell(world, "access to m%d is %s", member->index,
		   member->has_access ? "given" : "taken away");
	tell_routes(world, member->index);
}

static void come_as_another(void *context, int64_t index)
{
	struct world *world = context;
	struct member *member = &world->members[index];

	if (!member->leaving)
		return;
	member->leaving = false;
	member->current = 1 - member->current;
	world_tell(world, "m%d is another cluster: %s", member->index,
		   member->clusters[member->current].name);
	world_disturb(world, member->index);
}

/* Away for longer than an identity is believed. */
static void exchange(struct world *world, struct member *member)
{
	member->leaving = true;
	agenda_add(&world->agenda, world_now_ms(world) + EXCHANGE_MS, come_as_another, world,
		   member->index);
}

static void exchange_one(struct world *world)
{
	exchange(world, draw_member(world));
}

static void turn_api(struct world *world)
{
	static const struct kube_resource *const resources[] = {
		&KUBE_AUTH_TOKEN_REQUESTS, &KUBE_ACCESS_POLICIES, &KUBE_CLUSTER_PROFILES,
		&KUBE_ISSUED_CREDENTIALS,  &KUBE_RBAC_TEMPLATES,
	};

	world->hub.unserved = world->hub.unserved ? NULL : resources[draw(world, 5)];
	world_tell(world, "the hub serves %s%s", world->hub.unserved ? "no " : "all",
		   world->hub.unserved ? world->hub.unserved->plural : "");
}

static void break_watches(struct world *world)
{
	struct process *process = &world->processes[draw(world, world->process_count)];

	world_tell(world, "b%d loses its watches", process->index);
	for (int i = 0; process->alive && i < FEED_COUNT; i++)
		if (dice_hits(&world->dice, 50))
			feed_break(&process->feeds[i]);
}

static void start_again(void *context, int64_t index)
{
	hand_over_begin(context, (int)index);
}

/* In the midst of its work, not between two events. */
static void kill_soon(void *context, int64_t index)
{
	struct world *world = context;
	struct dice dice = world_dice(world, "kill");

	process_kill(&world->processes[index]);
	agenda_add(&world->agenda, world_now_ms(world) + dice_between(&dice, 10, 20000),
		   start_again, world, index);
}

static void plan_kill(struct world *world)
{
	agenda_add(&world->agenda, world_now_ms(world) + dice_between(&world->dice, 0, 400),
		   kill_soon, world, draw(world, world->process_count));
}

static void recover(struct world *world)
{
	world->hub_up = true;
	world->hub_storm = (struct storm){0};
	world->hub.unserved = NULL;
	for (int i = 0; i < world->member_count; i++) {
		struct member *member = &world->members[i];
		bool had_access = member->has_access;

		member->up = member->has_access = true;
		member->storm = (struct storm){0};
		if (!had_access)
			tell_routes(world, i);
	}
	hand_over_begin(world, 0);
}

static void have_peace(struct world *world)
{
	world_tell(world, "peace");
	recover(world);
	world_pass(world, dice_between(&world->dice, 60 * 1000, 12 * 60 * 1000));
}

static void create_one(struct world *world)
{
	tenant_create(world, draw(world, world->slot_count));
}

static void delete_one(struct world *world)
{
	tenant_delete(world, draw(world, world->slot_count));
}

static void force_one(struct world *world)
{
	tenant_delete_by_force(world, draw(world, world->slot_count));
}

static void recreate_one(struct world *world)
{
	int slot = draw(world, world->slot_count);

	tenant_delete_by_force(world, slot);
	tenant_create(world, slot);
}

static void change_one(struct world *world)
{
	tenant_change(world, draw(world, world->slot_count));
}

static void turn_policy(struct world *world)
{
	tenant_turn_policy(world, draw(world, WORLD_TEAMS));
}

static void turn_profile(struct world *world)
{
	tenant_turn_profile(world, draw(world, world->member_count));
}

static const struct {
	int weight;
	void (*happen)(struct world *world);
} events[] = {
	{20, create_one},  {6, delete_one},    {3, force_one},     {4, recreate_one},
	{4, change_one},   {5, turn_policy},   {3, turn_profile},  {4, tenant_change_template},
	{2, plant_secret}, {2, plant_account}, {4, uproot_one},    {3, edit_member},
	{2, edit_hub},     {10, turn_storm},   {8, turn_server},   {3, turn_access},
	{3, exchange_one}, {3, turn_api},      {3, break_watches}, {7, plan_kill},
	{5, have_peace},   {10, hand_over},
};

static int total_weight(void)
{
	int total = 0;

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		total += events[i].weight;
	return total;
}

/* Mostly a moment, sometimes long. */
static int64_t draw_gap_ms(struct world *world)
{
	int which = draw(world, 200);

	if (which < 150)
		return dice_between(&world->dice, 0, 1500);
	if (which < 190)
		return dice_between(&world->dice, 1500, 20 * 1000);
	if (which < 199)
		return dice_between(&world->dice, 20 * 1000, 180 * 1000);
	return dice_between(&world->dice, 10 * 60 * 1000, 40 * 60 * 1000);
}

void chaos_strike(struct world *world)
{
	int which;
	size_t i = 0;

	world->dice = world_dice(world, "event %lld", (long long)world->event_count++);
	which = draw(world, total_weight());

	for (; which >= events[i].weight; i++)
		which -= events[i].weight;
	events[i].happen(world);
	world->dice = world_dice(world, "gap %lld", (long long)world->event_count);
	world_pass(world, draw_gap_ms(world));
}

void chaos_begin(struct world *world)
{
	tenant_settle(world);
	if (dice_hits(&world->dice, 30))
		plant_account(world);
	if (dice_hits(&world->dice, 30))
		plant_secret(world);
	process_start(world, 0);
	for (int i = draw(world, 4); i > 0; i--)
		create_one(world);
	world_pass(world, dice_between(&world->dice, 0, 10000));
}

void chaos_rest(struct world *world)
{
	recover(world);
	for (int i = 0; i < world->process_count; i++) {
		process_kill(&world->processes[i]);
		process_start(world, i);
	}
	world_pass(world, RESTED_MS);
}

void chaos_end(struct world *world)
{
	world_tell(world, "the end begins");
	recover(world);
	for (int slot = 0; slot < world->slot_count; slot++)
		tenant_delete(world, slot);
	world_pass(world, SETTLED_MS);
	for (int i = 0; i < world->member_count; i++)
		exchange(world, &world->members[i]);
	world_pass(world, SETTLED_MS);
}
