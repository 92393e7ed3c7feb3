/* restore_steps.h - the step that looks at one object on the member which a list did not show as it
 * was made, and puts it back.
 *
 * One try for each look at the member: who changes it again and again is not fought. */
#ifndef CORE_RESTORE_STEPS_H
#define CORE_RESTORE_STEPS_H

struct access;
struct access_steps;
struct ledger_object;

/* Reads the plan's object. As it was made: nothing is written. Edited: it is applied. Gone: its
 * UID goes off the record, which makes it anew. Replaced: it is reported, and stays. */
void restore_step_begin(struct access_steps *steps, struct access *access);

/* OBJECT, which was lost, is made anew. */
void restore_step_tell_made(const struct access_steps *steps, const struct access *access,
			    const struct ledger_object *object);

#endif
