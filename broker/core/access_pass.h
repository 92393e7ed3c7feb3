/* access_pass.h - one pass over one request: gathers its facts, plans, and starts one step or
 * waits.
 *
 * Does not know what made the pass due, and never waits. */
#ifndef CORE_ACCESS_PASS_H
#define CORE_ACCESS_PASS_H

#include <stdint.h>

struct access;
struct access_index;
struct access_news;
struct access_steps;
struct member_checks;
struct step_lines;

struct access_pass {
	struct access_steps *steps; /* borrowed, as is what follows */
	struct access_index *index;
	struct step_lines *lines;
	struct member_checks *checks;
	uint64_t round; /* counts what changed that permissions rest on; begins at 1 */
};

/* ACCESS is not busy, and was handed out by the index. */
void access_pass_run(struct access_pass *pass, struct access *access);

/* Tells NEWS of ACCESS, and keeps what was told. */
void access_pass_tell(const struct access_pass *pass, struct access *access,
		      const struct access_news *news);

#endif
