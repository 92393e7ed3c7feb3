#include "core/hub_state.h"

#include <stddef.h>

#include <base/error.h>
#include <rbac/access_policy.h>
#include <rbac/rbac_template.h>

#include "core/cluster_profile.h"
#include "core/hub_namespace.h"
#include "core/kube_path.h"
#include "core/ledger.h"
#include "core/ledger_record.h"
#include "core/request.h"
#include "core/store.h"

static void *read_request(const struct json *object, struct error *err)
{
	return request_read(object, err);
}

static void *read_profile(const struct json *object, struct error *err)
{
	return cluster_profile_read(object, err);
}

static void *read_ledger(const struct json *object, struct error *err)
{
	return ledger_record_read(object, err);
}

static void *read_policy(const struct json *object, struct error *err)
{
	return access_policy_read(object, err);
}

static void *read_template(const struct json *object, struct error *err)
{
	return rbac_template_read(object, err);
}

static void *read_namespace(const struct json *object, struct error *err)
{
	return hub_namespace_read(object, err);
}

void hub_state_init(struct hub_state *seen)
{
	*seen = (struct hub_state){
		.requests = store_new(request_free),
		.profiles = store_new(cluster_profile_free),
		.ledgers = store_new(ledger_free),
		.policies = store_new(access_policy_free),
		.templates = store_new(rbac_template_free),
		.namespaces = store_new(hub_namespace_free),
		.identity_namespaces = store_new(NULL),
	};
}

void hub_state_done(struct hub_state *seen)
{
	store_free(seen->requests);
	store_free(seen->profiles);
	store_free(seen->ledgers);
	store_free(seen->policies);
	store_free(seen->templates);
	store_free(seen->namespaces);
	store_free(seen->identity_namespaces);
	*seen = (struct hub_state){0};
}

struct store *hub_state_store(const struct hub_state *seen, const struct kube_resource *resource,
			      hub_state_read **ret_read)
{
	const struct {
		const struct kube_resource *resource;
		struct store *store;
		hub_state_read *reader;
	} kinds[] = {
		{&KUBE_AUTH_TOKEN_REQUESTS, seen->requests, read_request},
		{&KUBE_CLUSTER_PROFILES, seen->profiles, read_profile},
		{&KUBE_ISSUED_CREDENTIALS, seen->ledgers, read_ledger},
		{&KUBE_ACCESS_POLICIES, seen->policies, read_policy},
		{&KUBE_RBAC_TEMPLATES, seen->templates, read_template},
		{&KUBE_NAMESPACES, seen->namespaces, read_namespace},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].resource == resource) {
			*ret_read = kinds[i].reader;
			return kinds[i].store;
		}
	return NULL;
}

bool hub_state_put(struct hub_state *seen, const struct kube_resource *resource, const char *key,
		   const struct json *object)
{
	hub_state_read *reader = NULL;
	struct store *store = hub_state_store(seen, resource, &reader);
	struct error err = {0};
	void *found = store ? reader(object, &err) : NULL;

	if (found)
		store_put(store, key, found);
	return found != NULL;
}

void hub_state_note_identity(struct hub_state *seen, const char *namespace_name)
{
	static char present;

	if (namespace_name)
		store_put(seen->identity_namespaces, namespace_name, &present);
}

static bool note_identities_of_policy(void *context, const char *key, void *policy)
{
	const char *name;

	(void)key;
	for (size_t i = 0; (name = access_policy_identity_namespace(policy, i)); i++)
		hub_state_note_identity(context, name);
	return true;
}

static bool note_identity_of_ledger(void *context, const char *key, void *object)
{
	const struct ledger *ledger = object;

	(void)key;
	hub_state_note_identity(context, ledger->identity_namespace);
	return true;
}

void hub_state_learn_identities(struct hub_state *seen)
{
	store_replace_begin(seen->identity_namespaces);
	store_each(seen->policies, note_identities_of_policy, seen);
	store_each(seen->ledgers, note_identity_of_ledger, seen);
	store_replace_end(seen->identity_namespaces, NULL, NULL);
}
