/* claims.h - what a token says about itself. Pure.
 *
 * Reads the claims WITHOUT verifying the signature: for tokens that came straight from the API
 * server that minted them, to learn lifetime and identity. Never decide with them whether to trust
 * whoever presents a token. No algorithm is refused, because API servers may bring any
 * (kube-semantics T-13). */
#ifndef CORE_CLAIMS_H
#define CORE_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct secret;

struct claims {
	char *jti; /* NULL: API servers before 1.32 give none */
	char *subject, *issuer;
	int64_t issued_at, expires_at; /* seconds since 1970; expires_at is the later */
	char *bound_secret_uid;        /* kubernetes.io.secret.uid; NULL: bound to no Secret */
	char *service_account_uid;     /* kubernetes.io.serviceaccount.uid; NULL: not said */
	char **audiences;
	size_t audience_count; /* at least one */
};

/* Fails with ERROR_INVALID, in a text without any part of TOKEN, unless it is a JWS in compact
 * form, within TOKEN_MAX, with all of these claims in their right types. How long the token may
 * live and whom it may name is the caller's to check. RET_CLAIMS is released with claims_done(). */
bool claims_read(const struct secret *token, struct claims *ret_claims, struct error *err);

/* Fine when empty and twice. */
void claims_done(struct claims *claims);

#endif
