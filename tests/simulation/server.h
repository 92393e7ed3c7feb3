/* server.h - what the hub or a member does with a call: objects, tokens, reviews. */
#ifndef SIMULATION_SERVER_H
#define SIMULATION_SERVER_H

#include "simulation/cluster.h"

struct process;
struct token;
struct world;

struct server_call {
	enum kube_verb verb;
	char *path;
	struct address address;
	struct json *body; /* NULL: none */
	char *bearer;      /* NULL: the broker's own */
};

/* MEMBER -1: the hub. */
struct answer server_answer(struct process *process, int member, const struct server_call *call);

/* The anchor and the identity of TOKEN stand, and its time is not over. */
bool server_token_lives(struct world *world, struct token *token);

#endif
