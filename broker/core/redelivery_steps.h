/* redelivery_steps.h - the step that gives a delivered Secret the member's new address or CA.
 *
 * The token stays: it is read back from the Secret, which is believed only when it holds the token
 * that is on record. Nothing is minted here. */
#ifndef CORE_REDELIVERY_STEPS_H
#define CORE_REDELIVERY_STEPS_H

struct access;
struct access_steps;

void redelivery_step_write(struct access_steps *steps, struct access *access);

#endif
