#include "simulation/hand_over.h"

#include "simulation/process.h"
#include "simulation/world.h"

enum {
	HAND_OVER_MAX_MS = 60 * 1000,
	PAUSE_MAX_MS = 40 * 1000,
	LAG_MAX_MS = 15 * 1000,
};

int hand_over_count(const struct world *world)
{
	int count = 0;

	for (int i = 0; i < world->process_count; i++)
		count += world->processes[i].alive;
	return count;
}

void hand_over_begin(struct world *world, int index)
{
	if (hand_over_count(world) == 0)
		process_start(world, index);
}

static void begin_again(void *context, int64_t index)
{
	hand_over_begin(context, (int)index);
}

static void end(void *context, int64_t life)
{
	struct world *world = context;

	for (int i = 0; i < world->process_count; i++) {
		struct process *process = &world->processes[i];

		if (!process->alive || process->life != (unsigned)life)
			continue;
		process_kill(process);
		agenda_add(&world->agenda, world_now_ms(world) + 1000, begin_again, world, i);
	}
}

/* What they know of the hub may be old. */
static void draw_lag(struct world *world, struct process *process)
{
	if (dice_hits(&world->dice, 50))
		process->lag_ms = dice_between(&world->dice, 0, LAG_MAX_MS);
}

void hand_over(struct world *world)
{
	struct process *old = &world->processes[0];
	int64_t overlap_ms = dice_between(&world->dice, 0, HAND_OVER_MAX_MS);
	int64_t pause_ms = dice_between(&world->dice, 0, PAUSE_MAX_MS);
	bool pauses = dice_hits(&world->dice, 50);

	if (world->process_count < 2 || hand_over_count(world) != 1)
		return;
	if (!old->alive)
		old = &world->processes[1];
	world->hand_over_count++;
	world_tell(world, "b%d hands over within %lld ms", old->index, (long long)overlap_ms);
	if (pauses)
		process_freeze(old, pause_ms);
	draw_lag(world, old);
	process_start(world, 1 - old->index);
	draw_lag(world, &world->processes[1 - old->index]);
	agenda_add(&world->agenda, world_now_ms(world) + overlap_ms, end, world, old->life);
}
