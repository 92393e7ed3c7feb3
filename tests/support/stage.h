/* stage.h - the controller on its stage: a clock that stands still, ports that wait for the script.
 *
 * Everything else is the real core. Whatever it tells people is kept, and searched for tokens. */
#ifndef SUPPORT_STAGE_H
#define SUPPORT_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/secret.h>

#include "core/access_steps.h"
#include "core/member_clock.h"
#include "support/fake_clock.h"

enum { STAGE_NEWS_MAX = 256 };

struct access_controller;
struct json;
struct kube_resource;
struct scripted_port;

struct stage_news {
	char *request_key;
	char *line; /* "TYPE ACTION REASON: message" */
};

struct stage {
	struct fake_clock clock;
	struct member_clock member_clock; /* of every member; as of its last replies */
	int64_t member_offset_ms; /* ... its time less the monotonic one, with which it mints */
	struct scripted_port *port;
	struct access_settings settings;
	struct secret key; /* of the hub */
	struct access_controller *controller;
	struct json *policy;
	struct stage_news news[STAGE_NEWS_MAX]; /* oldest first */
	size_t news_count;
	int wakes;
};

/* Begun, with empty stores, hub-1, and a policy that allows nearly everything. The
 * caller's. */
struct stage *stage_new(void);
/* NULL is fine. */
void stage_free(struct stage *stage);

/* The process ends without a word and starts again; nothing is known, nothing begun. */
void stage_restart(struct stage *stage);
/* ... with admission proven. */
void stage_begin(struct stage *stage);
/* Admission is proven from now on, or not any more. Settles. */
void stage_prove_admission(struct stage *stage, bool proven);

/* What a watch shows: the object came or changed, or, with a NULL object, it went. Settles. */
void stage_show_request(struct stage *stage, const char *key, const struct json *object);
void stage_show_profile(struct stage *stage, const char *key, const char *uid);
void stage_show_ledger(struct stage *stage, const char *key, const struct json *object);
void stage_show(struct stage *stage, const struct kube_resource *resource, const char *key,
		const struct json *object);
/* The one policy that a restart leaves in place; NULL: there is none. */
void stage_show_policy(struct stage *stage, const char *name, const struct json *object);
/* The executor tells that the state of the member changed. Settles. */
void stage_show_member(struct stage *stage, const char *profile_key,
		       const struct member_facts *facts);

/* The clocks of members go ahead of the true time from now on. Settles. */
void stage_set_members_ahead(struct stage *stage, int64_t ahead_ms);
/* Our own wall clock is set. Settles. */
void stage_set_wall(struct stage *stage, int64_t wall_s);
/* As members write it into tokens. */
int64_t stage_member_s(const struct stage *stage);

/* Lets the controller work until it waits for an answer, a change or a time. */
void stage_settle(struct stage *stage);
/* Moves the clock to the next time that the controller waits for, at most by MS, and settles. False
 * when nothing was due: the whole time has passed. */
bool stage_pass(struct stage *stage, int64_t *ms);

/* Drops the oldest news. */
void stage_drop_news(struct stage *stage);

#endif
