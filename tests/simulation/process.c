#include "simulation/process.h"

#include "core/access.h"
#include "core/access_controller.h"
#include "core/access_news.h"
#include "core/admission_proof.h"
#include "simulation/wire.h"
#include "simulation/world.h"

enum { TURNS_MAX = 400, SKEW_MAX_S = 5 };

static void wake(void *context)
{
	(void)context; /* the world asks after each event */
}

static void hear(void *context, const struct access_news *news)
{
	const struct process *process = context;

	world_tell(process->world, "b%d says of %s: %s %s (%s)", process->index,
		   news->access->request_key, news->type, news->reason, news->message);
}

static void hub_start(void *context, const struct kube_request *request, kube_done *done,
		      void *done_context)
{
	wire_send(context, -1, request, done, done_context);
}

/* Its calendar is another one than that of hub and members. */
static void set_clock(struct process *process)
{
	struct world *world = process->world;
	struct dice dice = world_dice(world, "clock %d", process->index);

	fake_clock_init(&process->clock);
	process->clock.monotonic_ms = world->clock.monotonic_ms;
	process->clock.wall_us = world->clock.wall_us;
	if (world->process_count > 1)
		process->clock.wall_us += dice_between(&dice, -SKEW_MAX_S, SKEW_MAX_S) * 1000000;
}

void process_start(struct world *world, int index)
{
	struct process *process = &world->processes[index];

	*process = (struct process){
		.world = world, .index = index, .alive = true, .life = ++world->lives};
	set_clock(process);
	process->controller = access_controller_new(&(struct access_controller_config){
		.hub = {.start = hub_start, .context = process},
		.executor = route_executor(process),
		.clock = &process->clock.clock,
		.settings = &world->settings,
		.wake = wake,
		.tell = hear,
		.context = process,
	});
	for (int i = 0; i < world->member_count; i++)
		route_start(&process->routes[i], process, i);
	for (int i = 0; i < FEED_COUNT; i++)
		feed_start(&process->feeds[i], process, i);
	world_tell(world, "b%d starts", index);
}

void process_kill(struct process *process)
{
	if (!process->alive)
		return;
	world_tell(process->world, "b%d is killed", process->index);
	access_controller_free(process->controller);
	process->controller = NULL;
	process->alive = process->begun = false;
	process->world->kill_count++;
	process->world->killed_ms = world_now_ms(process->world);
}

void process_synced(struct process *process)
{
	for (int i = 0; i < FEED_COUNT; i++)
		if (!process->feeds[i].synced)
			return;
	process->begun = true;
	access_controller_admission_changed(process->controller,
					    &(struct admission_proof){.ready = true});
	access_controller_begin(process->controller);
}

int64_t process_due_ms(const struct process *process)
{
	int64_t due_ms = process->begun ? access_controller_next_due_ms(process->controller) : -1;

	return due_ms >= 0 && due_ms < process->frozen_until_ms ? process->frozen_until_ms : due_ms;
}

void process_freeze(struct process *process, int64_t ms)
{
	process->frozen_until_ms = world_now_ms(process->world) + ms;
	world_tell(process->world, "b%d stands still for %lld ms", process->index, (long long)ms);
}

bool process_puts_off(struct process *process, agenda_act *act, void *context, int64_t detail)
{
	struct world *world = process->world;

	if (!process->alive || process->frozen_until_ms <= world_now_ms(world))
		return false;
	agenda_add(&world->agenda, process->frozen_until_ms, act, context, detail);
	return true;
}

void process_run(struct process *process)
{
	for (int i = 0; i < TURNS_MAX; i++) {
		int64_t due_ms = process_due_ms(process);

		if (due_ms < 0 || due_ms > world_now_ms(process->world))
			return;
		access_controller_run(process->controller);
	}
	world_fail(process->world, "restless: b%d does not come to rest", process->index);
}
