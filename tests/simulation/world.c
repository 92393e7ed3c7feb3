#include "simulation/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <base/memory.h>
#include <base/text.h>

#include "simulation/collector.h"
#include "simulation/deadline.h"
#include "simulation/process.h"
#include "simulation/record.h"
#include "simulation/wire.h"

enum { TURNS_MAX = 200000, CALLS_MAX = 8000 };

static void hub_changed(void *context)
{
	struct world *world = context;

	world->hub.notes[world->hub.note_count - 1].at_ms = world_now_ms(world);
	collector_wake(world);
	for (int i = 0; i < world->process_count; i++)
		for (int k = 0; world->processes[i].alive && k < FEED_COUNT; k++)
			feed_wake(&world->processes[i].feeds[k]);
}

static void member_init(struct world *world, int index)
{
	static const char *const names[WORLD_MEMBERS_MAX][2] = {
		{"m0", "m0x"}, {"m1", "m1x"}, {"m2", "m2x"}};
	struct member *member = &world->members[index];

	member->index = index;
	member->up = member->has_access = true;
	snprintf(member->profile_key, sizeof(member->profile_key), "fleet-system/member-%d", index);
	for (int i = 0; i < 2; i++)
		cluster_init(&member->clusters[i], names[index][i]);
}

struct world *world_new(uint64_t seed, int brokers, bool traced)
{
	static const char key[] = "0123456789abcdef0123456789abcdef";
	struct world *world = memory_new(sizeof(*world));

	world->seed = seed;
	world->traced = traced;
	world->luck = dice_of(seed);
	world->dice = world_dice(world, "world");
	fake_clock_init(&world->clock);
	world->key = secret_from_bytes(key, sizeof(key) - 1);
	world->settings = (struct access_settings){
		.hub_id = "hub-1",
		.namespace = WORLD_BROKER_NAMESPACE,
		.identity_namespace = WORLD_IDENTITY_NAMESPACE,
		.credential_check_interval_ms = 600 * 1000,
	};
	if (brokers > 1 || seed % 2 == 0) /* else nonces are drawn, as where the key is denied */
		world->settings.nonce_key = &world->key;
	cluster_init(&world->hub, "hub");
	world->hub.keeps_notes = true;
	world->hub.noted = hub_changed;
	world->hub.context = world;
	world->hub_up = true;
	world->member_count = (int)dice_between(&world->dice, 1, WORLD_MEMBERS_MAX);
	world->slot_count =
		(int)dice_between(&world->dice, 1, dice_between(&world->dice, 1, WORLD_SLOTS_MAX));
	for (int i = 0; i < world->member_count; i++)
		member_init(world, i);
	world->process_count = brokers;
	return world;
}

void world_free(struct world *world)
{
	wire_done(world);
	agenda_done(&world->agenda);
	for (int i = 0; i < world->process_count; i++)
		process_kill(&world->processes[i]);
	cluster_done(&world->hub);
	for (int i = 0; i < world->member_count; i++)
		for (int k = 0; k < 2; k++)
			cluster_done(&world->members[i].clusters[k]);
	for (size_t i = 0; i < world->token_count; i++)
		memory_free(world->tokens[i].text);
	memory_free(world->tokens);
	secret_done(&world->key);
	memory_free(world);
}

struct dice world_dice(struct world *world, const char *format, ...)
{
	char subject[256];
	uint64_t hash = 0xcbf29ce484222325U;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(subject, sizeof(subject), format, arguments);
	va_end(arguments);
	for (const char *c = subject; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 0x100000001b3U;
	return dice_for(&world->luck, hash, world->decided[hash % WORLD_SUBJECTS]++);
}

int64_t world_now_ms(const struct world *world)
{
	return world->clock.monotonic_ms;
}

void world_tell(const struct world *world, const char *format, ...)
{
	struct fake_clock origin;
	va_list arguments;
	int64_t ms;

	if (!world->traced)
		return;
	fake_clock_init(&origin);
	ms = world_now_ms(world) - origin.monotonic_ms;
	printf("%6lld.%03lld  ", (long long)(ms / 1000), (long long)(ms % 1000));
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

void world_fail(struct world *world, const char *format, ...)
{
	va_list arguments;

	if (world->failure[0])
		return;
	va_start(arguments, format);
	vsnprintf(world->failure, sizeof(world->failure), format, arguments);
	va_end(arguments);
	world_tell(world, "BROKEN %s", world->failure);
}

struct wish *world_wish(struct world *world, const char *uid)
{
	for (size_t i = world->wish_count; i > 0; i--)
		if (text_same(world->wishes[i - 1].uid, uid))
			return &world->wishes[i - 1];
	return NULL;
}

struct member *world_member(struct world *world, const char *profile_key)
{
	for (int i = 0; i < world->member_count; i++)
		if (text_same(world->members[i].profile_key, profile_key))
			return &world->members[i];
	return NULL;
}

int64_t world_ahead_ms(const struct world *world, int member)
{
	enum { QUARTER_MS = 15 * 60 * 1000 };

	return ((int64_t)((world->seed + (uint64_t)member) % 3) - 1) * QUARTER_MS;
}

struct cluster *world_cluster(struct world *world, int member)
{
	if (member < 0)
		return &world->hub;
	return &world->members[member].clusters[world->members[member].current];
}

struct storm *world_storm(struct world *world, int member)
{
	return member < 0 ? &world->hub_storm : &world->members[member].storm;
}

void world_disturb(struct world *world, int member)
{
	if (member < 0)
		world->hub_disturbed_ms = world_now_ms(world);
	else
		world->members[member].disturbed_ms = world_now_ms(world);
}

static void sooner(int64_t *due_ms, int64_t other_ms)
{
	if (other_ms >= 0 && (*due_ms < 0 || other_ms < *due_ms))
		*due_ms = other_ms;
}

static void advance(struct world *world, int64_t ms)
{
	fake_clock_advance(&world->clock, ms);
	for (int i = 0; i < world->process_count; i++)
		fake_clock_advance(&world->processes[i].clock, ms);
}

static int64_t next_ms(const struct world *world)
{
	int64_t due_ms = agenda_next_ms(&world->agenda);

	for (int i = 0; i < world->process_count; i++)
		sooner(&due_ms, process_due_ms(&world->processes[i]));
	return due_ms;
}

static void turn(struct world *world)
{
	if (agenda_next_ms(&world->agenda) >= 0 &&
	    agenda_next_ms(&world->agenda) <= world_now_ms(world)) {
		struct agenda_item item = agenda_take(&world->agenda);

		item.act(item.context, item.detail);
	}
	for (int i = 0; i < world->process_count; i++)
		process_run(&world->processes[i]);
	record_look(world->record);
	deadline_check(world);
	if (++world->turns > TURNS_MAX || world->call_count > CALLS_MAX)
		world_fail(world, "restless: %lld calls", (long long)world->call_count);
}

void world_pass(struct world *world, int64_t ms)
{
	int64_t pause_ms =
		world->pause_max_ms && ms > world->pause_max_ms ? world->pause_max_ms : ms;
	int64_t end_ms = world_now_ms(world) + pause_ms;

	record_look(world->record);
	while (!world->failure[0]) {
		int64_t due_ms = next_ms(world);

		if (due_ms < 0 || due_ms > end_ms)
			break;
		if (due_ms > world_now_ms(world))
			advance(world, due_ms - world_now_ms(world));
		turn(world);
	}
	if (end_ms > world_now_ms(world) && !world->failure[0])
		advance(world, end_ms - world_now_ms(world));
}
