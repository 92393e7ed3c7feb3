#include "edge/hub_id.h"

#include <string.h>

enum { HUB_ID_MAX = 40 };

const struct hub_constant HUB_ID = {
	.config_map = "credbroker-hub",
	.key = "hubID",
	.digits = 16, /* 64 bits tell hubs apart */
	.is_legal = hub_id_is_legal,
};

bool hub_id_is_legal(const char *hub_id)
{
	size_t size = strlen(hub_id);
	size_t legal = strspn(hub_id, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return size > 0 && size <= HUB_ID_MAX && legal == size && hub_id[0] != '-' &&
	       hub_id[size - 1] != '-';
}
