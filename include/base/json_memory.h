/* json_memory.h - where the JSON parser's values live: many small blocks, wiped when freed.
 *
 * A parsed object is hundreds of blocks that go together soon. In a heap of their own they cost
 * little, and what lives long is not scattered among them. Not for several threads. */
#ifndef BASE_JSON_MEMORY_H
#define BASE_JSON_MEMORY_H

#include <stddef.h>

enum { JSON_CELL_MAX = 256 }; /* larger blocks are memory.h's */

/* SIZE bytes (at least one), not zeroed; released with json_memory_free(). */
void *json_memory_new(size_t size) __attribute__((returns_nonnull, warn_unused_result));

/* Wipes and releases; NULL is fine. */
void json_memory_free(void *block);

/* Of the slabs that cells are made of, how many hold one. */
size_t json_memory_slabs(void);

#endif
