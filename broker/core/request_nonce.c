#include "core/request_nonce.h"

#include <stddef.h>
#include <string.h>

#include <base/secret.h>

/* What this digest is for, should the key ever be used for others. */
static const char purpose[] = "nonce of a request";

void request_nonce(const struct secret *key, const char *hub_id, const char *request_uid,
		   char ret_nonce[NONCE_SIZE])
{
	char digest[DIGEST_SHORT_SIZE];
	char hex[DIGEST_HEX_SIZE];

	if (!key) {
		digest_nonce(ret_nonce);
		return;
	}
	digest_short((const char *const[]){secret_expose(key), purpose, hub_id, request_uid, NULL},
		     digest);
	digest_hex(digest, strlen(digest), hex);
	memcpy(ret_nonce, hex, NONCE_SIZE - 1);
	ret_nonce[NONCE_SIZE - 1] = '\0';
}
