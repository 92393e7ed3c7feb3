/* own_steps.h - the calls by which the broker gets a credential of its own on one member.
 *
 * Carries out one step of core/own_credential_plan at a time and keeps what it taught. Decides
 * neither when nor which. */
#ifndef EDGE_OWN_STEPS_H
#define EDGE_OWN_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/secret.h>

#include "core/kube_call.h"
#include "core/own_credential_plan.h"

struct error;
struct kube_endpoint;
struct own_credential;
struct own_credentials_config;

struct own_steps {
	const struct own_credentials_config *config; /* borrowed, as is GIVEN */
	const struct kube_endpoint *given;           /* where the member is */
	struct own_credential *record;               /* as stored last, or new */
	struct own_credential *next;                 /* what a write under way makes of it */
	const char *told;                            /* the reason that was told last; NULL: none */
	char *anchor_uid;                            /* of the try under way; NULL: none */
	struct secret token;                         /* of the try under way, not stored yet */
	int64_t issued_at, expires_at;               /* of TOKEN */
	int64_t rotate_at;                           /* as it is asked for; 0: not */
	int64_t renew_at_ms, mint_at_ms, retry_at_ms, clear_at_ms, ask_at_ms; /* monotonic */
	int64_t dropped; /* the generation of the try given up last; 0: none since a read */
	size_t cleared;  /* of the stale anchors */
	unsigned attempts, proofs, clear_attempts; /* failed in a row */
	unsigned question;                         /* of those on our rights */
	enum own_answer is_account, may_mint;
	bool in_doubt, taken, proved;
	/* A step has ended, well or not. */
	void (*ended)(void *context);
	void *context;
};

/* Wipes. */
void own_steps_done(struct own_steps *steps);

/* Takes RECORD, as the hub has it, in place of what was known. */
void own_steps_adopt(struct own_steps *steps, struct own_credential *record);

/* A rotation is asked for at ROTATE_AT, in seconds; 0: none is. */
void own_steps_rotate(struct own_steps *steps, int64_t rotate_at);

/* Carries out STEP, which waits for nothing. */
void own_steps_start(struct own_steps *steps, enum own_step step);

/* Tells people REASON with MESSAGE, unless it was told last. */
void own_steps_tell(struct own_steps *steps, const char *type, const char *reason,
		    const char *message);

/* For those who carry out steps. WHAT failed is part of a sentence for people. */
int64_t own_steps_now_ms(const struct own_steps *steps);
int64_t own_steps_wall_s(const struct own_steps *steps);
void own_steps_call_member(struct own_steps *steps, const struct kube_request *request,
			   kube_done *done);
/* The generation is used up; a token of it is wiped. */
void own_steps_forget_try(struct own_steps *steps);
void own_steps_succeed(struct own_steps *steps);
void own_steps_fail(struct own_steps *steps, const char *what, const struct error *err);
/* No path can be made of what the member said. */
void own_steps_fail_path(struct own_steps *steps, const struct error *err);

#endif
