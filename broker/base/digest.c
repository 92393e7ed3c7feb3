#include <base/digest.h>

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SHA256_SIZE = 32,
	NONCE_BYTES = (NONCE_SIZE - 1) / 2,
	LENGTH_BYTES = 8,
};

/* OpenSSL fails here only when it is broken or misconfigured; no caller could go on. */
static void require(int result, const char *what)
{
	if (result == 1)
		return;
	fprintf(stderr, "credbroker: %s failed\n", what);
	abort();
}

static void write_hex(const unsigned char *bytes, size_t size, char *ret_hex)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++) {
		ret_hex[2 * i] = digits[bytes[i] >> 4];
		ret_hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret_hex[2 * size] = '\0';
}

/* Five bits a character, highest first (RFC 4648 6), cut where TEXT is full. */
static void write_base32(const unsigned char *bytes, char ret_text[DIGEST_SHORT_SIZE])
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";

	for (size_t i = 0; i < DIGEST_SHORT_SIZE - 1; i++) {
		size_t bit = 5 * i;
		unsigned pair = (unsigned)bytes[bit / 8] << 8 | bytes[bit / 8 + 1];
		ret_text[i] = digits[pair >> (11 - bit % 8) & 31];
	}
	ret_text[DIGEST_SHORT_SIZE - 1] = '\0';
}

static void add_field(EVP_MD_CTX *context, const char *field)
{
	unsigned char length[LENGTH_BYTES];
	size_t size = strlen(field);

	for (size_t i = 0; i < LENGTH_BYTES; i++)
		length[i] = (unsigned char)((uint64_t)size >> (56 - 8 * i));
	require(EVP_DigestUpdate(context, length, sizeof(length)), "SHA-256");
	require(EVP_DigestUpdate(context, field, size), "SHA-256");
}

void digest_hex(const char *bytes, size_t size, char ret_hex[DIGEST_HEX_SIZE])
{
	unsigned char digest[SHA256_SIZE];

	require(EVP_Digest(bytes, size, digest, NULL, EVP_sha256(), NULL), "SHA-256");
	write_hex(digest, sizeof(digest), ret_hex);
}

void digest_short(const char *const *fields, char ret_text[DIGEST_SHORT_SIZE])
{
	unsigned char digest[SHA256_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	require(context != NULL, "SHA-256");
	require(EVP_DigestInit_ex(context, EVP_sha256(), NULL), "SHA-256");
	for (; *fields; fields++)
		add_field(context, *fields);
	require(EVP_DigestFinal_ex(context, digest, NULL), "SHA-256");
	EVP_MD_CTX_free(context);
	write_base32(digest, ret_text);
}

void digest_nonce(char ret_nonce[NONCE_SIZE])
{
	unsigned char bytes[NONCE_BYTES];

	require(RAND_bytes(bytes, sizeof(bytes)), "the random generator");
	write_hex(bytes, sizeof(bytes), ret_nonce);
}
