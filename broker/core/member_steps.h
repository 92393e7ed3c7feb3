/* member_steps.h - the steps that make and unmake identity and rights on the member. */
#ifndef CORE_MEMBER_STEPS_H
#define CORE_MEMBER_STEPS_H

struct access;
struct access_steps;
struct kube_resource;

/* Creates the plan's object. One that exists is ours (UID or mark) or a conflict, never adopted. */
void member_step_create_object(struct access_steps *steps, struct access *access);
/* Deletes the plan's object, by UID. One that is not ours counts as gone and stays. */
void member_step_apply_object(struct access_steps *steps, struct access *access);
void member_step_delete_object(struct access_steps *steps, struct access *access);

/* Why an object of RESOURCE that is not ours is in the way. Static. */
const char *member_step_conflict(const struct kube_resource *resource);

#endif
