/* address.h - which object of an API server a path means. */
#ifndef SIMULATION_ADDRESS_H
#define SIMULATION_ADDRESS_H

#include <stdbool.h>

enum { ADDRESS_PART_SIZE = 128 };

struct kube_resource;

struct address {
	const struct kube_resource *resource;
	char namespace[ADDRESS_PART_SIZE];   /* "": cluster-scoped */
	char name[ADDRESS_PART_SIZE];        /* "": the collection */
	char subresource[ADDRESS_PART_SIZE]; /* "": the object itself */
};

/* False for a path that no resource of the broker's has. */
bool address_parse(const char *path, struct address *ret_address);

/* "ns/name" or "name", as stores and people write it. Returns RET_KEY. */
const char *address_key(const struct address *address, char ret_key[2 * ADDRESS_PART_SIZE]);

#endif
