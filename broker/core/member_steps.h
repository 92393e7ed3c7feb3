/* member_steps.h - the steps that make and unmake identity and rights on the member. */
#ifndef CORE_MEMBER_STEPS_H
#define CORE_MEMBER_STEPS_H

#include "core/access_steps.h"
#include "core/kube_call.h"

struct access;
struct json;
struct kube_resource;

/* Creates the plan's object. One that exists is ours (UID or mark) or a conflict, never adopted. */
void member_step_create_object(struct access_steps *steps, struct access *access);
/* Writes the plan's role as its rules are to be, by UID. */
void member_step_apply_object(struct access_steps *steps, struct access *access);
/* Deletes the plan's object, by UID. One that is not ours counts as gone and stays. */
void member_step_delete_object(struct access_steps *steps, struct access *access);

/* Calls the member for the plan's object. */
void member_step_call_object(struct access_steps *steps, struct access *access, enum kube_verb verb,
			     const struct json *body, access_reply *handle);

/* Why an object of RESOURCE that is not ours is in the way. Static. */
const char *member_step_conflict(const struct kube_resource *resource);

#endif
