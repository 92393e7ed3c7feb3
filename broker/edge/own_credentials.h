/* own_credentials.h - the broker's own credentials on all members.
 *
 * A member access Secret gives a first credential, which may be short-lived. Where it is a
 * ServiceAccount's that may make tokens for itself, the broker makes its own with it, keeps it on
 * the hub, and renews it. What belongs to no member access any more is revoked and removed.
 *
 * Two brokers do not disturb each other: only who leads may call own_credentials_begin(). */
#ifndef EDGE_OWN_CREDENTIALS_H
#define EDGE_OWN_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/access_executor.h"

struct http_client;
struct loop;
struct member_access;
struct own_credentials;
struct own_keeper;
struct secret;
struct store;

/* Something that people want to know, about a member access. Borrowed for the call. */
struct own_news {
	const char *type; /* of an Event: "Normal" or "Warning" */
	const char *reason;
	const char *message;
	const char *access_name, *access_uid;
	const char *profile_key;
};

struct own_credentials_config {
	struct kube_port hub;
	struct access_executor members;
	/* A link to the member that was replaced still has calls under way. */
	bool (*leaves)(void *context, const char *profile_key);
	/* Another credential is to be used. */
	void (*switched)(void *context, const char *profile_key);
	void *context;
	/* What was to end has ended. Both are set by own_credentials_new(). */
	void (*ended)(void *owner);
	void *owner;
	void (*tell)(void *tell_context, const struct own_news *news);
	void *tell_context;
	struct http_client *http;
	struct loop *loop;
	const char *hub_id;    /* borrowed, as is NAMESPACE */
	const char *namespace; /* the broker's on the hub */
	int64_t lifetime_s;    /* to be asked for; 0: no own credentials, and those there are go */
	bool loopback_allowed;
};

struct own_credentials *own_credentials_new(const struct own_credentials_config *config);
/* No call may be under way that could still be answered. NULL is fine. */
void own_credentials_free(struct own_credentials *all);

/* What the watch of them fills: struct own_credential by "namespace/name". */
struct store *own_credentials_store(struct own_credentials *all);
/* The Secret of KEY in that store was added, changed or removed. */
void own_credentials_changed(struct own_credentials *all, const char *key);
/* The member access of KEY ("namespace/name") is ACCESS; NULL: there is none to be used. */
void own_credentials_access_changed(struct own_credentials *all, const char *key,
				    const struct member_access *access);
/* The member of PROFILE_KEY is in another state, or a link to it has left. */
void own_credentials_member_changed(struct own_credentials *all, const char *profile_key);
/* The member did not take the credential in use for ACCESS. */
void own_credentials_refused(struct own_credentials *all, const struct member_access *access);

/* Which credential is to be used for ACCESS: our own of RET_GENERATION, or (NULL, 0) what was
 * given. Borrowed until the next turn of the loop. */
const struct secret *own_credentials_token(const struct own_credentials *all,
					   const struct member_access *access,
					   int64_t *ret_generation);

/* We lead, and all stores hold their first complete list: from now on it may act. */
void own_credentials_begin(struct own_credentials *all);

#endif
