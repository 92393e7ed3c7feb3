/* access.h - what this process knows of one request, keyed by the request's UID.
 *
 * Everything here can be lost: after a restart it is learnt again from the request, the ledger and
 * the member. The one exception is a token in hand, which is then simply never used. */
#ifndef CORE_ACCESS_H
#define CORE_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/digest.h>
#include <base/error.h>

#include "core/access_facts.h"
#include "core/access_failure.h"
#include "core/access_plan.h"
#include "core/access_token.h"
#include "core/credential_check.h"
#include "core/permission.h"
#include "core/step_line.h"

struct access_steps;
struct kube_reply;
struct rights;
struct store;
struct ledger;

struct access {
	char *uid;
	char *request_key; /* "namespace/name" of the request, also when it is gone */
	char *profile_key;
	int64_t seen_generation;
	bool seen_deleting;
	bool seen_abandoned;
	bool request_gone;
	bool finalizer_added; /* by us; the watch may not show it yet */
	bool released;        /* our finalizer is removed; the watch may not show it yet */
	bool acknowledged;    /* a status with conditions was seen or written */

	struct permission permission; /* as of the round and the generation below */
	uint64_t permission_round;    /* 0: not decided yet */
	int64_t permission_generation;
	struct rights *rights;      /* as of the same; NULL: its templates cannot be filled */
	const char *rights_problem; /* why, as a reason; static */
	struct error rights_error;
	unsigned requester_refusals; /* in a row: of being asked whether who asks may */
	bool requester_known;        /* as of the same: who asks, as the request says, is proven */
	bool undecided;        /* it is denied, but who asks may be proven later, and allowed */
	bool denial_confirmed; /* a live read found nothing that the watches do not show */
	int64_t requester_asked_until_ms; /* monotonic; the last answer counts until then */

	struct ledger *ledger;   /* the working copy; NULL: none */
	char *closed_version;    /* of the record that we closed last; NULL: none */
	int64_t record_asked_ms; /* monotonic; when the call in flight about it began */
	int64_t record_seen_ms;  /* monotonic; when it was asked for last, and was the one stored */
	bool ledger_saved;
	bool intent_saved;
	bool ledger_closed; /* the record is deleted; the watch may not show it yet */
	bool record_kept;   /* ... because somebody's finalizer keeps it */
	char *record_uid;   /* of the IssuedCredential that was there last; NULL: see ledger */

	enum delivery_state delivery;
	int64_t delivery_recheck_at_ms; /* monotonic; Secrets of others are not watched */
	int64_t delivery_generation;    /* of the anchor whose token it held when last known */
	char *delivery_uid;             /* of the Secret, as read or written last */
	char *delivery_version;
	bool ledger_absent;    /* a live read found none, or we deleted it */
	bool ending;           /* as the last pass saw it */
	bool rests;            /* ... it has all it asked for */
	bool secret_suspected; /* an anchor that is gone had a token, which a Secret may hold */
	bool secret_left;      /* it is ours by its mark, of a record that was lost */
	bool secret_gone;      /* withdrawn, or seen to be absent or foreign while ending */

	int64_t renew_at_ms;      /* monotonic; of the delivered token; 0: not taken up yet */
	int64_t expires_at_ms;    /* ... the same */
	int64_t next_mint_at_ms;  /* monotonic; a minute after the last one */
	int64_t overlap_until_ms; /* monotonic; until then older delivered tokens live on */

	unsigned lost_anchors;    /* in a row, without a token */
	unsigned status_contests; /* of its status, in a row: somebody else wrote over it */
	char asked_terms[DIGEST_SHORT_SIZE];   /* request_terms() of the mint in flight */
	char asked_cluster[DIGEST_SHORT_SIZE]; /* of cluster_facts, as the last write had it */
	int64_t asked_expiration_s;
	int64_t asked_rotate_at_s;
	int64_t told_skew_s; /* of the member's clock, as of the last pass */
	int64_t asked_renew_at_percent;
	int64_t open_generation; /* an anchor made by this process that has no token yet; 0: none */
	struct access_token token;
	struct credential_check check;

	struct access_failure failure;
	unsigned attempts[ACCESS_STEP_COUNT]; /* failures of each step since it last succeeded */

	/* the step in flight */
	struct step_line *line; /* at whose server it has a step, or waits for one; NULL: none */
	enum step_turn turn;    /* in that line */
	bool busy;
	struct access_plan plan;
	struct access_steps *steps;
	void (*handle)(struct access_steps *steps, struct access *access,
		       const struct kube_reply *reply);

	const char *edited;  /* by a step that restores: the part that differs; static */
	char *editor;        /* ... and who wrote it last; NULL: not known */
	size_t chain;        /* the how-manieth call of a step that makes several */
	uint64_t departures; /* of the store that a live read may add to, when it began */

	char reported_digest[DIGEST_SHORT_SIZE]; /* of the status written last; "": none by us */
	char outline_digest[DIGEST_SHORT_SIZE];  /* of what was said last: access_status.h */
	char *echoed_status;                     /* JSON text of it as the server stored it */
	char *echoed_version;                    /* ... and the resourceVersion it had then */
	const char *reported_reason;             /* of the Event sent last */
	int64_t status_contest_until_ms;         /* monotonic; till then that stays */
	int64_t status_retry_at_ms;              /* monotonic; the status is not written before */
};

struct access *access_new(const char *uid, const char *request_key);
/* Wipes the token. NULL is fine. */
void access_free(struct access *access);

/* The request or the way to its member is another: failures are forgotten. */
void access_retry_now(struct access *access);
/* The member answers again: what failed for want of an answer is tried now. */
void access_retry_reachable(struct access *access);

/* All was undone and is to be done again: nothing is known but the time of the last mint. */
void access_start_over(struct access *access);

/* Object INDEX was deleted on the member by somebody else. That it has no UID any more is stored
 * before it is made anew: it is then ours by its mark, whatever becomes of this process. */
void access_lose_object(struct access *access, size_t index);

/* Wipes the token in hand, which was not accepted or has waited too long. Where nobody else can
 * have it, its anchor need not wait. */
void access_drop_token(struct access *access);

#endif
