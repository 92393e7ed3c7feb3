#include "core/spread.h"

/* Needs no better randomness than the names of members, which often differ in their last character
 * only. */
int64_t spread_ms(const char *key, uint32_t round, int64_t width_ms)
{
	uint32_t hash = 2166136261U + round * 2654435761U;

	for (const char *c = key; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619U;
	hash = (hash ^ hash >> 16) * 0x85ebca6bU;
	hash = (hash ^ hash >> 13) * 0xc2b2ae35U;
	hash ^= hash >> 16;
	return (int64_t)((uint64_t)hash * (uint64_t)width_ms >> 32);
}
