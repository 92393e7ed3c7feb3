#include "core/store.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include <base/digest.h>
#include <base/memory.h>

enum { BUCKETS_FIRST = 16 };

struct entry {
	char *key;
	void *object;
	uint64_t hash;
	unsigned round;                /* of the last put */
	struct entry *chain;           /* next in the bucket */
	struct entry *next, *previous; /* in order of arrival */
};

struct store {
	void (*object_free)(void *object);
	struct entry **buckets;
	size_t bucket_count; /* a power of two */
	size_t count;
	struct entry *first, *newest;
	uint64_t seed;
	unsigned round; /* counts the replacements */
	uint64_t departures;
};

/* FNV-1a. It starts from a random seed, so that nobody who may choose the names of objects can
 * make them all fall into one bucket. */
static uint64_t hash_of(uint64_t seed, const char *key)
{
	uint64_t hash = seed ^ 0xcbf29ce484222325u;

	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 0x100000001b3u;
	return hash ^ hash >> 32;
}

static struct entry **bucket_of(const struct store *store, uint64_t hash)
{
	return &store->buckets[hash & (store->bucket_count - 1)];
}

/* Where the pointer to the entry of KEY is, or would be. */
static struct entry **place_of(const struct store *store, uint64_t hash, const char *key)
{
	struct entry **place = bucket_of(store, hash);

	while (*place && ((*place)->hash != hash || strcmp((*place)->key, key) != 0))
		place = &(*place)->chain;
	return place;
}

static void grow(struct store *store)
{
	memory_free(store->buckets);
	store->bucket_count *= 2;
	store->buckets = memory_new_array(store->bucket_count, sizeof(struct entry *));
	for (struct entry *entry = store->first; entry; entry = entry->next) {
		struct entry **bucket = bucket_of(store, entry->hash);
		entry->chain = *bucket;
		*bucket = entry;
	}
}

static void release_object(const struct store *store, void *object)
{
	if (store->object_free)
		store->object_free(object);
}

static struct entry *add_entry(struct store *store, uint64_t hash, const char *key)
{
	if (store->count >= store->bucket_count)
		grow(store);

	struct entry **bucket = bucket_of(store, hash);
	struct entry *entry = memory_new(sizeof(*entry));
	*entry = (struct entry){
		.key = memory_text(key), .hash = hash, .chain = *bucket, .previous = store->newest};
	*bucket = entry;
	if (store->newest)
		store->newest->next = entry;
	else
		store->first = entry;
	store->newest = entry;
	store->count++;
	return entry;
}

/* PLACE points to the entry in its bucket. */
static void drop_entry(struct store *store, struct entry **place)
{
	struct entry *entry = *place;

	assert(entry);
	*place = entry->chain;
	if (entry->previous)
		entry->previous->next = entry->next;
	else
		store->first = entry->next;
	if (entry->next)
		entry->next->previous = entry->previous;
	else
		store->newest = entry->previous;
	store->count--;
	release_object(store, entry->object);
	memory_free(entry->key);
	memory_free(entry);
}

struct store *store_new(void (*object_free)(void *object))
{
	struct store *store = memory_new(sizeof(*store));
	char nonce[NONCE_SIZE];

	digest_nonce(nonce);
	store->seed = hash_of(0, nonce);
	store->object_free = object_free;
	store->bucket_count = BUCKETS_FIRST;
	store->buckets = memory_new_array(BUCKETS_FIRST, sizeof(struct entry *));
	return store;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	while (store->first)
		drop_entry(store, place_of(store, store->first->hash, store->first->key));
	memory_free(store->buckets);
	memory_free(store);
}

void store_put(struct store *store, const char *key, void *object)
{
	uint64_t hash = hash_of(store->seed, key);
	struct entry *entry = *place_of(store, hash, key);

	if (!entry)
		entry = add_entry(store, hash, key);
	else if (entry->object != object)
		release_object(store, entry->object);
	entry->object = object;
	entry->round = store->round;
}

bool store_remove(struct store *store, const char *key)
{
	struct entry **place = place_of(store, hash_of(store->seed, key), key);

	store->departures++;
	if (!*place)
		return false;
	drop_entry(store, place);
	return true;
}

void *store_find(const struct store *store, const char *key)
{
	const struct entry *entry = *place_of(store, hash_of(store->seed, key), key);

	return entry ? entry->object : NULL;
}

uint64_t store_departures(const struct store *store)
{
	return store->departures;
}

size_t store_count(const struct store *store)
{
	return store->count;
}

void store_replace_begin(struct store *store)
{
	store->round++;
	store->departures++;
}

void store_replace_end(struct store *store, void (*removed)(void *context, const char *key),
		       void *context)
{
	struct entry *next;

	for (struct entry *entry = store->first; entry; entry = next) {
		next = entry->next;
		if (entry->round == store->round)
			continue;
		if (removed)
			removed(context, entry->key);
		drop_entry(store, place_of(store, entry->hash, entry->key));
	}
}

bool store_each(const struct store *store,
		bool (*visit)(void *context, const char *key, void *object), void *context)
{
	for (struct entry *entry = store->first; entry; entry = entry->next)
		if (!visit(context, entry->key, entry->object))
			return false;
	return true;
}
