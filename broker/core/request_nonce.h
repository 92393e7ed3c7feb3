/* request_nonce.h - the nonce of a request, which its marks and the names of its anchors are made
 * of. Pure.
 *
 * It follows from a key of the hub: what was made for a request can be known as ours also when its
 * record is lost, and a new record of it has the same nonce. Who does not have the key can neither
 * guess a nonce nor forge a mark. */
#ifndef CORE_REQUEST_NONCE_H
#define CORE_REQUEST_NONCE_H

#include <base/digest.h>

struct secret;

/* KEY is borrowed; NULL: the nonce is drawn, another one each time. */
void request_nonce(const struct secret *key, const char *hub_id, const char *request_uid,
		   char ret_nonce[NONCE_SIZE]);

#endif
