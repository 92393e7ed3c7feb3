/* hub_steps.h - the steps that change or read the request on the hub.
 *
 * Each starts one effect and ends through access_steps_succeed() or access_steps_fail(). */
#ifndef CORE_HUB_STEPS_H
#define CORE_HUB_STEPS_H

struct access;
struct access_steps;
struct json;

/* The finalizer is added before the first outside effect, and removed by a patch that names its
 * place, so that other people's finalizers stay (kube-semantics F-01, F-03). */
void hub_step_add_finalizer(struct access_steps *steps, struct access *access);
void hub_step_remove_finalizer(struct access_steps *steps, struct access *access);

/* May we write Secrets where the request wants them? */
void hub_step_check_destination(struct access_steps *steps, struct access *access);

/* A live read: gone, or another object of the same name, counts; an absent CRD does not. */
void hub_step_confirm_gone(struct access_steps *steps, struct access *access);

/* Replaces the whole status; guarded by the UID, which a plain status write is not. */
void hub_step_write_status(struct access_steps *steps, struct access *access,
			   const struct json *status);

#endif
