/* admission_canary.h - proves by dry runs that the hub's admission policies are in force.
 *
 * Asks the hub to make AuthTokenRequests that it must stamp or refuse, and stores nothing there.
 * Has no clock: whoever owns it starts the rounds. */
#ifndef CORE_ADMISSION_CANARY_H
#define CORE_ADMISSION_CANARY_H

#include <stdint.h>

#include "core/admission_proof.h"
#include "core/kube_call.h"

/* The ValidatingAdmissionPolicy in deploy/policies, and its binding. */
#define ADMISSION_POLICY "credbroker-requests"
/* The one that keeps what is not the tenant's, and its binding. Without it everything works, but no
 * request is abandoned. */
#define ADMISSION_OWN_FIELDS "credbroker-own-fields"
/* The ClusterProfile, in the broker's own namespace, for which hub-rbac lets the broker ask. There
 * is none of this name. */
#define ADMISSION_PROFILE "credbroker-canary"

struct admission_canary;

struct admission_canary_config {
	struct kube_port hub;
	const char *namespace; /* the broker's own; borrowed */
	/* A round is over. Another one may be started from here. */
	void (*ended)(void *context);
	void *context;
};

struct admission_canary *admission_canary_new(const struct admission_canary_config *config);
/* No call may be in flight any more. NULL is fine. */
void admission_canary_free(struct admission_canary *canary);

/* Starts a round; none may be under way. */
void admission_canary_start(struct admission_canary *canary);

/* What the last round said. One in which the hub did not answer leaves what was known, for ten
 * minutes; before the first there is no proof. Borrowed; changes only before ended(). */
const struct admission_proof *admission_canary_proof(const struct admission_canary *canary);

/* How long to wait after a round. */
int64_t admission_canary_delay_ms(const struct admission_canary *canary);

#endif
