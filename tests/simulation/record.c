#include "simulation/record.h"

#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/kube_path.h"
#include "simulation/server.h"
#include "simulation/world.h"

enum { PAUSE_MAX_MS = 10 * 1000, DIGEST_LENGTH = 26 };

/* What the last look saw. */
struct sight {
	bool hub_up, alive;
	const struct kube_resource *unserved;
	bool up[WORLD_MEMBERS_MAX], has_access[WORLD_MEMBERS_MAX], left[WORLD_MEMBERS_MAX];
	bool stormy[1 + WORLD_MEMBERS_MAX]; /* the hub, then the members */
	bool listed[FEED_COUNT];
};

struct record {
	struct world *world;
	struct json *line;
	struct json *events; /* in LINE */
	int64_t begun_ms;
	struct sight seen;
	bool ended; /* what is done from now on is the same in each world */
};

static bool is_stormy(const struct storm *storm)
{
	return storm->refused || storm->lost || storm->answer_lost || storm->slow;
}

static struct sight look(struct world *world)
{
	const struct process *process = &world->processes[0];
	struct sight sight = {
		.hub_up = world->hub_up, .unserved = world->hub.unserved, .alive = process->alive};

	for (int i = 0; i < world->member_count; i++) {
		sight.up[i] = world->members[i].up;
		sight.has_access[i] = world->members[i].has_access;
		sight.left[i] = world->members[i].leaving || world->members[i].current;
	}
	for (int i = -1; i < world->member_count; i++)
		sight.stormy[1 + i] = is_stormy(world_storm(world, i));
	for (int i = 0; i < FEED_COUNT; i++)
		sight.listed[i] = process->alive && process->feeds[i].listed;
	return sight;
}

struct record *record_begin(struct world *world)
{
	struct record *record = memory_new(sizeof(*record));

	record->world = world;
	record->begun_ms = world_now_ms(world);
	record->line = json_object_new();
	json_add_integer(record->line, "seed", (int64_t)world->seed);
	json_add_integer(record->line, "members", world->member_count);
	record->events = json_add_array(record->line, "events");
	world->record = world->hub.record = record;
	for (int i = 0; i < world->member_count; i++)
		for (int k = 0; k < 2; k++)
			world->members[i].clusters[k].record = record;
	record->seen = look(world);
	world->pause_max_ms = PAUSE_MAX_MS; /* nothing is to be renewed before the end */
	return record;
}

void record_end(struct record *record, FILE *file)
{
	size_t size = 0;
	char *text = json_dump(record->line, &size);

	fprintf(file, "%s\n", text);
	memory_free(text);
	json_free(record->line);
	memory_free(record);
}

/* An event at PLACE: the hub (-1) or a member. Borrowed. */
static struct json *add(struct record *record, const char *what, int place)
{
	struct json *event = json_append_object(record->events);

	json_add_integer(event, "at", world_now_ms(record->world) - record->begun_ms);
	json_add_string(event, "do", what);
	json_add_integer(event, "place", place);
	return event;
}

static int place_of(const struct world *world, const struct cluster *cluster)
{
	for (int i = 0; i < world->member_count; i++)
		if (cluster == &world->members[i].clusters[0] ||
		    cluster == &world->members[i].clusters[1])
			return i;
	return -1;
}

/* The length of NAME without the digest that ends it, which is another one each time; 0: there is
 * none. */
static int length_of_stem(const char *name)
{
	const char *dash = strrchr(name, '-');

	return dash && strlen(dash + 1) == DIGEST_LENGTH ? (int)(dash - name) : 0;
}

static void add_address(struct json *event, const struct address *address)
{
	int stem = length_of_stem(address->name);
	char name[2 * ADDRESS_PART_SIZE];

	snprintf(name, sizeof(name), stem ? "%.*s-*" : "%.*s", stem ? stem : ADDRESS_PART_SIZE,
		 address->name);
	if (address->resource)
		json_add_string(event, "resource", address->resource->plural);
	json_add_string(event, "namespace", address->namespace);
	json_add_string(event, "name", name);
	if (address->subresource[0])
		json_add_string(event, "subresource", address->subresource);
}

static const char *request_of(const struct thing *thing)
{
	return json_find_string(thing->object, "metadata", "labels", "credbroker.dev/request-uid");
}

static const struct json *ready_of(const struct thing *request)
{
	const struct json *all = json_find(request->object, "status", "conditions");

	for (size_t i = 0; i < json_size(all); i++)
		if (text_same(json_find_string(json_item(all, i), "type"), "Ready"))
			return json_item(all, i);
	return NULL;
}

/* Garbage is collected by real servers as well. */
static bool is_garbage(const struct cluster *cluster, const struct thing *thing)
{
	const struct json *owners = json_find(thing->object, "metadata", "ownerReferences");

	return json_size(owners) > 0 &&
	       !cluster_find_uid(cluster, json_find_string(json_item(owners, 0), "uid"));
}

void record_edit(struct record *record, const struct cluster *cluster, const char *what,
		 const struct thing *thing, const struct json *object)
{
	const struct thing *request;
	struct json *event;

	if (!record || record->ended || is_garbage(cluster, thing))
		return;
	event = add(record, what, place_of(record->world, cluster));
	add_address(event, &thing->address);
	json_add_string(event, "uid", thing->uid);
	json_add_bool(event, "ours", thing->ours);
	if (object)
		json_add_copy(event, "object", object);
	if (!thing->ours)
		return;
	json_add_string(event, "request", request_of(thing));
	request = cluster_find_uid(&record->world->hub, request_of(thing));
	if (request && ready_of(request))
		json_add_copy(event, "ready", ready_of(request));
}

void record_fault(struct record *record, int member, const struct server_call *call,
		  const char *fate, int status, int64_t delay_ms)
{
	static const char *const methods[] = {
		[KUBE_GET] = "GET",       [KUBE_LIST] = "GET",    [KUBE_CREATE] = "POST",
		[KUBE_PUT] = "PUT",       [KUBE_APPLY] = "PATCH", [KUBE_PATCH_JSON] = "PATCH",
		[KUBE_DELETE] = "DELETE",
	};
	struct json *event;

	if (!record || record->ended)
		return;
	event = add(record, "fault", member);
	add_address(event, &call->address);
	json_add_string(event, "method", methods[call->verb]);
	json_add_string(event, "fate", fate);
	json_add_integer(event, "status", status);
	json_add_integer(event, "delay", delay_ms);
}

static void tell_member(struct record *record, const struct sight *now, int index)
{
	const struct sight *before = &record->seen;

	if (now->up[index] != before->up[index])
		add(record, now->up[index] ? "up" : "down", index);
	if (now->has_access[index] != before->has_access[index])
		add(record, now->has_access[index] ? "give access" : "take access", index);
	if (now->left[index] != before->left[index])
		add(record, "exchange", index);
}

void record_look(struct record *record)
{
	struct sight before, now;
	bool lost = false;

	if (!record || record->ended)
		return;
	before = record->seen;
	now = look(record->world);
	for (int i = 0; i < FEED_COUNT; i++)
		lost = lost || (before.listed[i] && !now.listed[i]);
	if (now.alive != before.alive)
		add(record, now.alive ? "start" : "kill", -1);
	else if (lost && now.hub_up)
		add(record, "lose watches", -1);
	if (now.hub_up != before.hub_up)
		add(record, now.hub_up ? "up" : "down", -1);
	if (now.unserved != before.unserved)
		json_add_string(add(record, "serve all but", -1), "resource",
				now.unserved ? now.unserved->plural : "");
	for (int i = 0; i < record->world->member_count; i++)
		tell_member(record, &now, i);
	for (int i = -1; i < record->world->member_count; i++)
		if (before.stormy[1 + i] && !now.stormy[1 + i])
			add(record, "calm", i);
	record->seen = now;
}

static void add_object(struct json *list, const struct thing *thing)
{
	char line[2 * ADDRESS_PART_SIZE];

	snprintf(line, sizeof(line), "%s %.*s", thing->address.resource->kind,
		 length_of_stem(thing->address.name), thing->address.name);
	json_append_string(list, line);
}

static void add_objects(const struct world *world, const struct wish *wish, struct json *end)
{
	const struct member *member = &world->members[wish->member];
	const struct cluster *cluster = &member->clusters[member->current];
	struct json *list = json_add_array(end, "objects");

	for (size_t i = 0; i < cluster->count; i++)
		if (cluster->things[i]->ours &&
		    text_same(request_of(cluster->things[i]), wish->uid))
			add_object(list, cluster->things[i]);
}

/* The token that its Secret holds works on the member. */
static bool has_working_token(struct world *world, const struct wish *wish)
{
	for (size_t i = 0; i < world->token_count; i++) {
		struct token *token = &world->tokens[i];

		if (token->delivered_ms && !token->superseded_ms &&
		    text_same(token->request_uid, wish->uid) && server_token_lives(world, token))
			return true;
	}
	return false;
}

static void add_wish(struct world *world, const struct wish *wish, struct json *list)
{
	const struct thing *request = cluster_find_uid(&world->hub, wish->uid);
	struct address place = {.resource = &KUBE_SECRETS};
	const struct thing *secret;
	const struct json *ready;
	struct json *end;

	if (!request)
		return;
	snprintf(place.namespace, sizeof(place.namespace), "%s", request->address.namespace);
	snprintf(place.name, sizeof(place.name), "%s", request->address.name);
	secret = cluster_find(&world->hub, &place);
	place = (struct address){.resource = &KUBE_ISSUED_CREDENTIALS,
				 .namespace = WORLD_BROKER_NAMESPACE};
	snprintf(place.name, sizeof(place.name), "%s", wish->uid);
	ready = ready_of(request);
	end = json_append_object(list);
	json_add_string(end, "uid", wish->uid);
	json_add_integer(end, "member", wish->member);
	json_add_string(end, "account", wish->account);
	json_add_string(end, "ready", json_find_string(ready, "status"));
	json_add_string(end, "reason", json_find_string(ready, "reason"));
	json_add_string(end, "secret", !secret ? "none" : secret->ours ? "ours" : "foreign");
	json_add_bool(end, "works", secret && secret->ours && has_working_token(world, wish));
	json_add_bool(end, "record", cluster_find(&world->hub, &place) != NULL);
	add_objects(world, wish, end);
}

void record_rest(struct record *record)
{
	struct world *world;
	struct json *list;

	if (!record)
		return;
	world = record->world;
	record->ended = true;
	list = json_add_array(record->line, "end");
	for (size_t i = 0; i < world->wish_count; i++)
		add_wish(world, &world->wishes[i], list);
}
