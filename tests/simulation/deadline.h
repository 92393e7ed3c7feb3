/* deadline.h - what holds soon after all is well, and at the end.
 *
 * "Soon" counts from when the hub, the brokers and the member concerned were well again. */
#ifndef SIMULATION_DEADLINE_H
#define SIMULATION_DEADLINE_H

struct world;

/* After each event. */
void deadline_check(struct world *world);
/* All requests were deleted and all has been well for long: nothing of ours is left. */
void deadline_check_end(struct world *world);

#endif
