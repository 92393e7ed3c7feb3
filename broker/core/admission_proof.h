/* admission_proof.h - whether the hub's admission policies are proven to be in force.
 *
 * A plain value, for the controller and for whoever reports on readiness. */
#ifndef CORE_ADMISSION_PROOF_H
#define CORE_ADMISSION_PROOF_H

#include <stdbool.h>
#include <stdint.h>

#include <base/error.h>

struct admission_proof {
	bool ready; /* nothing new is issued without it */
	/* Only with ready: a request that was made at this time, in seconds, or later cannot name
	 * another requester than the true one. */
	int64_t since_s;
	/* ... and one made at this time or later cannot be abandoned by who may not; 0: it can. */
	int64_t abandon_since_s;
	char text[ERROR_TEXT_MAX]; /* why it is not ready, and what to do */
};

#endif
