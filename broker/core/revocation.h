/* revocation.h - what a record says of a revocation that has to wait: since when, why, and whether
 * a token may still live.
 *
 * Pure. A part of the ledger; says nothing of what is to be done. */
#ifndef CORE_REVOCATION_H
#define CORE_REVOCATION_H

#include <stdbool.h>
#include <stdint.h>

struct json;
struct ledger;

struct revocation {
	char *reason;     /* why the last try failed, as of tried_s */
	int64_t since_s;  /* seconds since 1970; 0: it does not wait */
	int64_t tried_s;  /* the last try that is on record; others may have followed */
	bool unconfirmed; /* no token can live any more; what stood on the member may stand still */
};

/* When the last of LEDGER's tokens expires, in seconds by the clock of its member. One whose answer
 * was lost counts with the longest life that can be asked for, from NOW_S or from when the
 * revocation began to wait: nothing is minted after that. 0: there is no token. */
int64_t revocation_last_expiry_s(const struct ledger *ledger, int64_t now_s);

/* No token of LEDGER can be accepted any more, whatever its member's clock says. */
bool revocation_outlasts_tokens(const struct ledger *ledger, int64_t now_s);

/* When the record, with CAUSE for a reason, is to be written again, in seconds: when its state
 * changes, and from time to time, for people to see that it is not forgotten; 0: at once. */
int64_t revocation_due_s(const struct ledger *ledger, const char *cause, int64_t now_s);

/* It waits, because of CAUSE; from here on there is no way back but through its end. */
void revocation_note(struct ledger *ledger, const char *cause, int64_t now_s);

/* "Live", "Revoking", "RevocationPending" or "ExpiredUnconfirmed". Static. */
const char *revocation_state(const struct ledger *ledger);

/* To and from the record's spec. */
void revocation_render(const struct ledger *ledger, struct json *spec);
void revocation_read(struct ledger *ledger, const struct json *spec);

#endif
