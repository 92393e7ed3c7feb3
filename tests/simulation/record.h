/* record.h - what was done to a world, and how it ended, as a line of JSON.
 *
 * tests/support/replay.py does the same to a real hub and real members. Without a record (NULL)
 * each function does nothing; none of them throws dice. */
#ifndef SIMULATION_RECORD_H
#define SIMULATION_RECORD_H

#include <stdint.h>
#include <stdio.h>

struct cluster;
struct json;
struct record;
struct server_call;
struct thing;
struct world;

/* From now on WORLD, which is new, is recorded. The caller's; it must go before the world. */
struct record *record_begin(struct world *world);
/* Writes the line and releases RECORD. */
void record_end(struct record *record, FILE *file);

/* Somebody who is no broker makes ("make"), changes, deletes or strips THING; OBJECT: what it is
 * from now on, or NULL. */
void record_edit(struct record *record, const struct cluster *cluster, const char *what,
		 const struct thing *thing, const struct json *object);
/* A call of a broker meets FATE; STATUS: what it is told, 0: nothing; DELAY_MS: how late. */
void record_fault(struct record *record, int member, const struct server_call *call,
		  const char *fate, int status, int64_t delay_ms);
/* Notes what became of servers, accesses, storms and brokers since the last look. */
void record_look(struct record *record);
/* The world is at rest: notes what there is for each request. */
void record_rest(struct record *record);

#endif
