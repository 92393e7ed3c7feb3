/* requester_steps.h - the step that asks whether who asked may still ask.
 *
 * Admission looked once; this is asked before each token. Only for a requester who is known. */
#ifndef CORE_REQUESTER_STEPS_H
#define CORE_REQUESTER_STEPS_H

struct access;
struct access_steps;

/* SubjectAccessReviews on the hub: request-token on the ClusterProfile, use on each template. The
 * first no ends it; an error is neither yes nor no. */
void requester_step_check(struct access_steps *steps, struct access *access);

#endif
