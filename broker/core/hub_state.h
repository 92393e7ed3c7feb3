/* hub_state.h - what is known of the hub: one store for each kind of object that watches show, and
 * whether its admission is proven.
 *
 * Pure. What is not in a store may still exist: nothing is destroyed on its word alone. */
#ifndef CORE_HUB_STATE_H
#define CORE_HUB_STATE_H

#include <stdbool.h>

#include "core/admission_proof.h"

struct error;
struct json;
struct kube_resource;
struct store;

struct hub_state {
	struct store *requests;   /* struct request by "namespace/name" */
	struct store *profiles;   /* struct cluster_profile by "namespace/name" */
	struct store *ledgers;    /* struct ledger by "namespace/name" */
	struct store *policies;   /* struct access_policy by name */
	struct store *templates;  /* struct rbac_template by name */
	struct store *namespaces; /* struct hub_namespace by name */
	struct admission_proof admission;
	/* Namespaces of members where identities are, whatever member: see below. */
	struct store *identity_namespaces;
};

void hub_state_init(struct hub_state *seen);
void hub_state_done(struct hub_state *seen);

/* The store for objects of RESOURCE, and how they are read into it; NULL for other resources. */
typedef void *hub_state_read(const struct json *object, struct error *err);
struct store *hub_state_store(const struct hub_state *seen, const struct kube_resource *resource,
			      hub_state_read **ret_read);

/* Puts OBJECT, which a live read found, where the watch of RESOURCE will look for it. False when it
 * cannot be read. */
bool hub_state_put(struct hub_state *seen, const struct kube_resource *resource, const char *key,
		   const struct json *object);

/* Learns anew in which namespaces of members identities are: those that policies name for them and
 * those on record. To be called when policies changed. */
void hub_state_learn_identities(struct hub_state *seen);
/* One more of them. */
void hub_state_note_identity(struct hub_state *seen, const char *namespace_name);

#endif
