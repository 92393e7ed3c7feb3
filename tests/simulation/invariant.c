#include "simulation/invariant.h"

#include <stdio.h>
#include <string.h>

#include <base/base64.h>
#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/kube_path.h"
#include "core/ledger.h"
#include "core/ledger_record.h"
#include "core/renewal.h"
#include "simulation/calm.h"
#include "simulation/server.h"
#include "simulation/world.h"

enum {
	MINT_FLOOR_MS = 60 * 1000,
	MINTS_LOST_MAX = 4, /* within that time, when no answer comes */
	TOLD_MAX = 60,      /* writes of a status, within a minute */
	BELIEVED_MS =
		5000 + 10000, /* as long as a record is believed, and a call takes to get there */
	NOTICED_MS = 1000, /* a watch that works has shown a change, and the token was asked for */
};

static const char *request_of(const struct json *object)
{
	return json_find_string(object, "metadata", "labels", "credbroker.dev/request-uid");
}

/* The record of a request, as the hub holds it. Borrowed. */
static const struct json *record_of(const struct world *world, const char *request_uid)
{
	struct address address = {.resource = &KUBE_ISSUED_CREDENTIALS,
				  .namespace = WORLD_BROKER_NAMESPACE};
	const struct thing *thing;

	snprintf(address.name, sizeof(address.name), "%s", request_uid ? request_uid : "");
	thing = cluster_find(&world->hub, &address);
	return thing ? thing->object : NULL;
}

/* With a UID it is another one that is on record. */
static bool names_object(const struct json *record, const struct address *made)
{
	const struct json *objects = json_find(record, "spec", "objects");

	for (size_t i = 0; i < json_size(objects); i++) {
		const struct json *item = json_item(objects, i);
		const char *namespace = json_find_string(item, "namespace");

		if (text_same(json_find_string(item, "kind"), made->resource->kind) &&
		    text_same(json_find_string(item, "name"), made->name) &&
		    strcmp(namespace ? namespace : "", made->namespace) == 0)
			return !json_find(item, "uid");
	}
	return false;
}

/* It is one of those on record, or the next that may be made. */
static bool names_anchor(const struct json *record, const char *name)
{
	const struct json *anchors = json_find(record, "spec", "anchors");
	struct error err = {0};
	struct ledger *ledger = record ? ledger_record_read(record, &err) : NULL;
	cleanup_free char *next = ledger ? ledger_anchor_name(ledger, ledger->generation) : NULL;

	ledger_free(ledger);
	for (size_t i = 0; i < json_size(anchors); i++)
		if (text_same(json_find_string(json_item(anchors, i), "name"), name))
			return true;
	return text_same(next, name);
}

static bool names(const struct json *record, const struct address *made)
{
	return made->resource == &KUBE_SECRETS ? names_anchor(record, made->name)
					       : names_object(record, made);
}

/* No other broker works, and nothing that one sent is on its way. */
static bool is_alone(const struct world *world)
{
	return world->alone_ms + BELIEVED_MS < world_now_ms(world);
}

/* While two brokers work, one may act on a record that the other has changed since: for a moment.
 */
static bool was_named(const struct world *world, const char *request_uid,
		      const struct address *made)
{
	const struct note *notes = world->hub.notes;
	int64_t since_ms = world_now_ms(world) - BELIEVED_MS;

	if (is_alone(world))
		return false;
	for (size_t i = world->hub.note_count; i > 0; i--) {
		const struct note *note = &notes[i - 1];

		if (note->address.resource != &KUBE_ISSUED_CREDENTIALS ||
		    !text_same(note->address.name, request_uid))
			continue;
		if (note->object && names(note->object, made))
			return true;
		if (note->at_ms < since_ms)
			return false;
	}
	return false;
}

static void check_record(struct process *process, const struct server_call *call, int member,
			 const struct answer *answer)
{
	struct world *world = process->world;
	const char *request_uid = request_of(call->body);
	struct address made = call->address;
	bool named;
	const struct wish *wish = world_wish(world, request_uid);

	snprintf(made.name, sizeof(made.name), "%s",
		 json_find_string(call->body, "metadata", "name"));
	named = names(record_of(world, request_uid), &made);
	if (named && (is_alone(world) || !wish || wish->writer_life == process->life))
		return;
	if (!named && !was_named(world, request_uid, &made)) {
		world_fail(world, "effect before record: b%d made %s %s", process->index,
			   made.resource->kind, made.name);
		return;
	}
	world_tell(world, "%s %s is a stray", made.resource->kind, made.name);
	world->stray_count++;
	cluster_find_uid(world_cluster(world, member),
			 json_find_string(answer->object, "metadata", "uid"))
		->stray = true;
}

static bool is_binding(const struct thing *thing)
{
	return thing->address.resource == &KUBE_ROLE_BINDINGS ||
	       thing->address.resource == &KUBE_CLUSTER_ROLE_BINDINGS;
}

static bool binding_stands(const struct cluster *cluster, const char *request_uid)
{
	for (size_t i = 0; i < cluster->count; i++) {
		const struct thing *thing = cluster->things[i];

		if (thing->ours && !thing->stray && is_binding(thing) &&
		    text_same(request_of(thing->object), request_uid))
			return true;
	}
	return false;
}

static struct token *token_of_anchor(struct world *world, const char *anchor_uid)
{
	for (size_t i = 0; i < world->token_count; i++)
		if (text_same(world->tokens[i].anchor_uid, anchor_uid))
			return &world->tokens[i];
	return NULL;
}

static bool is_revoking(const struct world *world, const struct token *token)
{
	return json_is_true(json_find(record_of(world, token->request_uid), "spec", "revoking"));
}

static void check_anchor_deletion(struct process *process, int member, const struct json *anchor)
{
	struct world *world = process->world;
	const struct token *token =
		token_of_anchor(world, json_find_string(anchor, "metadata", "uid"));
	const struct wish *wish = token ? world_wish(world, token->request_uid) : NULL;

	if (!token || !token->delivered_ms || !wish)
		return;
	if (token->superseded_ms == 0) {
		if (binding_stands(world_cluster(world, member), token->request_uid))
			world_fail(world, "order: the anchor of %s went before its bindings",
				   token->jti);
	} else if (wish->permitted_ms >= 0 && wish->permitted_ms < token->delivered_ms &&
		   wish->edited_ms < token->delivered_ms && !is_revoking(world, token) &&
		   world_now_ms(world) - token->superseded_ms < RENEWAL_OVERLAP_MS) {
		world_fail(world, "overlap: %s was ended %lld ms after its successor came",
			   token->jti, (long long)(world_now_ms(world) - token->superseded_ms));
	}
}

static void check_member_write(struct process *process, int member, const struct server_call *call,
			       const struct answer *answer)
{
	struct world *world = process->world;
	const struct kube_resource *resource = call->address.resource;

	if (call->verb == KUBE_CREATE && !call->address.subresource[0])
		check_record(process, call, member, answer);
	if (call->verb != KUBE_DELETE)
		return;
	if (resource == &KUBE_SECRETS)
		check_anchor_deletion(process, member, answer->object);
	if (resource == &KUBE_SERVICE_ACCOUNTS && is_alone(world) &&
	    binding_stands(world_cluster(world, member), request_of(answer->object)))
		world_fail(world, "order: ServiceAccount %s went before its bindings",
			   call->address.name);
}

static struct token *token_in(struct world *world, const struct json *secret)
{
	const char *encoded = json_find_string(secret, "data", "token");

	for (size_t i = world->token_count; encoded && i > 0; i--) {
		struct token *token = &world->tokens[i - 1];
		cleanup_free char *text = base64_encode(token->text, strlen(token->text));

		if (strcmp(text, encoded) == 0)
			return token;
	}
	return NULL;
}

static bool is_recorded(const struct world *world, const struct token *token)
{
	const struct json *anchors =
		json_find(record_of(world, token->request_uid), "spec", "anchors");

	for (size_t i = 0; i < json_size(anchors); i++)
		if (text_same(json_find_string(json_item(anchors, i), "jti"), token->jti))
			return true;
	return false;
}

static void check_delivery(struct process *process, const struct server_call *call)
{
	struct world *world = process->world;
	struct token *token = token_in(world, call->body);

	if (!token) {
		world_fail(world, "delivery: Secret %s holds no token", call->address.name);
		return;
	}
	if (!text_same(token->request_uid, request_of(call->body)))
		world_fail(world, "another's credential: %s was delivered to %s", token->jti,
			   request_of(call->body));
	if (!is_recorded(world, token))
		world_fail(world, "effect before record: %s was delivered", token->jti);
	for (size_t i = 0; i < world->token_count; i++) {
		struct token *other = &world->tokens[i];

		if (other != token && other->delivered_ms && !other->superseded_ms &&
		    text_same(other->request_uid, token->request_uid))
			other->superseded_ms = world_now_ms(world);
	}
	token->delivered_ms = world_now_ms(world);
	token->superseded_ms = 0;
}

/* Nobody reads as fast as that, and each watch of the request is woken. */
static void count_status(struct world *world, struct wish *wish)
{
	if (!wish)
		return;
	if (world_now_ms(world) - wish->told_since_ms > 60 * 1000) {
		wish->told_since_ms = world_now_ms(world);
		wish->told = 0;
	}
	if (++wish->told > TOLD_MAX)
		world_fail(world, "restless: the status of %s is written %d times a minute",
			   wish->key, wish->told);
}

void invariant_after_write(struct process *process, int member, const struct server_call *call,
			   bool foreign, const struct answer *answer)
{
	const struct kube_resource *resource = call->address.resource;
	bool puts = call->verb == KUBE_CREATE || call->verb == KUBE_APPLY;
	struct wish *wish = world_wish(process->world,
				       call->address.name[0]
					       ? call->address.name
					       : json_find_string(call->body, "metadata", "name"));

	if (answer->status >= 300 || call->verb == KUBE_GET)
		return;
	if (foreign && call->verb != KUBE_CREATE &&
	    !(resource == &KUBE_AUTH_TOKEN_REQUESTS && call->verb == KUBE_PATCH_JSON))
		world_fail(process->world, "foreign object: b%d changed %s %s", process->index,
			   resource->kind, call->address.name);
	if (resource == &KUBE_ISSUED_CREDENTIALS && wish)
		wish->writer_life = process->life;
	if (strcmp(call->address.subresource, "status") == 0)
		count_status(process->world,
			     world_wish(process->world,
					json_find_string(answer->object, "metadata", "uid")));
	if (member >= 0)
		check_member_write(process, member, call, answer);
	else if (resource == &KUBE_SECRETS && puts)
		check_delivery(process, call);
}

static int count_recent_mints(const struct world *world, const struct token *token)
{
	int count = 0;

	for (size_t i = 0; i < world->token_count; i++)
		if (text_same(world->tokens[i].request_uid, token->request_uid) &&
		    token->minted_ms - world->tokens[i].minted_ms < MINT_FLOOR_MS)
			count++;
	return count;
}

/* What was delivered is good, and nothing has happened since that could make it worse. */
static bool is_kept_for_nothing(struct world *world, const struct wish *wish,
				const struct token *fresh)
{
	for (size_t i = 0; i < world->token_count; i++) {
		struct token *token = &world->tokens[i];
		int64_t age_ms = world_now_ms(world) - token->minted_ms;

		if (token != fresh && token->delivered_ms && !token->superseded_ms &&
		    text_same(token->request_uid, wish->uid) && server_token_lives(world, token) &&
		    age_ms < token->lifetime_ms / 2 &&
		    wish->edited_ms + NOTICED_MS < token->minted_ms &&
		    calm_lasts_ms(world, token->member) > age_ms && wish->permitted_ms >= 0 &&
		    wish->permitted_ms < token->minted_ms)
			return true;
	}
	return false;
}

void invariant_after_mint(struct process *process, struct token *token, const char *anchor_name)
{
	struct world *world = process->world;
	struct wish *wish = world_wish(world, token->request_uid);
	int64_t since_ms = wish ? token->minted_ms - wish->answered_ms : 0;
	struct address anchor;

	if (!wish) {
		world_fail(world, "mint: %s is for nobody", token->jti);
		return;
	}
	anchor = (struct address){.resource = &KUBE_SECRETS};
	snprintf(anchor.name, sizeof(anchor.name), "%s", anchor_name);
	if (!names(record_of(world, token->request_uid), &anchor) &&
	    !was_named(world, token->request_uid, &anchor))
		world_fail(world, "effect before record: %s was minted", token->jti);
	for (const struct token *other = world->tokens; other < token; other++)
		if (text_same(other->anchor_uid, token->anchor_uid))
			world_fail(world, "spent anchor: %s and %s share one", other->jti,
				   token->jti);
	if (wish->answered_life == process->life && since_ms < MINT_FLOOR_MS)
		world_fail(world, "mint storm: %s came %lld ms after the last", token->jti,
			   (long long)since_ms);
	if (count_recent_mints(world, token) > MINTS_LOST_MAX &&
	    token->minted_ms - world->killed_ms > MINT_FLOOR_MS)
		world_fail(world, "mint storm: %d for %s within a minute",
			   count_recent_mints(world, token), wish->key);
	if (is_kept_for_nothing(world, wish, token))
		world_fail(world, "mint: %s replaces a good one of %s", token->jti, wish->key);
}

void invariant_after_answer(struct process *process, const struct server_call *call,
			    const struct json *object)
{
	struct world *world = process->world;
	const char *text = json_find_string(object, "status", "token");

	if (!text || strcmp(call->address.subresource, "token") != 0)
		return;
	for (size_t i = 0; i < world->token_count; i++) {
		const struct token *token = &world->tokens[i];
		struct wish *wish = world_wish(world, token->request_uid);

		if (!text_same(token->text, text) || !wish)
			continue;
		wish->answered_ms = world_now_ms(world);
		wish->answered_life = process->life;
	}
}
