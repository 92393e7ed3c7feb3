/* denial_steps.h - proves that a request is denied by what is there, not by what a watch lost.
 *
 * Whatever the decision rests on and no watch shows is read live before anything is revoked. */
#ifndef CORE_DENIAL_STEPS_H
#define CORE_DENIAL_STEPS_H

struct access;
struct access_steps;

void denial_step_confirm(struct access_steps *steps, struct access *access);

#endif
