/* digest.h - SHA-256 over a list of fields, and random identifiers. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stddef.h>

enum {
	DIGEST_HEX_SIZE = 65,   /* 64 hex digits and a NUL */
	DIGEST_SHORT_SIZE = 27, /* 26 base32 characters (130 bits) and a NUL */
	NONCE_SIZE = 33,        /* 32 hex digits (128 bits) and a NUL */
};

/* SHA-256 of BYTES in lower-case hex. */
void digest_hex(const char *bytes, size_t size, char ret_hex[DIGEST_HEX_SIZE]);

/* The first 130 bits of SHA-256 over FIELDS (ends with NULL), in lower-case base32 (a-z2-7). Each
 * field is preceded by its length, so ("a","bc") and ("ab","c") differ. */
void digest_short(const char *const *fields, char ret_text[DIGEST_SHORT_SIZE]);

/* 128 random bits in hex. Ends the process when the generator fails. */
void digest_nonce(char ret_nonce[NONCE_SIZE]);

#endif
