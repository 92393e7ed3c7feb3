#include "simulation/server.h"

#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/kube_path.h"
#include "simulation/invariant.h"
#include "simulation/world.h"
#include "support/sample_token.h"

enum { SHORTENED_PERCENT = 10 };

bool server_token_lives(struct world *world, struct token *token)
{
	if (!token->dead && world_now_ms(world) < token->expires_ms &&
	    cluster_find_uid(token->cluster, token->account_uid) &&
	    cluster_find_uid(token->cluster, token->anchor_uid))
		return true;
	token->dead = true;
	return false;
}

static char *render_token(const struct world *world, const struct token *token, const char *account)
{
	cleanup_json struct json *claims = NULL;
	char subject[256];
	struct json *bound;

	snprintf(subject, sizeof(subject), "system:serviceaccount:" WORLD_IDENTITY_NAMESPACE ":%s",
		 account);
	claims = sample_token_claims(subject,
				     clock_wall_s(&world->clock.clock) +
					     world_ahead_ms(world, token->member) / 1000,
				     token->lifetime_ms / 1000, token->jti);
	bound = json_add_object(claims, "kubernetes.io");
	json_add_string(json_add_object(bound, "secret"), "uid", token->anchor_uid);
	json_add_string(json_add_object(bound, "serviceaccount"), "uid", token->account_uid);
	return sample_token(claims);
}

static const char *request_uid_of(const struct thing *thing)
{
	return json_find_string(thing->object, "metadata", "labels", "credbroker.dev/request-uid");
}

static struct answer mint(struct process *process, int member, const struct thing *account,
			  const struct thing *anchor, int64_t lifetime_s)
{
	struct world *world = process->world;
	struct token *token;
	struct json *reply = json_object_new();

	world->tokens =
		memory_resize(world->tokens, world->token_count + 1, sizeof(*world->tokens));
	token = &world->tokens[world->token_count++];
	*token = (struct token){
		.member = member,
		.cluster = world_cluster(world, member),
		.minted_ms = world_now_ms(world),
		.lifetime_ms = lifetime_s * 1000,
		.expires_ms = world_now_ms(world) + lifetime_s * 1000,
	};
	snprintf(token->jti, sizeof(token->jti), "jti-%zu", world->token_count);
	snprintf(token->account_uid, sizeof(token->account_uid), "%s", account->uid);
	snprintf(token->anchor_uid, sizeof(token->anchor_uid), "%s", anchor->uid);
	snprintf(token->request_uid, sizeof(token->request_uid), "%s", request_uid_of(anchor));
	token->text = render_token(world, token, account->address.name);
	world->mint_count++;
	invariant_after_mint(process, token, anchor->address.name);
	json_add_string(json_add_object(reply, "status"), "token", token->text);
	return (struct answer){.status = 201,
			       .object = cluster_keep(world_cluster(world, member), reply)};
}

static bool is_another(const struct thing *thing, const char *uid)
{
	return uid && strcmp(thing->uid, uid) != 0;
}

static struct answer answer_token_request(struct process *process, int member,
					  const struct server_call *call)
{
	struct world *world = process->world;
	struct cluster *cluster = world_cluster(world, member);
	struct address place = call->address;
	const struct json *reference = json_find(call->body, "spec", "boundObjectRef");
	const struct thing *account, *anchor;
	int64_t lifetime_s = 0;
	struct dice dice;

	place.subresource[0] = '\0';
	account = cluster_find(cluster, &place);
	place.resource = &KUBE_SECRETS;
	snprintf(place.name, sizeof(place.name), "%s", json_find_string(reference, "name"));
	anchor = cluster_find(cluster, &place);
	if (!account || !anchor)
		return (struct answer){.status = 404, .reason = "NotFound"};
	if (is_another(account, json_find_string(call->body, "metadata", "uid")) ||
	    is_another(anchor, json_find_string(reference, "uid")))
		return (struct answer){.status = 409, .reason = "Conflict"};
	json_integer(json_find(call->body, "spec", "expirationSeconds"), &lifetime_s);
	dice = world_dice(world, "lifetime %s", account->uid);
	if (dice_hits(&dice, SHORTENED_PERCENT) && lifetime_s > 600)
		lifetime_s = 600;
	return mint(process, member, account, anchor, lifetime_s);
}

static struct answer answer_who_am_i(struct world *world, struct cluster *cluster,
				     const struct server_call *call)
{
	for (size_t i = 0; i < world->token_count; i++) {
		struct token *token = &world->tokens[i];
		const struct thing *account;
		struct json *reply, *user;
		char username[256];

		if (token->cluster != cluster || !text_same(token->text, call->bearer) ||
		    !server_token_lives(world, token))
			continue;
		account = cluster_find_uid(token->cluster, token->account_uid);
		snprintf(username, sizeof(username),
			 "system:serviceaccount:" WORLD_IDENTITY_NAMESPACE ":%s",
			 account->address.name);
		reply = json_object_new();
		user = json_add_object(json_add_object(reply, "status"), "userInfo");
		json_add_string(user, "username", username);
		json_add_string(user, "uid", account->uid);
		return (struct answer){.status = 201, .object = cluster_keep(cluster, reply)};
	}
	return (struct answer){.status = 401, .reason = "Unauthorized"};
}

static struct answer allow(struct cluster *cluster)
{
	struct json *reply = json_object_new();

	json_add_bool(json_add_object(reply, "status"), "allowed", true);
	return (struct answer){.status = 201, .object = cluster_keep(cluster, reply)};
}

static struct answer name_cluster(struct cluster *cluster)
{
	struct json *reply = json_object_new();

	json_add_string(json_add_object(reply, "metadata"), "uid", cluster->uid);
	return (struct answer){.status = 200, .object = cluster_keep(cluster, reply)};
}

struct answer server_answer(struct process *process, int member, const struct server_call *call)
{
	struct world *world = process->world;
	struct cluster *cluster = world_cluster(world, member);
	const struct kube_resource *resource = call->address.resource;
	const struct thing *thing;
	struct answer answer;
	bool foreign;

	if (resource == &KUBE_SELF_SUBJECT_ACCESS_REVIEWS)
		return allow(cluster);
	if (resource == &KUBE_SELF_SUBJECT_REVIEWS)
		return answer_who_am_i(world, cluster, call);
	if (member >= 0 && resource == &KUBE_NAMESPACES)
		return name_cluster(cluster);
	if (strcmp(call->address.subresource, "token") == 0)
		return answer_token_request(process, member, call);
	thing = cluster_find(cluster, &call->address);
	foreign = thing && !thing->ours;
	answer = cluster_answer(cluster, call->verb, &call->address, call->body);
	invariant_after_write(process, member, call, foreign, &answer);
	return answer;
}
