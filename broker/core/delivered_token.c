#include "core/delivered_token.h"

#include <base/base64.h>
#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/secret.h>
#include <base/text.h>

#include "core/claims.h"
#include "core/ledger.h"

/* API servers before 1.32 give no jti: then there are its anchor and its times. */
static bool is_on_record(const struct claims *claims, const struct ledger_anchor *anchor)
{
	return text_same(claims->jti ? claims->jti : LEDGER_NO_JTI, anchor->jti) &&
	       text_same(claims->bound_secret_uid, anchor->uid) &&
	       claims->issued_at == anchor->issued_at && claims->expires_at == anchor->expires_at;
}

bool delivered_token_read(const struct json *secret, const struct ledger_anchor *anchor,
			  struct secret *ret_token, struct error *err)
{
	const char *encoded = json_find_string(secret, "data", "token");
	cleanup_secret struct secret token = {0};
	cleanup_with(claims_done) struct claims claims = {0};
	struct error why = {0};

	if (!encoded || !base64_decode(encoded, &token, &why) ||
	    !claims_read(&token, &claims, &why))
		return error_set(err, ERROR_INVALID, "the Secret holds no token");
	if (!is_on_record(&claims, anchor))
		return error_set(err, ERROR_INVALID,
				 "the Secret holds another token than the one on record");
	*ret_token = secret_move(&token);
	return true;
}
