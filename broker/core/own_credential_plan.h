/* own_credential_plan.h - what is next for the broker's own credential on a member. Pure.
 *
 * One step at a time; whoever carries it out gathers facts anew and asks again. The order is that
 * of tokens of requests: record, anchor, token, proof, record; and what was before goes last. */
#ifndef CORE_OWN_CREDENTIAL_PLAN_H
#define CORE_OWN_CREDENTIAL_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum own_step {
	OWN_WAIT,         /* a reply, the member's state or another word will come */
	OWN_REST,         /* the same, and a time */
	OWN_READ,         /* hub: what the record is */
	OWN_IDENTIFY,     /* member: who are we there? */
	OWN_CHECK_RIGHTS, /* member: may we do what follows? */
	OWN_TAKE,         /* hub: the next generation, before its anchor is made */
	OWN_CREATE_ANCHOR,
	OWN_MINT,
	OWN_PROVE,  /* member: with the token alone */
	OWN_STORE,  /* hub: the token, which is used from then on */
	OWN_CLEAR,  /* member: an anchor that is of no use any more */
	OWN_SETTLE, /* hub: none of them is left */
	OWN_WRITE,  /* hub: what is known, once more */
	OWN_STEP_COUNT,
};

enum own_answer { OWN_UNKNOWN, OWN_YES, OWN_NO };

struct own_credential_facts {
	bool may_act; /* we lead */
	bool busy;    /* a step is under way */
	bool member_ready;
	bool others_are_gone; /* nobody uses a credential from before any more */
	bool in_doubt;        /* a write of the record may have been done, or was refused */
	bool lost;            /* there is no record any more, and it had a token */
	bool live;            /* a token is stored */
	bool refused;         /* ... which the member did not take */
	bool taken;           /* this process took the generation last, and its try goes on */
	bool anchored, minted, proved;
	bool cleared; /* of all stale anchors nothing is left */
	enum own_answer is_account;
	enum own_answer may_mint;
	size_t stale_count;
	int64_t now_ms;
	int64_t renew_at_ms;
	int64_t mint_at_ms;  /* not before */
	int64_t retry_at_ms; /* a step failed */
	int64_t clear_at_ms; /* a deletion failed */
	int64_t ask_at_ms;   /* when a no is asked again */
};

struct own_credential_plan {
	enum own_step step;
	int64_t wake_at_ms; /* of OWN_REST */
};

struct own_credential_plan own_credential_plan_next(const struct own_credential_facts *facts);

/* How long to wait after a failure: longer each time, but never so long that the time until
 * LEFT_MS, the end of what is in use, would hold no four tries more. RANDOM is any number. */
int64_t own_credential_plan_retry_ms(unsigned attempts, int64_t left_ms, uint32_t random);

#endif
