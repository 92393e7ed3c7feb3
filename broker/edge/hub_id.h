/* hub_id.h - the name by which members tell this hub from others that they may also serve.
 *
 * Generated once and kept, because every derived name and every mark contains it. */
#ifndef EDGE_HUB_ID_H
#define EDGE_HUB_ID_H

#include <stdbool.h>

#include "edge/hub_constant.h"

extern const struct hub_constant HUB_ID;

/* A DNS label of at most 40 characters. */
bool hub_id_is_legal(const char *hub_id);

#endif
