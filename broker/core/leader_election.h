/* leader_election.h - who of several brokers works: what to do with the Lease next (pure).
 *
 * Time comes in as a value of the own monotonic clock. Times in the Lease are never compared with
 * it: a candidate notes when it saw the Lease change. A leader may act until RENEW_MS after it sent
 * the last renewal that succeeded, which is before anybody else may take the Lease. The protocol
 * fences nothing: writes that are under way then must be harmless by themselves. */
#ifndef CORE_LEADER_ELECTION_H
#define CORE_LEADER_ELECTION_H

#include <stdbool.h>
#include <stdint.h>

struct error;
struct json;

struct leader_timing {
	int64_t lease_ms; /* others wait for so long */
	int64_t renew_ms; /* the leader stops so long after its last renewal */
	int64_t retry_ms; /* between two renewals */
};

enum leader_phase {
	LEADER_CANDIDATE,
	LEADER_LEADING, /* what it may do: see leader_election_may_act() */
	LEADER_RELEASING,
	LEADER_RELEASED,
	LEADER_LOST,
};

enum leader_act { LEADER_WAIT, LEADER_READ, LEADER_CREATE, LEADER_UPDATE };

struct leader_step {
	enum leader_act act;
	int64_t at_ms; /* LEADER_WAIT: ask again then; -1: never */
};

struct leader_election {
	struct leader_timing timing;
	const char *identity; /* of this process alone; borrowed */
	/* True: for the Lease to run out, and once it could not be renewed in time, it is lost.
	 * False: it is taken from whoever has it, and lost only to somebody else. */
	bool waits;
	bool wants; /* to lead; until then it only looks */
	bool stale; /* the Lease is to be read before it is written */
	bool exists;
	enum leader_phase phase;
	unsigned conflicts; /* in a row */
	struct json *lease; /* as seen last; NULL: none was seen yet */
	int64_t seen_at_ms; /* when it was first seen like that */
	int64_t try_at_ms;
	int64_t renewed_at_ms; /* before the last write that succeeded was sent */
	int64_t epoch;         /* leaseTransitions of the leadership */
	int64_t epoch_wanted;  /* at least that */
};

/* ERROR_INVALID unless lease > renew > 1.2 retry. */
bool leader_election_check_timing(const struct leader_timing *timing, struct error *err);

void leader_election_init(struct leader_election *election, const struct leader_timing *timing,
			  const char *identity, bool waits);
void leader_election_done(struct leader_election *election);

/* It is ready to lead. */
void leader_election_want(struct leader_election *election, int64_t now_ms);
/* A record has the epoch AT_LEAST - 1, which nobody had whom we know of: a later leader wrote it,
 * or the Lease was made anew. The Lease itself will tell, by a write with that epoch. */
void leader_election_raise(struct leader_election *election, int64_t at_least, int64_t now_ms);
/* No step is in flight and none will be: the Lease is given back. */
void leader_election_release(struct leader_election *election, int64_t now_ms);

/* What to do now. */
struct leader_step leader_election_next(struct leader_election *election, int64_t now_ms);
/* The Lease to be created or updated. NOW_US is wall time, for people. The caller's. */
struct json *leader_election_lease(const struct leader_election *election, const char *namespace,
				   int64_t now_us);

/* What became of it. LEASE NULL: there is none. */
void leader_election_found(struct leader_election *election, const struct json *lease,
			   int64_t now_ms);
void leader_election_written(struct leader_election *election, const struct json *lease,
			     int64_t sent_ms);
/* Somebody else was faster. */
void leader_election_conflicted(struct leader_election *election, int64_t now_ms);
void leader_election_failed(struct leader_election *election, int64_t sent_ms, int64_t now_ms);

/* When it is lost, or for want of WAITS must not act; only while leading. */
int64_t leader_election_deadline_ms(const struct leader_election *election);
/* Takes note of the time: it may be lost. */
void leader_election_check(struct leader_election *election, int64_t now_ms);
/* A margin is kept for what is on its way to the server. */
bool leader_election_may_act(const struct leader_election *election, int64_t now_ms);
/* It leads long after others may have taken the Lease: it ought to have noticed by itself. */
bool leader_election_is_overdue(const struct leader_election *election, int64_t now_ms);
/* For one try. */
int64_t leader_election_attempt_ms(const struct leader_election *election);

#endif
