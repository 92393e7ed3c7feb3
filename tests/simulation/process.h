/* process.h - one broker: the real core, and what it remembers until it is killed. */
#ifndef SIMULATION_PROCESS_H
#define SIMULATION_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "simulation/agenda.h"

struct process;
struct world;

/* Knows nothing, and lists everything first. It must not be alive. */
void process_start(struct world *world, int index);
/* Without a word: its memory is gone, and what it sent is on its way. */
void process_kill(struct process *process);

/* For MS it gets no time to run; then it goes on, with what came meanwhile. */
void process_freeze(struct process *process, int64_t ms);
/* True when PROCESS is frozen: ACT is done when it is not any more. */
bool process_puts_off(struct process *process, agenda_act *act, void *context, int64_t detail);

/* One of its watches holds its first list. */
void process_synced(struct process *process);
/* When it has work; -1: only when told. */
int64_t process_due_ms(const struct process *process);
/* Lets it do what is due. */
void process_run(struct process *process);

#endif
