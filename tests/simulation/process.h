/* process.h - one broker: the real core, and what it remembers until it is killed. */
#ifndef SIMULATION_PROCESS_H
#define SIMULATION_PROCESS_H

#include <stdint.h>

struct process;
struct world;

/* Knows nothing, and lists everything first. It must not be alive. */
void process_start(struct world *world, int index);
/* Without a word: its memory is gone, and what it sent is on its way. */
void process_kill(struct process *process);

/* One of its watches holds its first list. */
void process_synced(struct process *process);
/* When it has work; -1: only when told. */
int64_t process_due_ms(const struct process *process);
/* Lets it do what is due. */
void process_run(struct process *process);

#endif
