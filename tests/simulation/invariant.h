/* invariant.h - what holds whenever a broker does something, whatever goes wrong around it.
 *
 * Judges by what hub and members hold, never by what the core believes. */
#ifndef SIMULATION_INVARIANT_H
#define SIMULATION_INVARIANT_H

#include <stdbool.h>

struct answer;
struct json;
struct process;
struct server_call;
struct token;
struct world;

/* A broker's write was done. FOREIGN: it was to something that no broker had made. */
void invariant_after_write(struct process *process, int member, const struct server_call *call,
			   bool foreign, const struct answer *answer);
/* A member minted TOKEN for a broker, bound to the anchor of this name. */
void invariant_after_mint(struct process *process, struct token *token, const char *anchor_name);
/* An answer comes to the broker; OBJECT is NULL when it is an error. */
void invariant_after_answer(struct process *process, const struct server_call *call,
			    const struct json *object);

#endif
