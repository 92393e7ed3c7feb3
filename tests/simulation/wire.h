/* wire.h - calls on their way: late, refused, lost before they came or after they were done. */
#ifndef SIMULATION_WIRE_H
#define SIMULATION_WIRE_H

#include "core/kube_call.h"

struct process;
struct world;

/* To the hub: MEMBER -1. A process that ended gets no answer. */
void wire_send(struct process *process, int member, const struct kube_request *request,
	       kube_done *done, void *done_context);

/* All that is still on its way is forgotten. */
void wire_done(struct world *world);

#endif
