#include <base/secret.h>

#include <openssl/crypto.h>

#include <base/memory.h>

struct secret secret_from_bytes(const char *bytes, size_t size)
{
	if (size == 0)
		return (struct secret){0};
	return (struct secret){.bytes = memory_bytes(bytes, size), .size = size};
}

struct secret secret_dup(const struct secret *secret)
{
	return secret_from_bytes(secret->bytes, secret->size);
}

struct secret secret_take(char *bytes, size_t size)
{
	if (size == 0) {
		memory_free(bytes);
		return (struct secret){0};
	}
	return (struct secret){.bytes = bytes, .size = size};
}

struct secret secret_move(struct secret *secret)
{
	struct secret moved = *secret;

	*secret = (struct secret){0};
	return moved;
}

void secret_done(struct secret *secret)
{
	memory_free(secret->bytes);
	*secret = (struct secret){0};
}

bool secret_is_empty(const struct secret *secret)
{
	return secret->size == 0;
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
	if (a->size != b->size)
		return false;
	return a->size == 0 || CRYPTO_memcmp(a->bytes, b->bytes, a->size) == 0;
}

const char *secret_expose(const struct secret *secret)
{
	return secret->bytes ? secret->bytes : "";
}
