/* step_line.h - which accesses have a step in flight at one server, and which wait for their turn.
 *
 * A call that waits for a connection holds what it is to send. When hundreds of requests come at
 * once that is most of the memory, so their steps are not started before there is a place for them.
 * Who is being undone does not wait. Starts nothing itself. An access is in one line at a time. */
#ifndef CORE_STEP_LINE_H
#define CORE_STEP_LINE_H

#include <stdbool.h>
#include <stddef.h>

struct access;
struct store;

enum step_turn {
	TURN_WAITING,
	TURN_CALLED, /* a place is kept for it */
	TURN_HAS_PLACE,
};

struct step_line {
	size_t places;
	size_t taken;          /* by steps in flight */
	size_t kept;           /* for those who were called and have not come yet */
	struct store *waiting; /* struct access by UID, not the line's */
};

/* The caller's. */
struct step_line *step_line_new(size_t places);
/* NULL is fine. Takes void * so that it serves as a store's destructor. */
void step_line_free(void *line);

/* True: ACCESS has a place until step_line_leave(). False: it waits, and is called when it is its
 * turn. It leaves the line that it was in. */
bool step_line_enter(struct step_line *line, struct access *access);
/* Its step has ended, it has other things to do, or it is about to be freed: it neither waits nor
 * has a place anywhere. */
void step_line_leave(struct access *access);

/* The next for whom there is a place, which is kept until it enters or leaves. NULL: nobody. */
struct access *step_line_call(struct step_line *line);

/* One more may enter at once. */
bool step_line_has_place(const struct step_line *line);

/* Nobody is in it. */
bool step_line_is_empty(const struct step_line *line);

#endif
