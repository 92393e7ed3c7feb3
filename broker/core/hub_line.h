/* hub_line.h - which accesses have a step on the hub in flight, and which wait for their turn.
 *
 * A call that waits for a connection holds what it is to send. When hundreds of requests come at
 * once that is most of the memory, so their steps are not started before there is a place for them.
 * Who is being undone does not wait. Starts nothing itself. */
#ifndef CORE_HUB_LINE_H
#define CORE_HUB_LINE_H

#include <stdbool.h>
#include <stddef.h>

struct access;
struct store;

enum { HUB_LINE_PLACES = 32 }; /* twice the connections to the hub: none of them has to wait */

struct hub_line {
	size_t taken;          /* by steps in flight */
	size_t kept;           /* for those who were called and have not come yet */
	struct store *waiting; /* struct access by UID, not the line's */
};

void hub_line_init(struct hub_line *line);
void hub_line_done(struct hub_line *line);

/* True: ACCESS has a place until hub_line_leave(). False: it waits, and is called when it is its
 * turn. */
bool hub_line_enter(struct hub_line *line, struct access *access);
/* Its step has ended; fine for who has no place. */
void hub_line_leave(struct hub_line *line, struct access *access);
/* It has other things to do, or is about to be freed: it neither waits nor is a place kept. */
void hub_line_give_up(struct hub_line *line, struct access *access);

/* The next for whom there is a place, which is kept until it enters or gives up. NULL: nobody. */
struct access *hub_line_call(struct hub_line *line);

#endif
