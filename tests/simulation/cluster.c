#include "simulation/cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/kube_path.h"
#include "simulation/record.h"

enum { NUMBER_SIZE = 32 };

void cluster_init(struct cluster *cluster, const char *name)
{
	*cluster = (struct cluster){.name = name};
	snprintf(cluster->uid, sizeof(cluster->uid), "%s-itself", name);
}

const struct json *cluster_keep(struct cluster *cluster, struct json *object)
{
	if (cluster->kept_count == cluster->kept_capacity) {
		cluster->kept_capacity = cluster->kept_capacity ? 2 * cluster->kept_capacity : 64;
		cluster->kept = memory_resize(cluster->kept, cluster->kept_capacity,
					      sizeof(cluster->kept[0]));
	}
	cluster->kept[cluster->kept_count++] = object;
	return object;
}

void cluster_done(struct cluster *cluster)
{
	for (size_t i = 0; i < cluster->count; i++)
		memory_free(cluster->things[i]);
	for (size_t i = 0; i < cluster->kept_count; i++)
		json_free(cluster->kept[i]);
	memory_free(cluster->kept);
	memory_free(cluster->things);
	memory_free(cluster->notes);
}

struct thing *cluster_find(const struct cluster *cluster, const struct address *address)
{
	for (size_t i = 0; i < cluster->count; i++) {
		struct thing *thing = cluster->things[i];

		if (thing->address.resource == address->resource &&
		    strcmp(thing->address.name, address->name) == 0 &&
		    strcmp(thing->address.namespace, address->namespace) == 0)
			return thing;
	}
	return NULL;
}

struct thing *cluster_find_uid(const struct cluster *cluster, const char *uid)
{
	for (size_t i = 0; uid && i < cluster->count; i++)
		if (strcmp(cluster->things[i]->uid, uid) == 0)
			return cluster->things[i];
	return NULL;
}

static void note(struct cluster *cluster, const struct address *address, const struct json *object)
{
	if (!cluster->keeps_notes)
		return;
	if (cluster->note_count == cluster->note_capacity) {
		cluster->note_capacity = cluster->note_capacity ? 2 * cluster->note_capacity : 64;
		cluster->notes = memory_resize(cluster->notes, cluster->note_capacity,
					       sizeof(*cluster->notes));
	}
	cluster->notes[cluster->note_count++] =
		(struct note){.version = cluster->version, .address = *address, .object = object};
	cluster->noted(cluster->context);
}

/* The metadata of OBJECT, which is nobody else's yet, to be written in. Borrowed. */
static struct json *open_metadata(struct json *object)
{
	const struct json *old = json_find(object, "metadata");

	return old ? (struct json *)old : json_add_object(object, "metadata");
}

static void stamp(struct cluster *cluster, struct json *object)
{
	char version[NUMBER_SIZE];

	snprintf(version, sizeof(version), "%lld", (long long)++cluster->version);
	json_add_string(open_metadata(object), "resourceVersion", version);
}

static void remove_thing(struct cluster *cluster, struct thing *thing)
{
	size_t at = 0;

	while (cluster->things[at] != thing)
		at++;
	memmove(&cluster->things[at], &cluster->things[at + 1],
		(cluster->count - at - 1) * sizeof(cluster->things[0]));
	cluster->count--;
	cluster->version++;
	note(cluster, &thing->address, NULL);
	memory_free(thing);
}

/* Takes OBJECT as what THING is now. The thing may be gone afterwards. */
static void commit(struct cluster *cluster, struct thing *thing, struct json *object)
{
	bool deleted = json_find(object, "metadata", "deletionTimestamp") != NULL;

	if (json_equal(object, thing->object)) {
		json_free(object);
		return;
	}
	stamp(cluster, object);
	thing->object = cluster_keep(cluster, object);
	thing->uid = json_find_string(object, "metadata", "uid");
	if (deleted && json_size(json_find(object, "metadata", "finalizers")) == 0)
		remove_thing(cluster, thing);
	else
		note(cluster, &thing->address, object);
}

static struct thing *add_thing(struct cluster *cluster, const struct address *address,
			       const struct json *object)
{
	struct thing *thing = memory_new(sizeof(*thing));
	struct json *copy = json_dup(object);
	struct json *metadata = open_metadata(copy);
	char uid[NUMBER_SIZE];

	snprintf(uid, sizeof(uid), "%s-%lld", cluster->name, (long long)++cluster->uids);
	thing->address = *address;
	json_add_string(metadata, "name", address->name);
	if (address->namespace[0])
		json_add_string(metadata, "namespace", address->namespace);
	json_add_string(metadata, "uid", uid);
	json_add_integer(metadata, "generation", 1);
	stamp(cluster, copy);
	thing->object = cluster_keep(cluster, copy);
	thing->uid = json_find_string(thing->object, "metadata", "uid");
	if (cluster->count == cluster->capacity) {
		cluster->capacity = cluster->capacity ? 2 * cluster->capacity : 32;
		cluster->things =
			memory_resize(cluster->things, cluster->capacity, sizeof(*cluster->things));
	}
	cluster->things[cluster->count++] = thing;
	note(cluster, address, thing->object);
	return thing;
}

static struct answer refuse(int status, const char *reason)
{
	return (struct answer){.status = status, .reason = reason};
}

static struct answer show(int status, const struct json *object)
{
	return (struct answer){.status = status, .object = object};
}

/* True when FIELD of WANTED is said, and is another than that of the thing. */
static bool differs(const struct json *wanted, const struct thing *thing, const char *field)
{
	const char *text = json_find_string(wanted, field);

	return text && !text_same(text, json_find_string(thing->object, "metadata", field));
}

static struct answer answer_create(struct cluster *cluster, const struct address *collection,
				   const struct json *body)
{
	struct address address = *collection;
	struct thing *thing;

	snprintf(address.name, sizeof(address.name), "%s",
		 json_find_string(body, "metadata", "name"));
	if (cluster_find(cluster, &address))
		return refuse(409, "AlreadyExists");
	thing = add_thing(cluster, &address, body);
	thing->ours = true;
	return show(201, thing->object);
}

static bool copy_field(void *target, const char *key, const struct json *value)
{
	if (strcmp(key, "metadata") != 0)
		json_add_copy(target, key, value);
	return true;
}

static struct answer answer_write(struct cluster *cluster, struct thing *thing,
				  const struct json *body)
{
	const struct json *metadata = json_find(body, "metadata");
	struct json *object;

	if (differs(metadata, thing, "uid") || differs(metadata, thing, "resourceVersion"))
		return refuse(409, "Conflict");
	object = json_dup(thing->object);
	json_each(body, copy_field, object);
	commit(cluster, thing, object);
	return show(200, thing->object);
}

/* Waits for finalizers. */
static void delete_thing(struct cluster *cluster, struct thing *thing)
{
	struct json *object;
	int64_t generation = 0;

	if (json_size(json_find(thing->object, "metadata", "finalizers")) == 0) {
		remove_thing(cluster, thing);
		return;
	}
	if (json_find(thing->object, "metadata", "deletionTimestamp"))
		return;
	object = json_dup(thing->object);
	json_integer(json_find(object, "metadata", "generation"), &generation);
	json_add_string(open_metadata(object), "deletionTimestamp", "2026-03-01T12:00:00Z");
	json_add_integer(open_metadata(object), "generation", generation + 1);
	commit(cluster, thing, object);
}

static struct answer answer_delete(struct cluster *cluster, struct thing *thing,
				   const struct json *body)
{
	const struct json *preconditions = json_find(body, "preconditions");
	struct answer answer;

	if (differs(preconditions, thing, "uid") ||
	    differs(preconditions, thing, "resourceVersion"))
		return refuse(409, "Conflict");
	answer = show(200, thing->object);
	delete_thing(cluster, thing);
	return answer;
}

static bool test_holds(const struct json *object, const char *path, const struct json *value)
{
	const struct json *finalizers = json_find(object, "metadata", "finalizers");
	static const char item[] = "/metadata/finalizers/";

	if (strncmp(path, item, sizeof(item) - 1) == 0)
		return json_equal(json_item(finalizers, strtoul(path + sizeof(item) - 1, NULL, 10)),
				  value);
	return json_equal(json_find(object, "metadata", path + sizeof("/metadata/") - 1), value);
}

/* All finalizers of OBJECT but SKIP, and ADDED, which may be NULL. */
static void set_finalizers(struct json *object, size_t skip, const struct json *added)
{
	const struct json *old = json_find(object, "metadata", "finalizers");
	struct json *list = json_array_new();

	for (size_t i = 0; i < json_size(old); i++)
		if (i != skip)
			json_append_copy(list, json_item(old, i));
	if (added)
		json_append_copy(list, added);
	json_add(open_metadata(object), "finalizers", list);
}

/* The operations that the broker sends, and no others. */
static bool operate(struct json *object, const struct json *operation)
{
	const char *verb = json_find_string(operation, "op");
	const char *path = json_find_string(operation, "path");
	const struct json *value = json_find(operation, "value");

	if (strcmp(verb, "test") == 0)
		return test_holds(object, path, value);
	if (strcmp(verb, "remove") == 0)
		set_finalizers(object, strtoul(strrchr(path, '/') + 1, NULL, 10), NULL);
	else if (strcmp(path, "/status") == 0)
		json_add_copy(object, "status", value);
	else if (strcmp(path, "/metadata/finalizers") == 0)
		json_add_copy(open_metadata(object), "finalizers", value);
	else
		set_finalizers(object, SIZE_MAX, value);
	return true;
}

static struct answer answer_patch(struct cluster *cluster, struct thing *thing,
				  const struct json *body)
{
	bool deleting = json_find(thing->object, "metadata", "deletionTimestamp") != NULL;
	size_t before = json_size(json_find(thing->object, "metadata", "finalizers"));
	struct json *object = json_dup(thing->object);
	const struct json *last = thing->object;
	struct address address = thing->address;

	for (size_t i = 0; i < json_size(body); i++)
		if (!operate(object, json_item(body, i))) {
			json_free(object);
			return refuse(422, "Invalid");
		}
	if (deleting && json_size(json_find(object, "metadata", "finalizers")) > before) {
		json_free(object);
		return refuse(422, "Invalid");
	}
	commit(cluster, thing, object);
	thing = cluster_find(cluster, &address);
	return show(200, thing ? thing->object : last);
}

struct answer cluster_answer(struct cluster *cluster, enum kube_verb verb,
			     const struct address *address, const struct json *body)
{
	struct thing *thing = cluster_find(cluster, address);

	if (address->resource == cluster->unserved)
		return refuse(404, NULL);
	if (verb == KUBE_CREATE)
		return answer_create(cluster, address, body);
	if (!thing && verb == KUBE_APPLY && json_find(body, "metadata", "uid"))
		return refuse(409, "Conflict");
	if (!thing && verb == KUBE_APPLY)
		return answer_create(cluster, address, body);
	if (!thing)
		return refuse(404, "NotFound");
	if (verb == KUBE_GET)
		return show(200, thing->object);
	if (verb == KUBE_DELETE)
		return answer_delete(cluster, thing, body);
	if (verb == KUBE_PATCH_JSON)
		return answer_patch(cluster, thing, body);
	return answer_write(cluster, thing, body);
}

struct thing *cluster_put(struct cluster *cluster, const char *path, const struct json *object)
{
	struct address address;
	struct thing *thing;

	if (!address_parse(path, &address))
		abort();
	thing = add_thing(cluster, &address, object);
	record_edit(cluster->record, cluster, "make", thing, thing->object);
	return thing;
}

void cluster_change(struct cluster *cluster, struct thing *thing, const struct json *object)
{
	struct json *changed = json_dup(object);
	int64_t generation = 0;

	if (!json_equal(json_find(object, "spec"), json_find(thing->object, "spec"))) {
		json_integer(json_find(object, "metadata", "generation"), &generation);
		json_add_integer(open_metadata(changed), "generation", generation + 1);
	}
	record_edit(cluster->record, cluster, "change", thing, changed);
	commit(cluster, thing, changed);
}

void cluster_delete(struct cluster *cluster, struct thing *thing)
{
	record_edit(cluster->record, cluster, "delete", thing, NULL);
	delete_thing(cluster, thing);
}

void cluster_strip(struct cluster *cluster, struct thing *thing)
{
	struct json *object = json_dup(thing->object);

	record_edit(cluster->record, cluster, "strip", thing, NULL);
	json_remove(open_metadata(object), "finalizers");
	commit(cluster, thing, object);
}
