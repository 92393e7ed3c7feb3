#include "simulation/calm.h"

#include "simulation/hand_over.h"
#include "simulation/world.h"

static bool is_stormy(const struct storm *storm)
{
	return storm->refused || storm->lost || storm->answer_lost || storm->slow ||
	       storm->lag_ms > 0 || storm->lists_short;
}

static bool is_working(const struct process *process)
{
	for (int i = 0; process->begun && i < FEED_COUNT; i++)
		if (!feed_is_true(&process->feeds[i]))
			return false;
	return process->begun;
}

void calm_update(struct world *world)
{
	bool well = world->hub_up && !is_stormy(&world->hub_storm) && !world->hub.unserved;

	for (int i = 0; i < world->process_count; i++)
		well = well && (!world->processes[i].alive || is_working(&world->processes[i]));
	if (hand_over_count(world) > 1)
		world->alone_ms = world_now_ms(world);
	well = well && hand_over_count(world) == 1;
	if (!well)
		world_disturb(world, -1);
	for (int i = 0; i < world->member_count; i++)
		if (!world->members[i].up || world->members[i].leaving ||
		    !world->members[i].has_access || is_stormy(&world->members[i].storm))
			world_disturb(world, i);
}

int64_t calm_lasts_ms(const struct world *world, int member)
{
	int64_t since_ms = world->hub_disturbed_ms;

	if (member >= 0 && world->members[member].disturbed_ms > since_ms)
		since_ms = world->members[member].disturbed_ms;
	return world_now_ms(world) - since_ms;
}
