/* check_steps.h - the step that asks the member whether it still takes a delivered credential.
 *
 * The token is read from the Secret on the hub, compared with the record, shown to the member it is
 * from, and wiped. A token that is not the one on record is shown to nobody. What is refused twice,
 * or was edited, is void: that is stored, and the plan replaces it. */
#ifndef CORE_CHECK_STEPS_H
#define CORE_CHECK_STEPS_H

struct access;
struct access_steps;

void check_step_begin(struct access_steps *steps, struct access *access);

#endif
