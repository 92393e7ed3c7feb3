#include "core/step_lines.h"

#include <base/text.h>

#include "core/access.h"
#include "core/access_index.h"
#include "core/step_line.h"
#include "core/store.h"

#define HUB_KEY "" /* no profile has it */

/* Twice the connections to each, so that none of them has to wait for us. */
enum { HUB_PLACES = 32, MEMBER_PLACES = 16 };

void step_lines_init(struct step_lines *lines)
{
	*lines = (struct step_lines){.by_key = store_new(step_line_free)};
}

void step_lines_done(struct step_lines *lines)
{
	store_free(lines->by_key);
}

bool step_lines_enter(struct step_lines *lines, struct access *access, const char *profile_key)
{
	const char *key = profile_key ? profile_key : HUB_KEY;
	struct step_line *line = store_find(lines->by_key, key);

	if (!line) {
		line = step_line_new(profile_key ? MEMBER_PLACES : HUB_PLACES);
		store_put(lines->by_key, key, line);
	}
	return step_line_enter(line, access);
}

bool step_lines_have_place(const struct step_lines *lines, const char *profile_key)
{
	const struct step_line *line = store_find(lines->by_key, profile_key);

	return !line || step_line_has_place(line);
}

void step_lines_leave(struct step_lines *lines, struct access *access)
{
	const struct step_line *line = access->line;
	const char *key =
		line == store_find(lines->by_key, HUB_KEY) ? HUB_KEY : access->profile_key;

	step_line_leave(access);
	if (line && step_line_is_empty(line))
		store_remove(lines->by_key, key);
}

static bool call_from(void *context, const char *key, void *line)
{
	struct access_index *index = context;
	struct access *access;

	(void)key;
	while ((access = step_line_call(line)) != NULL)
		access_index_add(index, access);
	return true;
}

void step_lines_call(struct step_lines *lines, struct access_index *index)
{
	store_each(lines->by_key, call_from, index);
}
