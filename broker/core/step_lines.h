/* step_lines.h - the lines at all servers: as many as there are servers that have work. */
#ifndef CORE_STEP_LINES_H
#define CORE_STEP_LINES_H

#include <stdbool.h>

struct access;
struct access_index;
struct store;

struct step_lines {
	struct store *by_key; /* struct step_line by the key of a member's profile; the hub's */
};

void step_lines_init(struct step_lines *lines);
void step_lines_done(struct step_lines *lines);

/* As step_line_enter() in the line at the member of PROFILE_KEY; NULL: at the hub. */
bool step_lines_enter(struct step_lines *lines, struct access *access, const char *profile_key);
/* True when whoever enters the line at the member of PROFILE_KEY need not wait there. */
bool step_lines_have_place(const struct step_lines *lines, const char *profile_key);
/* As step_line_leave(). */
void step_lines_leave(struct step_lines *lines, struct access *access);

/* Adds those to INDEX for whom there is a place now. */
void step_lines_call(struct step_lines *lines, struct access_index *index);

#endif
