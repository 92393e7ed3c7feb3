/* access_token.h - a token between its mint and its delivery. Nobody else has it. */
#ifndef CORE_ACCESS_TOKEN_H
#define CORE_ACCESS_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include <base/secret.h>

struct access_token {
	struct secret secret;
	int64_t generation;
	int64_t renew_at_ms; /* monotonic, as is the next one */
	int64_t expires_at_ms;
	bool proved;
	bool perhaps_delivered; /* whether its Secret was written is not known */
};

#endif
