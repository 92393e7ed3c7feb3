/* credential_check.h - when the member is asked whether it still takes a delivered credential.
 *
 * Once in an interval for each credential, spread by UID, and after all other work. Asks nobody
 * itself. */
#ifndef CORE_CREDENTIAL_CHECK_H
#define CORE_CREDENTIAL_CHECK_H

#include <stdbool.h>
#include <stdint.h>

struct access;
struct access_index;
struct step_lines;

struct credential_check {
	int64_t at_ms;     /* monotonic; of the next one; 0: none is to come */
	uint32_t rounds;   /* so that not all of them are equally long */
	unsigned refusals; /* of the delivered token, in a row */
	unsigned replaced; /* tokens, in a row, that were ended or edited before their time */
	bool has_turn;     /* nothing else was due */
	bool idle;         /* it, or putting it off, gave nothing to do; until the next pass */
};

/* Each of these plans the next check of ACCESS; with an INTERVAL_MS of 0 there is none. */

/* Many are known at once, as after a start: some time within the interval. */
void credential_check_spread(struct access *access, int64_t interval_ms, int64_t now_ms);
/* The member took the token: so long after it that an interval holds the next check and what may
 * have to be asked twice. */
void credential_check_rest(struct access *access, int64_t interval_ms, int64_t now_ms);
/* Nobody could say: within a fifth of the interval. */
void credential_check_postpone(struct access *access, int64_t interval_ms, int64_t now_ms);
/* The member refused the token once: some seconds later, because it may err for a moment. */
void credential_check_again(struct access *access, int64_t now_ms);

/* How long the next token is waited for when REPLACED of them, in a row, were of no use: a member
 * that ends them all is not asked for ever. */
int64_t credential_check_pause_ms(unsigned replaced);

/* True when the check that is planned for ACCESS is not to begin now: it comes when all other work
 * is done and its member's line is free, and when many were missed they are spread anew. ACCESS is
 * back in INDEX then. */
bool credential_check_gives_way(struct access *access, struct access_index *index,
				struct step_lines *lines, int64_t interval_ms, int64_t now_ms);

#endif
