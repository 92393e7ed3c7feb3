/* pem.h - says whether a text is PEM of one kind and nothing else. Pure.
 *
 * Looks at the armour only (RFC 7468); what is inside is for the TLS library to judge. */
#ifndef CORE_PEM_H
#define CORE_PEM_H

#include <stdbool.h>

struct secret;

enum pem_kind {
	PEM_CERTIFICATES, /* one CERTIFICATE block or more */
	PEM_PRIVATE_KEY,  /* one unencrypted private key; EC PARAMETERS may stand before it */
};

/* False also for text before, between or behind the blocks. */
bool pem_is(enum pem_kind kind, const struct secret *text);

#endif
