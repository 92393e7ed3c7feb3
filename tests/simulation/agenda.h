/* agenda.h - what happens when, in virtual time; what is due at the same time, in order of arrival.
 */
#ifndef SIMULATION_AGENDA_H
#define SIMULATION_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void agenda_act(void *context, int64_t detail);

struct agenda_item {
	int64_t at_ms;
	uint64_t arrival;
	agenda_act *act;
	void *context;  /* borrowed: it must live until then */
	int64_t detail; /* for ACT, to tell whether it is still wanted */
};

struct agenda {
	struct agenda_item *items; /* a heap */
	size_t count, capacity;
	uint64_t arrivals;
};

void agenda_done(struct agenda *agenda);
void agenda_add(struct agenda *agenda, int64_t at_ms, agenda_act *act, void *context,
		int64_t detail);
/* The next time at which something happens; -1: never. */
int64_t agenda_next_ms(const struct agenda *agenda);
/* Takes the next item off; there must be one. */
struct agenda_item agenda_take(struct agenda *agenda);

#endif
