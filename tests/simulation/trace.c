#include "simulation/trace.h"

#include <stdio.h>
#include <string.h>

#include <base/json.h>
#include <base/text.h>

#include "core/kube_path.h"
#include "simulation/server.h"
#include "simulation/world.h"

enum { NAME_SIZE = ADDRESS_PART_SIZE, DIGEST_LENGTH = 26 };

static const char *const verbs[] = {
	[KUBE_GET] = "GET",       [KUBE_LIST] = "LIST",   [KUBE_CREATE] = "POST",
	[KUBE_PUT] = "PUT",       [KUBE_APPLY] = "APPLY", [KUBE_PATCH_JSON] = "PATCH",
	[KUBE_DELETE] = "DELETE",
};

const char *trace_name(const struct server_call *call, char ret_name[ADDRESS_PART_SIZE])
{
	const char *name = call->address.name[0] ? call->address.name
						 : json_find_string(call->body, "metadata", "name");
	const char *dash = name ? strrchr(name, '-') : NULL;

	if (dash && strlen(dash + 1) == DIGEST_LENGTH)
		snprintf(ret_name, NAME_SIZE, "%.*s-*", (int)(dash - name), name);
	else
		snprintf(ret_name, NAME_SIZE, "%s", name ? name : "");
	return ret_name;
}

void trace_answer(const struct world *world, int process, int member,
		  const struct server_call *call, int status)
{
	char place[16] = "hub";
	char name[NAME_SIZE];

	if (!world->traced)
		return;
	if (member >= 0)
		snprintf(place, sizeof(place), "m%d", member);
	world_tell(world, "b%d %s %s %s %s %s -> %d", process, place, verbs[call->verb],
		   call->address.resource ? call->address.resource->plural : call->path,
		   trace_name(call, name), call->address.subresource, status);
}
