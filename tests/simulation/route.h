/* route.h - how one broker reaches one member: as edge/member_link does it, without a network. */
#ifndef SIMULATION_ROUTE_H
#define SIMULATION_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/access_executor.h"

struct cluster_facts;
struct member;
struct process;

struct route {
	struct process *process;
	int member;
	enum member_state state;
	char uid[32];
	int64_t identified_ms;
	bool asking;
	unsigned life; /* of the question */
	unsigned attempts;
};

void route_start(struct route *route, struct process *process, int member);
/* Access to the member was given, or taken away. */
void route_change(struct route *route);
/* A call on it was not answered. */
void route_lose(struct route *route);

/* Where applications find MEMBER now: one of two places. Static. */
const struct cluster_facts *route_cluster(const struct member *member);

/* The executor of PROCESS. */
struct access_executor route_executor(struct process *process);

#endif
