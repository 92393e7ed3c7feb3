#include "core/hub_line.h"

#include "core/access.h"
#include "core/store.h"

void hub_line_init(struct hub_line *line)
{
	*line = (struct hub_line){.waiting = store_new(NULL)};
}

void hub_line_done(struct hub_line *line)
{
	store_free(line->waiting);
}

static bool has_place(const struct hub_line *line)
{
	return line->taken + line->kept < HUB_LINE_PLACES;
}

/* Nobody overtakes those who wait. */
static bool may_enter(const struct hub_line *line, const struct access *access)
{
	return access->ending || access->called_to_hub ||
	       (has_place(line) && store_count(line->waiting) == 0);
}

bool hub_line_enter(struct hub_line *line, struct access *access)
{
	if (!may_enter(line, access)) {
		store_put(line->waiting, access->uid, access);
		return false;
	}
	hub_line_give_up(line, access);
	line->taken++;
	access->on_hub = true;
	return true;
}

void hub_line_leave(struct hub_line *line, struct access *access)
{
	if (access->on_hub)
		line->taken--;
	access->on_hub = false;
}

void hub_line_give_up(struct hub_line *line, struct access *access)
{
	if (access->called_to_hub)
		line->kept--;
	access->called_to_hub = false;
	store_remove(line->waiting, access->uid);
}

static bool take_first(void *context, const char *uid, void *object)
{
	struct access **first = context;

	(void)uid;
	*first = object;
	return false;
}

struct access *hub_line_call(struct hub_line *line)
{
	struct access *first = NULL;

	if (has_place(line))
		store_each(line->waiting, take_first, &first);
	if (!first)
		return NULL;
	store_remove(line->waiting, first->uid);
	first->called_to_hub = true;
	line->kept++;
	return first;
}
