#include "simulation/address.h"

#include <stdio.h>
#include <string.h>

#include "core/kube_path.h"

enum { PARTS_MAX = 9 };

static const struct kube_resource *const resources[] = {
	&KUBE_SECRETS,
	&KUBE_SERVICE_ACCOUNTS,
	&KUBE_NAMESPACES,
	&KUBE_ROLES,
	&KUBE_CLUSTER_ROLES,
	&KUBE_ROLE_BINDINGS,
	&KUBE_CLUSTER_ROLE_BINDINGS,
	&KUBE_SELF_SUBJECT_REVIEWS,
	&KUBE_SELF_SUBJECT_ACCESS_REVIEWS,
	&KUBE_AUTH_TOKEN_REQUESTS,
	&KUBE_CLUSTER_PROFILES,
	&KUBE_ISSUED_CREDENTIALS,
	&KUBE_ACCESS_POLICIES,
	&KUBE_RBAC_TEMPLATES,
};

static size_t split(const char *path, char parts[PARTS_MAX][ADDRESS_PART_SIZE])
{
	size_t count = 0;

	while (*path == '/' && count < PARTS_MAX) {
		size_t size = strcspn(++path, "/?");

		if (size >= ADDRESS_PART_SIZE)
			return 0;
		memcpy(parts[count], path, size);
		parts[count++][size] = '\0';
		path += size;
	}
	return count;
}

static const struct kube_resource *find_resource(const char *plural)
{
	for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
		if (strcmp(resources[i]->plural, plural) == 0)
			return resources[i];
	return NULL;
}

static void take(char *target, char parts[PARTS_MAX][ADDRESS_PART_SIZE], size_t index, size_t count)
{
	if (index < count)
		memcpy(target, parts[index], ADDRESS_PART_SIZE);
}

bool address_parse(const char *path, struct address *ret_address)
{
	char parts[PARTS_MAX][ADDRESS_PART_SIZE] = {0};
	size_t count = split(path, parts);
	size_t at = strcmp(parts[0], "api") == 0 ? 2 : 3;
	bool scoped = count > at + 2 && strcmp(parts[at], "namespaces") == 0;
	struct address address = {0};

	if (scoped) {
		take(address.namespace, parts, at + 1, count);
		at += 2;
	}
	if (at >= count)
		return false;
	address.resource = find_resource(parts[at]);
	take(address.name, parts, at + 1, count);
	take(address.subresource, parts, at + 2, count);
	*ret_address = address;
	return address.resource && address.resource->namespaced == scoped;
}

const char *address_key(const struct address *address, char ret_key[2 * ADDRESS_PART_SIZE])
{
	snprintf(ret_key, 2 * ADDRESS_PART_SIZE, "%s%s%s", address->namespace,
		 address->namespace[0] ? "/" : "", address->name);
	return ret_key;
}
