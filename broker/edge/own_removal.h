/* own_removal.h - the end of an own credential that belongs to no member access any more.
 *
 * Makes sure of that on the hub, deletes its anchors with the credential itself, which revokes it,
 * and then the Secret. A member that is away is waited for until the token has expired; one that
 * does not let us delete is left as it is. */
#ifndef EDGE_OWN_REMOVAL_H
#define EDGE_OWN_REMOVAL_H

#include <stdbool.h>

struct own_credential;
struct own_credentials_config;
struct own_removal;

/* RECORD and CONFIG are borrowed, RECORD for the call. Begins in the next turn of the loop. */
struct own_removal *own_removal_new(const struct own_credentials_config *config,
				    const struct own_credential *record);
/* At once; a call of the hub must not be answered any more. NULL is fine. */
void own_removal_free(struct own_removal *removal);

/* Of the Secret. Borrowed. */
const char *own_removal_name(const struct own_removal *removal);
bool own_removal_is_busy(const struct own_removal *removal);

#endif
