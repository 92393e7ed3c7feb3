#include "simulation/deadline.h"

#include <stdio.h>
#include <string.h>

#include <base/base64.h>
#include <base/error.h>
#include <base/json.h>
#include <base/secret.h>
#include <base/text.h>

#include "core/kube_path.h"
#include "delivery/cluster_facts.h"
#include "simulation/calm.h"
#include "simulation/server.h"
#include "simulation/world.h"

enum {
	REVOKED_MS = 5 * 60 * 1000,
	SERVED_MS = 5 * 60 * 1000,
};

static const struct thing *find(const struct cluster *cluster, const struct kube_resource *resource,
				const char *namespace, const char *name)
{
	struct address address = {.resource = resource};

	snprintf(address.namespace, sizeof(address.namespace), "%s", namespace);
	snprintf(address.name, sizeof(address.name), "%s", name);
	return cluster_find(cluster, &address);
}

static const char *after_slash(const char *key)
{
	return strchr(key, '/') + 1;
}

static bool policy_allows(const struct world *world, int team)
{
	char name[32];
	char team_name[32];
	const struct thing *policy;
	const struct json *subject;

	snprintf(name, sizeof(name), "policy-%c", 'a' + team);
	snprintf(team_name, sizeof(team_name), "team-%c", 'a' + team);
	policy = find(&world->hub, &KUBE_ACCESS_POLICIES, "", name);
	subject = policy ? json_item(json_find(policy->object, "spec", "subjects"), 0) : NULL;
	return text_same(json_string(json_item(json_find(subject, "namespaces"), 0)), team_name);
}

static bool is_permitted(const struct world *world, const struct wish *wish)
{
	const struct thing *request = cluster_find_uid(&world->hub, wish->uid);

	return request && !json_find(request->object, "metadata", "deletionTimestamp") &&
	       policy_allows(world, wish->team) &&
	       find(&world->hub, &KUBE_CLUSTER_PROFILES, "fleet-system",
		    after_slash(world->members[wish->member].profile_key));
}

static void update(const struct world *world, struct wish *wish)
{
	bool permitted = !wish->gone && is_permitted(world, wish);

	wish->gone = wish->gone || !cluster_find_uid(&world->hub, wish->uid);
	if (permitted == (wish->permitted_ms >= 0))
		return;
	wish->permitted_ms = permitted ? world_now_ms(world) : -1;
	wish->ended_ms = permitted ? -1 : world_now_ms(world);
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Nobody has it: the broker that minted it ended before it could write that down. */
static bool is_stray(const struct token *token)
{
	const struct thing *anchor = cluster_find_uid(token->cluster, token->anchor_uid);

	return anchor && anchor->stray && token->delivered_ms == 0;
}

static void check_token(struct world *world, struct token *token)
{
	const struct wish *wish = world_wish(world, token->request_uid);
	int64_t ms;

	if (token->dead || wish->permitted_ms >= 0 || is_stray(token) ||
	    token->cluster != world_cluster(world, token->member))
		return;
	ms = least(calm_lasts_ms(world, token->member), world_now_ms(world) - wish->ended_ms);
	if (ms > REVOKED_MS && server_token_lives(world, token))
		world_fail(world, "token without permission: %s of %s lives on after %lld s",
			   token->jti, wish->key, (long long)(ms / 1000));
}

static void check_secret(struct world *world, const struct thing *secret)
{
	const char *uid = json_find_string(secret->object, "metadata", "labels",
					   "credbroker.dev/request-uid");
	const struct wish *wish = world_wish(world, uid);

	if (wish && wish->permitted_ms < 0 &&
	    least(calm_lasts_ms(world, -1), world_now_ms(world) - wish->ended_ms) > REVOKED_MS)
		world_fail(world, "Secret without permission: %s is still there", wish->key);
}

/* The token that was delivered last; NULL: none. */
static struct token *delivered(struct world *world, const struct wish *wish)
{
	for (size_t i = world->token_count; i > 0; i--) {
		struct token *token = &world->tokens[i - 1];

		if (token->delivered_ms && !token->superseded_ms &&
		    text_same(token->request_uid, wish->uid))
			return token;
	}
	return NULL;
}

/* Another has the name of its Secret or its ServiceAccount, or it was made on another cluster. */
static bool is_obstructed(struct world *world, const struct wish *wish)
{
	struct cluster *cluster = world_cluster(world, wish->member);
	const struct thing *record =
		find(&world->hub, &KUBE_ISSUED_CREDENTIALS, WORLD_BROKER_NAMESPACE, wish->uid);
	const struct thing *account =
		find(cluster, &KUBE_SERVICE_ACCOUNTS, WORLD_IDENTITY_NAMESPACE, wish->account);
	const char *member_uid =
		record ? json_find_string(record->object, "spec", "memberUID") : NULL;
	char namespace[32];
	const struct thing *secret;

	snprintf(namespace, sizeof(namespace), "team-%c", 'a' + wish->team);
	secret = find(&world->hub, &KUBE_SECRETS, namespace, after_slash(wish->key));
	if ((account && !account->ours) || (secret && !secret->ours) ||
	    (member_uid && strcmp(member_uid, cluster->uid) != 0))
		return true;
	for (size_t i = 0; i < world->wish_count; i++) {
		const struct wish *other = &world->wishes[i];

		if (other != wish && other->member == wish->member &&
		    strcmp(other->account, wish->account) == 0 &&
		    (!other->gone || find(&world->hub, &KUBE_ISSUED_CREDENTIALS,
					  WORLD_BROKER_NAMESPACE, other->uid)))
			return true;
	}
	return false;
}

/* Its Secret, if nobody deleted it, leads to where the member is now. */
static bool names_address(const struct world *world, const struct wish *wish)
{
	const char *server = route_cluster(&world->members[wish->member])->server;
	char namespace[32];
	const struct thing *secret;
	cleanup_secret struct secret kubeconfig = {0};
	struct error err = {0};

	snprintf(namespace, sizeof(namespace), "team-%c", 'a' + wish->team);
	secret = find(&world->hub, &KUBE_SECRETS, namespace, after_slash(wish->key));
	return !secret || (base64_decode(json_find_string(secret->object, "data", "kubeconfig"),
					 &kubeconfig, &err) &&
			   strstr(secret_expose(&kubeconfig), server));
}

static void check_service(struct world *world, struct wish *wish)
{
	struct token *token;
	int64_t ms;

	if (wish->permitted_ms < 0)
		return;
	if (is_obstructed(world, wish))
		wish->edited_ms = world_now_ms(world);
	ms = least(calm_lasts_ms(world, wish->member), world_now_ms(world) - wish->permitted_ms);
	ms = least(ms, world_now_ms(world) - wish->edited_ms);
	token = delivered(world, wish);
	if (token && ms > SERVED_MS && !names_address(world, wish))
		world_fail(world, "old address: that of %s changed %lld s ago at least", wish->key,
			   (long long)(ms / 1000));
	if (token && token->minted_ms < wish->permitted_ms && wish->edited_ms < token->minted_ms &&
	    !server_token_lives(world, token))
		token = NULL; /* of before it was revoked */
	if (token && world_now_ms(world) >= token->expires_ms) {
		if (ms > token->lifetime_ms / 4)
			world_fail(world, "expired credential: %s of %s, all was well for %lld s",
				   token->jti, wish->key, (long long)(ms / 1000));
	} else if (!token && ms > SERVED_MS) {
		world_fail(world, "not served: %s, all was well for %lld s", wish->key,
			   (long long)(ms / 1000));
	}
}

static void check_all(struct world *world)
{
	for (size_t i = 0; i < world->token_count; i++)
		check_token(world, &world->tokens[i]);
	for (size_t i = 0; i < world->wish_count; i++)
		check_service(world, &world->wishes[i]);
	for (size_t i = 0; i < world->hub.count; i++)
		if (world->hub.things[i]->ours &&
		    world->hub.things[i]->address.resource == &KUBE_SECRETS)
			check_secret(world, world->hub.things[i]);
}

/* What is counted in minutes is looked at once a second. */
void deadline_check(struct world *world)
{
	calm_update(world);
	if (world->judged_version != world->hub.version) {
		for (size_t i = 0; i < world->wish_count; i++)
			update(world, &world->wishes[i]);
		world->judged_version = world->hub.version;
	}
	if (world_now_ms(world) - world->judged_ms < 1000)
		return;
	check_all(world);
	world->judged_ms = world_now_ms(world);
}

static void check_left(struct world *world, const struct cluster *cluster)
{
	for (size_t i = 0; i < cluster->count; i++) {
		const struct thing *thing = cluster->things[i];

		if (thing->stray) {
			world->stray_left_count++;
			continue;
		}
		if (thing->ours || thing->address.resource == &KUBE_AUTH_TOKEN_REQUESTS)
			world_fail(world, "left behind: %s %s on %s", thing->address.resource->kind,
				   thing->address.name, cluster->name);
	}
}

void deadline_check_end(struct world *world)
{
	check_left(world, &world->hub);
	for (int i = 0; i < world->member_count; i++)
		for (int k = 0; k < 2; k++)
			check_left(world, &world->members[i].clusters[k]);
}
