/* trace.h - calls as people read them. */
#ifndef SIMULATION_TRACE_H
#define SIMULATION_TRACE_H

#include "simulation/address.h"

struct server_call;
struct world;

/* The name that CALL is about. Digests depend on nonces, which are another one each time: they are
 * left out, so that a trace is the same for its seed. */
const char *trace_name(const struct server_call *call, char ret_name[ADDRESS_PART_SIZE]);

/* MEMBER -1: the hub. STATUS 0: no answer came. */
void trace_answer(const struct world *world, int process, int member,
		  const struct server_call *call, int status);

#endif
