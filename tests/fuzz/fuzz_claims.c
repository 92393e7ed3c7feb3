/* Claims are whole or not there. */
#include <string.h>

#include <base/error.h>
#include <base/secret.h>
#include <base/timestamp.h>

#include "broker/core/claims.h"
#include "tests/fuzz/fuzz.h"

static void require_whole(const struct claims *claims)
{
	char text[TIMESTAMP_SIZE];

	require(claims->subject && claims->subject[0] && !strchr(claims->subject, '\n'));
	require(claims->issuer && claims->issuer[0]);
	require(!claims->jti || claims->jti[0]);
	require(claims->issued_at >= 0 && claims->expires_at > claims->issued_at);
	require(claims->audience_count > 0);
	for (size_t i = 0; i < claims->audience_count; i++)
		require(claims->audiences[i][0] != '\0');
	timestamp_format(claims->expires_at, text);
	require(strlen(text) == 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_secret struct secret token = secret_from_bytes((const char *)data, size);
	struct claims claims = {0};
	struct error err = {0};

	if (claims_read(&token, &claims, &err))
		require_whole(&claims);
	else
		require(err.kind == ERROR_INVALID && !claims.subject && !claims.audiences);
	claims_done(&claims);
	return 0;
}
