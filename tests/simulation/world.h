/* world.h - a hub, its members, the brokers, and what people did, in virtual time.
 *
 * Everything in it depends on the seed alone. */
#ifndef SIMULATION_WORLD_H
#define SIMULATION_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/secret.h>

#include <base/secret.h>

#include "core/access_steps.h"
#include "simulation/agenda.h"
#include "simulation/cluster.h"
#include "simulation/dice.h"
#include "simulation/feed.h"
#include "simulation/route.h"
#include "support/fake_clock.h"

enum {
	WORLD_MEMBERS_MAX = 3,
	WORLD_BROKERS_MAX = 2,
	WORLD_SLOTS_MAX = 6,
	WORLD_TEAMS = 2,
	WORLD_FAILURE_SIZE = 400,
	WORLD_SUBJECTS = 4096,
};

#define WORLD_BROKER_NAMESPACE   "credbroker-system"
#define WORLD_IDENTITY_NAMESPACE "credbroker-identities"
#define WORLD_TEMPLATE           "pods"

/* What goes wrong on the way to a server and back, of a hundred calls. */
struct storm {
	int refused;      /* answered with an error, nothing done */
	int lost;         /* never came there */
	int answer_lost;  /* done, and nobody learns it */
	int slow;         /* takes seconds */
	int64_t lag_ms;   /* of watches, at most */
	bool lists_short; /* lists leave objects out */
};

struct member {
	int index;
	char profile_key[32];
	struct cluster clusters[2]; /* what answers under its address: the second is another one */
	int current;
	bool up;
	bool leaving;    /* away, to come back as the other cluster */
	bool has_access; /* the broker was given access */
	struct storm storm;
	int64_t disturbed_ms; /* when something was wrong there last */
	int moves;            /* how often it was given another address */
};

struct token {
	char *text;
	char jti[24], request_uid[32], account_uid[32], anchor_uid[32];
	int member;
	const struct cluster *cluster;
	int64_t minted_ms, lifetime_ms, expires_ms;
	bool dead;                           /* whatever happens from now on */
	int64_t delivered_ms, superseded_ms; /* 0: not yet */
};

/* An AuthTokenRequest that was made once. */
struct wish {
	char key[32], uid[32], account[32];
	int slot, team, member;
	int64_t permitted_ms;  /* since when it lives and is allowed; -1: it is not */
	int64_t ended_ms;      /* since when it does not, or is not; -1: it is */
	int64_t edited_ms;     /* when it was changed or edited by hand, or stood in the way */
	int64_t told_since_ms; /* since when its status was written so often */
	int told;
	int64_t answered_ms; /* when a mint for it was answered last, and to whom */
	unsigned answered_life;
	unsigned writer_life; /* whose the last write of its record was */
	bool gone;            /* the object does not exist any more */
};

struct process {
	struct world *world;
	int index;
	bool alive, begun;
	unsigned life; /* another one after each start */
	struct access_controller *controller;
	struct feed feeds[FEED_COUNT];
	struct route routes[WORLD_MEMBERS_MAX];
	struct fake_clock clock; /* its own */
	int64_t frozen_until_ms; /* it gets no time to run before; 0: it does */
	int64_t lag_ms;          /* its watches lag by as much, at most */
};

struct world {
	uint64_t seed;
	struct dice dice; /* for what happens next */
	struct dice luck; /* of the seed; see world_dice() */
	uint16_t decided[WORLD_SUBJECTS];
	int64_t event_count;
	struct fake_clock clock;
	struct agenda agenda;
	struct access_settings settings;
	struct secret key; /* of the hub */
	struct cluster hub;
	bool hub_up;
	struct storm hub_storm;
	int64_t hub_disturbed_ms;
	struct member members[WORLD_MEMBERS_MAX];
	int member_count;
	int slot_count; /* names that requests may have */
	struct process processes[WORLD_BROKERS_MAX];
	int process_count;
	unsigned lives;
	int64_t killed_ms; /* when a broker was killed last */
	int64_t alone_ms;  /* until when two have worked at a time, or do now */
	struct wish wishes[256];
	size_t wish_count;
	struct token *tokens;
	size_t token_count;
	struct call *calls;     /* in flight */
	struct record *record;  /* NULL: none is kept */
	int64_t pause_max_ms;   /* no event comes later after another; 0: no limit */
	int64_t judged_version; /* of the hub: who is permitted is known as of then */
	int64_t judged_ms;      /* when deadlines were looked at last */
	bool traced;
	int64_t turns, call_count, mint_count, kill_count, hand_over_count;
	int64_t stray_count, stray_left_count;
	char failure[WORLD_FAILURE_SIZE]; /* "": every invariant held so far */
};

struct world *world_new(uint64_t seed, int brokers, bool traced);
void world_free(struct world *world);

/* Lets MS pass, or less when an invariant breaks. */
void world_pass(struct world *world, int64_t ms);

/* The numbers for the next decision on the subject that FORMAT names. Each subject has its own, so
 * that a call more or less changes no fate but its own. */
struct dice world_dice(struct world *world, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int64_t world_now_ms(const struct world *world);
/* A line of the trace; costs nothing without one. */
void world_tell(const struct world *world, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* An invariant is broken; the first one counts. */
void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct wish *world_wish(struct world *world, const char *uid);
struct member *world_member(struct world *world, const char *profile_key);
/* By how much the clock of a member is ahead: a quarter of an hour, nothing, or as much behind. */
int64_t world_ahead_ms(const struct world *world, int member);
/* The cluster that answers for MEMBER, which may be -1: the hub. */
struct cluster *world_cluster(struct world *world, int member);
struct storm *world_storm(struct world *world, int member);
/* Something was wrong with the hub (-1) or a member just now. */
void world_disturb(struct world *world, int member);

#endif
