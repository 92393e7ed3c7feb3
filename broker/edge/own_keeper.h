/* own_keeper.h - keeps a credential of the broker's own alive for one member access.
 *
 * Says which credential is to be used there, the one that was given or our own, and does what the
 * plan says next. Does nothing before own_keeper_begin(). */
#ifndef EDGE_OWN_KEEPER_H
#define EDGE_OWN_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

struct member_access;
struct own_credential;
struct own_credentials_config;
struct own_keeper;
struct secret;

/* CONFIG is borrowed, ACCESS is not. */
struct own_keeper *own_keeper_new(const struct own_credentials_config *config,
				  const struct member_access *access);
/* At once; no call may be under way that could still be answered. NULL is fine. */
void own_keeper_free(struct own_keeper *keeper);
/* ACCESS may have been edited, without another kubeconfig. */
void own_keeper_update(struct own_keeper *keeper, const struct member_access *access);

/* Of the Secret that holds the credential. Borrowed. */
const char *own_keeper_name(const struct own_keeper *keeper);
/* The generation to be used on the member; 0: what was given. */
int64_t own_keeper_generation(const struct own_keeper *keeper);
/* Its token; NULL: what was given. Borrowed until the next turn of the loop. */
const struct secret *own_keeper_token(const struct own_keeper *keeper);

/* The hub has RECORD. After begin it is taken over only while we have stored none. */
void own_keeper_offer(struct own_keeper *keeper, const struct own_credential *record);
/* The hub does not show the record any more. */
void own_keeper_doubt(struct own_keeper *keeper);
/* From now on it may act. */
void own_keeper_begin(struct own_keeper *keeper);
/* Something changed on the way to the member. */
void own_keeper_wake(struct own_keeper *keeper);
/* The member did not take the credential that is in use. */
void own_keeper_refused(struct own_keeper *keeper);

/* No step follows the one that is under way. */
void own_keeper_retire(struct own_keeper *keeper);
bool own_keeper_is_busy(const struct own_keeper *keeper);

#endif
