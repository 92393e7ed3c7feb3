#include "core/step_line.h"

#include <base/memory.h>

#include "core/access.h"
#include "core/store.h"

struct step_line *step_line_new(size_t places)
{
	struct step_line *line = memory_new(sizeof(*line));

	line->places = places;
	line->waiting = store_new(NULL);
	return line;
}

void step_line_free(void *pointer)
{
	struct step_line *line = pointer;

	if (!line)
		return;
	store_free(line->waiting);
	memory_free(line);
}

static bool has_place(const struct step_line *line)
{
	return line->taken + line->kept < line->places;
}

/* Nobody overtakes those who wait. */
bool step_line_has_place(const struct step_line *line)
{
	return has_place(line) && store_count(line->waiting) == 0;
}

static bool may_enter(const struct step_line *line, const struct access *access)
{
	return access->ending || (access->line == line && access->turn == TURN_CALLED) ||
	       step_line_has_place(line);
}

bool step_line_enter(struct step_line *line, struct access *access)
{
	bool enters = may_enter(line, access);

	if (!enters && access->line == line && access->turn == TURN_WAITING)
		return false; /* and keeps its place in the line */
	step_line_leave(access);
	access->line = line;
	access->turn = enters ? TURN_HAS_PLACE : TURN_WAITING;
	if (enters)
		line->taken++;
	else
		store_put(line->waiting, access->uid, access);
	return enters;
}

void step_line_leave(struct access *access)
{
	struct step_line *line = access->line;

	if (!line)
		return;
	line->taken -= access->turn == TURN_HAS_PLACE;
	line->kept -= access->turn == TURN_CALLED;
	if (access->turn == TURN_WAITING)
		store_remove(line->waiting, access->uid);
	access->line = NULL;
}

static bool take_first(void *context, const char *uid, void *object)
{
	struct access **first = context;

	(void)uid;
	*first = object;
	return false;
}

struct access *step_line_call(struct step_line *line)
{
	struct access *first = NULL;

	if (has_place(line))
		store_each(line->waiting, take_first, &first);
	if (!first)
		return NULL;
	store_remove(line->waiting, first->uid);
	first->turn = TURN_CALLED;
	line->kept++;
	return first;
}

bool step_line_is_empty(const struct step_line *line)
{
	return line->taken == 0 && line->kept == 0 && store_count(line->waiting) == 0;
}
