#include "simulation/feed.h"

#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>

#include "core/access_controller.h"
#include "core/hub_state.h"
#include "core/kube_path.h"
#include "core/store.h"
#include "simulation/process.h"
#include "simulation/world.h"

enum { GONE_MAX = 64 };

static const struct kube_resource *const resources[FEED_COUNT] = {
	&KUBE_AUTH_TOKEN_REQUESTS, &KUBE_CLUSTER_PROFILES, &KUBE_NAMESPACES,
	&KUBE_ACCESS_POLICIES,     &KUBE_RBAC_TEMPLATES,   &KUBE_ISSUED_CREDENTIALS,
};

static void put(struct feed *feed, const struct address *address, const struct json *object)
{
	char key[2 * ADDRESS_PART_SIZE];
	hub_state_read *reader = NULL;
	struct store *store =
		access_controller_store(feed->process->controller, feed->resource, &reader);
	struct error err = {0};
	void *shown = object ? reader(object, &err) : NULL;

	address_key(address, key);
	if (shown)
		store_put(store, key, shown);
	else
		store_remove(store, key);
	access_controller_changed(feed->process->controller, feed->resource, key);
}

static bool is_current(const struct feed *feed, int64_t life)
{
	return feed->process->alive && feed->process->life == (unsigned)life;
}

static void list(void *context, int64_t life);

static struct dice draw_dice(const struct feed *feed)
{
	return world_dice(feed->process->world, "b%d watches %s", feed->process->index,
			  feed->resource->plural);
}

static void list_later(struct feed *feed, int64_t least_ms, int64_t most_ms)
{
	struct world *world = feed->process->world;
	struct dice dice = draw_dice(feed);

	agenda_add(&world->agenda, world_now_ms(world) + dice_between(&dice, least_ms, most_ms),
		   list, feed, feed->process->life);
}

struct gone {
	char *keys[GONE_MAX];
	int count;
};

static void remember(void *context, const char *key)
{
	struct gone *gone = context;

	if (gone->count < GONE_MAX)
		gone->keys[gone->count++] = memory_text(key);
}

static void take_list(struct feed *feed)
{
	struct world *world = feed->process->world;
	struct cluster *hub = &world->hub;
	hub_state_read *reader = NULL;
	struct store *store =
		access_controller_store(feed->process->controller, feed->resource, &reader);
	struct gone gone = {0};
	struct dice dice = draw_dice(feed);

	feed->is_short = false;
	store_replace_begin(store);
	for (size_t i = 0; i < hub->count; i++) {
		const struct thing *thing = hub->things[i];

		if (thing->address.resource != feed->resource)
			continue;
		if (world->hub_storm.lists_short && feed->synced && dice_hits(&dice, 50))
			feed->is_short = true;
		else
			put(feed, &thing->address, thing->object);
	}
	store_replace_end(store, remember, &gone);
	for (int i = 0; i < gone.count; i++) {
		access_controller_changed(feed->process->controller, feed->resource, gone.keys[i]);
		memory_free(gone.keys[i]);
	}
	feed->version = hub->version;
}

static void list(void *context, int64_t life)
{
	struct feed *feed = context;
	struct world *world = feed->process->world;
	struct dice dice = draw_dice(feed);

	if (process_puts_off(feed->process, list, context, life))
		return;
	if (!is_current(feed, life) || (feed->listed && !feed->is_short))
		return;
	if (!world->hub_up || world->hub.unserved == feed->resource ||
	    dice_hits(&dice, world->hub_storm.refused)) {
		world_disturb(world, -1);
		list_later(feed, 500, 20000);
		return;
	}
	take_list(feed);
	world_tell(world, "b%d lists %s%s", feed->process->index, feed->resource->plural,
		   feed->is_short ? ", and some are missing" : "");
	feed->listed = true;
	if (feed->is_short)
		list_later(feed, 20000, 120000);
	world_disturb(world, -1);
	if (feed->synced)
		return;
	feed->synced = true;
	process_synced(feed->process);
}

static void show(void *context, int64_t version)
{
	struct feed *feed = context;
	const struct cluster *hub = &feed->process->world->hub;
	size_t first = hub->note_count;

	if (process_puts_off(feed->process, show, context, version))
		return;
	if (!feed->process->alive || !feed->listed || feed->version >= version)
		return;
	if (!feed->process->world->hub_up) {
		feed_break(feed);
		return;
	}
	while (first > 0 && hub->notes[first - 1].version > feed->version)
		first--;
	for (size_t i = first; i < hub->note_count; i++) {
		const struct note *note = &hub->notes[i];

		if (note->version <= version && note->address.resource == feed->resource)
			put(feed, &note->address, note->object);
	}
	feed->version = version;
}

void feed_wake(struct feed *feed)
{
	struct world *world = feed->process->world;
	const struct note *note = &world->hub.notes[world->hub.note_count - 1];
	int64_t lag_ms = world->hub_storm.lag_ms + feed->process->lag_ms;
	struct dice dice;

	if (!feed->process->alive || !feed->listed || note->address.resource != feed->resource)
		return;
	dice = draw_dice(feed);
	agenda_add(&world->agenda, world_now_ms(world) + dice_between(&dice, 2, 50 + lag_ms), show,
		   feed, note->version);
}

void feed_break(struct feed *feed)
{
	if (!feed->listed)
		return;
	feed->listed = false;
	list_later(feed, 500, 30000);
}

bool feed_is_true(const struct feed *feed)
{
	return feed->listed && !feed->is_short;
}

void feed_start(struct feed *feed, struct process *process, int index)
{
	*feed = (struct feed){.process = process, .resource = resources[index]};
	list_later(feed, 5, 300);
}
