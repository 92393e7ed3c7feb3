/* base64.h - RFC 4648 base64, both alphabets. Pure.
 *
 * Decoding is strict about alphabet, padding and trailing bits. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct secret;

/* Standard alphabet with padding. The caller's; wiped when released. */
char *base64_encode(const char *bytes, size_t size);

/* Standard alphabet with padding; white space between characters is passed over, as kubeconfig
 * files hold it. The result is a secret, because keys and tokens come this way. */
bool base64_decode(const char *text, struct secret *ret_bytes, struct error *err);

/* URL-safe alphabet without padding, SIZE characters (JOSE, RFC 7515 2). */
bool base64url_decode(const char *text, size_t size, struct secret *ret_bytes, struct error *err);

#endif
