/* sample_token.h - tokens as API servers mint them, as far as their form goes. */
#ifndef SUPPORT_SAMPLE_TOKEN_H
#define SUPPORT_SAMPLE_TOKEN_H

#include <stdint.h>

struct json;

/* The canary: in the signature of every token, so that a search for it finds any of them. */
#define SAMPLE_TOKEN_CANARY "Q0FOQVJZ"

/* header.CLAIMS.signature; the signature is worth nothing. The caller's. */
char *sample_token(const struct json *claims);

/* The claims of a token for SUBJECT from ISSUED_AT for LIFETIME_S. The caller's. */
struct json *sample_token_claims(const char *subject, int64_t issued_at, int64_t lifetime_s,
				 const char *jti);

#endif
