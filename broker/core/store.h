/* store.h - the last seen objects of one resource, by key, in a form that their owner chose.
 *
 * Keys are "namespace/name", or "name" for what has no namespace. Knows nothing of Kubernetes and
 * keeps no JSON of its own. */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/* OBJECT_FREE releases an object that is replaced or dropped; NULL: objects are not owned. */
struct store *store_new(void (*object_free)(void *object));
/* NULL is fine. */
void store_free(struct store *store);

/* Takes OBJECT (not NULL) and releases the one that it replaces; KEY is copied. */
void store_put(struct store *store, const char *key, void *object);

/* Drops an object; false when there is none. */
bool store_remove(struct store *store, const char *key);

/* The object, or NULL. Borrowed until the next change. */
void *store_find(const struct store *store, const char *key);

/* Another number than before: since then a key was said to be gone, or a new list begun. Then what
 * was read elsewhere before may be gone by now. */
uint64_t store_departures(const struct store *store);

size_t store_count(const struct store *store);

/* Between begin and end every object of a new list is put; end drops what was not put since
 * begin, and tells each key to REMOVED before its object goes. REMOVED may look things up but
 * not change the store; NULL: nobody is told. A begin without its end drops nothing. */
void store_replace_begin(struct store *store);
void store_replace_end(struct store *store, void (*removed)(void *context, const char *key),
		       void *context);

/* Visits every object in the order in which the keys first came; stops when VISIT returns false
 * and returns that. VISIT must not change the store. */
bool store_each(const struct store *store,
		bool (*visit)(void *context, const char *key, void *object), void *context);

#endif
