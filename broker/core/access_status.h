/* access_status.h - what the request's status should say. Pure.
 *
 * The proposal's condition types and reasons (docs/api.md), with Ready in front. Absolute times
 * only, in seconds: a status that counts down would wake every watcher. */
#ifndef CORE_ACCESS_STATUS_H
#define CORE_ACCESS_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include <base/digest.h>

struct access;
struct access_facts;
struct access_plan;
struct json;
struct member_facts;
struct request;

struct access_report {
	const struct request *request;
	const struct access *access;
	const struct access_facts *facts;
	const struct access_plan *plan;
	const struct member_facts *member;
	const struct json *old_status; /* NULL: none */
	bool outline;                  /* without the times at which conditions changed */
	int64_t now_s;                 /* wall */
};

/* The whole status object. The caller's. */
struct json *access_status_render(const struct access_report *report);

/* A sentence for people about REASON of a plan, or NULL. Static. */
const char *access_status_sentence(const char *reason);

/* What is kept of a status (JSON text) to know it again. */
void access_status_digest(const char *text, char ret_digest[DIGEST_SHORT_SIZE]);

/* True when the server has the status WANTED (JSON text), or the watch of REQUEST will show it as
 * soon as it catches up with what we wrote. */
bool access_status_stands(const struct access *access, const struct request *request,
			  const char *wanted);

/* OUTLINE (JSON text of a report that is one) is of the status that REQUEST has; NULL: of the one
 * that is about to be written. */
void access_status_keep_outline(struct access *access, const struct request *request,
				const char *outline);
/* True when we wrote the status of OUTLINE, and somebody else wrote another one since. */
bool access_status_is_contested(const struct access *access, const struct request *request,
				const char *outline);
/* True when the status of OUTLINE is known to stand, as access_status_stands() would say. */
bool access_status_outline_stands(const struct access *access, const struct request *request,
				  const char *outline);

#endif
