#include "core/sweep_round.h"

#include <stdio.h>

#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access_index.h"
#include "core/hub_census.h"
#include "core/hub_state.h"
#include "core/kube_path.h"
#include "core/ledger.h"
#include "core/member_objects.h"
#include "core/store.h"
#include "core/stray.h"

enum { SCOPES_MAX = 64 }; /* what a member shows may add some */

void sweep_round_done(struct sweep_round *round)
{
	for (size_t i = 0; i < round->scope_count; i++)
		memory_free(round->scopes[i].namespace);
	memory_free(round->scopes);
	hub_census_free(round->census);
	store_free(round->strays);
	*round = (struct sweep_round){0};
}

static void ensure_scope(struct sweep_round *round, const struct kube_resource *resource,
			 const char *namespace)
{
	for (size_t i = 0; i < round->scope_count; i++)
		if (round->scopes[i].resource == resource &&
		    text_same(round->scopes[i].namespace, namespace))
			return;
	if (round->scope_count == SCOPES_MAX)
		return;
	round->scopes =
		memory_resize(round->scopes, round->scope_count + 1, sizeof(*round->scopes));
	round->scopes[round->scope_count++] =
		(struct sweep_scope){resource, memory_text(namespace)};
}

/* In namespaces of identities only may we list ServiceAccounts. */
static bool ensure_identities(void *context, const char *namespace_name, void *object)
{
	(void)object;
	ensure_scope(context, &KUBE_SERVICE_ACCOUNTS, namespace_name);
	return true;
}

void sweep_round_begin(struct sweep_round *round, const char *identity_namespace,
		       const struct hub_state *seen)
{
	sweep_round_done(round);
	round->strays = store_new(stray_free);
	ensure_scope(round, &KUBE_CLUSTER_ROLE_BINDINGS, NULL);
	ensure_scope(round, &KUBE_ROLE_BINDINGS, NULL);
	ensure_scope(round, &KUBE_CLUSTER_ROLES, NULL);
	ensure_scope(round, &KUBE_ROLES, NULL);
	ensure_scope(round, &KUBE_SERVICE_ACCOUNTS, identity_namespace);
	store_each(seen->identity_namespaces, ensure_identities, round);
}

void sweep_round_repeat(struct sweep_round *round)
{
	round->scope = 0;
	round->second = true;
	round->ours = round->unproven = 0;
}

/* Whoever lives, or is still being undone, is no business of a sweep. */
static bool is_known(const struct sweep_round *round, const struct sweep_ground *ground,
		     const char *request_uid)
{
	char key[512];

	if (store_find(ground->index->accesses, request_uid) ||
	    (round->census && hub_census_knows(round->census, request_uid)))
		return true;
	snprintf(key, sizeof(key), "%s/%s", ground->namespace, request_uid);
	return store_find(ground->seen->ledgers, key) != NULL;
}

static bool has_another_uid(void *context, const char *key, void *object)
{
	const struct ledger *ledger = object;

	(void)key;
	for (size_t i = 0; i < ledger->object_count; i++)
		if (text_same(ledger->objects[i].uid, context))
			return false;
	return true;
}

/* A ServiceAccount that somebody made anew with our mark on it may have been lent to a request. */
static bool is_lent(const struct sweep_ground *ground, const struct stray *stray)
{
	return stray->resource == &KUBE_SERVICE_ACCOUNTS &&
	       !store_each(ground->seen->ledgers, has_another_uid, stray->uid);
}

static void note_again(const struct sweep_round *round, const struct sweep_ground *ground,
		       const struct stray *again)
{
	struct stray *stray = store_find(round->strays, again->uid);

	if (!stray || !text_same(stray->request_uid, again->request_uid) || is_lent(ground, stray))
		return;
	stray->seen_again = true;
	memory_free(stray->resource_version);
	stray->resource_version = memory_text(again->resource_version);
}

static void note_first(struct sweep_round *round, const struct json *item, struct stray *stray)
{
	const struct json *subject = json_item(json_find(item, "subjects"), 0);
	const char *namespace = json_find_string(subject, "namespace");

	store_put(round->strays, stray->uid, stray);
	if (!text_is_empty(namespace))
		ensure_scope(round, &KUBE_SERVICE_ACCOUNTS, namespace);
}

void sweep_round_take(struct sweep_round *round, const struct sweep_ground *ground,
		      const struct json *item)
{
	const char *request_uid = member_object_request(item, ground->hub_id);
	bool known = request_uid && is_known(round, ground, request_uid);
	struct stray *stray;

	if (!request_uid || (known && !round->second))
		return;
	stray = stray_read(round->scopes[round->scope].resource, item, ground->hub_id, request_uid,
			   ground->key);
	round->ours += stray != NULL;
	if (known) {
		stray_free(stray);
	} else if (!stray) {
		round->unproven += !json_find(item, "metadata", "deletionTimestamp");
	} else if (round->second) {
		note_again(round, ground, stray);
		stray_free(stray);
	} else {
		note_first(round, item, stray);
	}
}

struct choice {
	const struct sweep_round *round;
	const struct sweep_ground *ground;
	struct stray *best;
	size_t count;
};

static bool choose(void *context, const char *uid, void *object)
{
	struct choice *choice = context;
	struct stray *stray = object;

	(void)uid;
	if (!stray->seen_again || stray->handled ||
	    is_known(choice->round, choice->ground, stray->request_uid))
		return true;
	choice->count++;
	if (!choice->best || stray_rank(stray) < stray_rank(choice->best))
		choice->best = stray;
	return true;
}

static struct choice choose_from(const struct sweep_round *round, const struct sweep_ground *ground)
{
	struct choice choice = {.round = round, .ground = ground};

	if (round->census && round->second)
		store_each(round->strays, choose, &choice);
	return choice;
}

struct stray *sweep_round_next(const struct sweep_round *round, const struct sweep_ground *ground)
{
	return choose_from(round, ground).best;
}

size_t sweep_round_left(const struct sweep_round *round, const struct sweep_ground *ground)
{
	return choose_from(round, ground).count;
}
