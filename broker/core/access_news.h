/* access_news.h - what people and logs are told of a request or a member: as Event, log line, never
 * as truth.
 *
 * Pure. No text in it holds a secret. */
#ifndef CORE_ACCESS_NEWS_H
#define CORE_ACCESS_NEWS_H

#include <stdbool.h>

struct access;
struct access_plan;

/* All strings are borrowed, and live as long as the step that they tell of. */
struct access_news {
	const struct access *access; /* NULL: it is about the member of profile_key */
	const char *type;            /* "Normal" or "Warning" */
	const char *action;          /* what was tried, as Events name it: "Issue", "Revoke" */
	const char *reason;          /* CamelCase */
	const char *message;
	const char *profile_key; /* "namespace/name"; not with an access */
	const char *profile_uid; /* NULL: not known */
};

/* The "namespace/name" of what NEWS is about. Borrowed. */
const char *access_news_key(const struct access_news *news);

/* Each is false when there is nothing to tell, or nothing new. */

/* The step of ACCESS is over. */
bool access_news_of_step(const struct access *access, struct access_news *ret_news);
/* PLAN, for ACCESS, is to wait. */
bool access_news_of_wait(const struct access *access, const struct access_plan *plan,
			 struct access_news *ret_news);

/* True when PLAN waits for an answer that may well confirm what was told last: until then it
 * stands. */
bool access_news_stand(const struct access *access, const struct access_plan *plan);

#endif
