/* delivered_token.h - the token that a Secret of ours holds, when it is the one on record. Pure.
 *
 * Whoever may write the Secret can put anything there. What is read is compared with the record by
 * what the token says of itself, which proves no signature: only the member can tell whether it is
 * still worth something. */
#ifndef CORE_DELIVERED_TOKEN_H
#define CORE_DELIVERED_TOKEN_H

#include <stdbool.h>

struct error;
struct json;
struct ledger_anchor;
struct secret;

/* The token in SECRET, a Secret as read from the hub. Fails with ERROR_INVALID, in a text without
 * any part of it, when there is none or not the one that is on record for ANCHOR. */
bool delivered_token_read(const struct json *secret, const struct ledger_anchor *anchor,
			  struct secret *ret_token, struct error *err);

#endif
