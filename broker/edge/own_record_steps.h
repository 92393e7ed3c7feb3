/* own_record_steps.h - steps of an own credential on the hub: what is on record of it.
 *
 * Each tells steps->ended once, maybe before it returns. */
#ifndef EDGE_OWN_RECORD_STEPS_H
#define EDGE_OWN_RECORD_STEPS_H

struct own_steps;

/* After a write in doubt: what the hub has counts. */
void own_record_step_read(struct own_steps *steps);
/* The next generation. */
void own_record_step_take(struct own_steps *steps);
/* The token that was proved. */
void own_record_step_store(struct own_steps *steps);
/* What is known, though somebody deleted it. */
void own_record_step_write(struct own_steps *steps);
/* The stale anchors are gone. */
void own_record_step_settle(struct own_steps *steps);

#endif
