#include "edge/hub_key.h"

#include <string.h>

#include <base/digest.h>

enum { DIGITS = NONCE_SIZE - 1 }; /* 128 bits */

/* A shorter one was not made by us. */
static bool is_legal(const char *key)
{
	return strlen(key) >= DIGITS;
}

const struct hub_constant HUB_KEY = {
	.config_map = "credbroker-hub-key",
	.key = "key",
	.digits = DIGITS,
	.immutable = true,
	.is_legal = is_legal,
};
