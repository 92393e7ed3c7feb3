/* lease.h - the Lease by which brokers agree who works: gets, creates and updates it.
 *
 * core/leader_election says what is to be done. Each try has a limit of its own, far below the
 * renew deadline, so that one slow answer costs no leadership. */
#ifndef EDGE_LEASE_H
#define EDGE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/leader_election.h"

struct error;
struct kube_client;
struct lease;
struct loop;

struct lease_config {
	struct kube_client *client; /* beyond the fence, with connections of its own */
	struct loop *loop;
	const char *namespace; /* these and the texts of TIMING are borrowed */
	const char *identity;
	struct leader_timing timing;
	bool waits; /* see leader_election.h */
	/* Something was learnt of the Lease; the phase may be another one. It must not free the
	 * lease. */
	void (*changed)(void *context);
	/* A try has failed. */
	void (*failed)(void *context, const struct error *err);
	void *context;
};

struct lease *lease_new(const struct lease_config *config);
/* Before its client. NULL is fine. */
void lease_free(struct lease *lease);

const struct leader_election *lease_election(const struct lease *lease);

/* As of leader_election.h. */
void lease_want(struct lease *lease);
void lease_raise(struct lease *lease, int64_t at_least);
void lease_release(struct lease *lease);

#endif
