#include "simulation/collector.h"

#include <base/json.h>

#include "core/kube_path.h"
#include "simulation/world.h"

static bool is_orphan(const struct cluster *hub, const struct thing *thing)
{
	const struct json *owners = json_find(thing->object, "metadata", "ownerReferences");
	const char *uid = json_find_string(json_item(owners, 0), "uid");

	return uid && !cluster_find_uid(hub, uid);
}

static void collect(void *context, int64_t unused)
{
	struct cluster *hub = &((struct world *)context)->hub;

	(void)unused;
	for (size_t i = hub->count; i > 0; i--)
		if (is_orphan(hub, hub->things[i - 1]))
			cluster_delete(hub, hub->things[i - 1]);
}

void collector_wake(struct world *world)
{
	const struct note *note = &world->hub.notes[world->hub.note_count - 1];

	if (!note->object && note->address.resource == &KUBE_AUTH_TOKEN_REQUESTS)
		agenda_add(&world->agenda,
			   world_now_ms(world) + dice_between(&world->dice, 100, 30000), collect,
			   world, 0);
}
