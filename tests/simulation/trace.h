/* trace.h - calls as people read them. */
#ifndef SIMULATION_TRACE_H
#define SIMULATION_TRACE_H

struct server_call;
struct world;

/* MEMBER -1: the hub. STATUS 0: no answer came. */
void trace_answer(const struct world *world, int process, int member,
		  const struct server_call *call, int status);

#endif
