/* delivery_steps.h - the steps that read, write and withdraw the Secret on the hub.
 *
 * Only a Secret that is ours (its UID is in the ledger, or its reply was lost and it carries our
 * mark) is ever changed or deleted. Reads ask for metadata only: no token comes in this way. */
#ifndef CORE_DELIVERY_STEPS_H
#define CORE_DELIVERY_STEPS_H

struct access;
struct access_steps;

void delivery_step_read(struct access_steps *steps, struct access *access);
/* Writes the token in hand; afterwards it is not in hand any more. */
void delivery_step_write(struct access_steps *steps, struct access *access);
void delivery_step_withdraw(struct access_steps *steps, struct access *access);

#endif
