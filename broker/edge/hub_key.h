/* hub_key.h - the key of this hub, from which the nonces of requests follow.
 *
 * Generated once and kept in a ConfigMap, because nonces are as plain in the records beside it. See
 * core/request_nonce.h. With another key than before, what stands on members without a record
 * cannot be known as ours. */
#ifndef EDGE_HUB_KEY_H
#define EDGE_HUB_KEY_H

#include "edge/hub_constant.h"

extern const struct hub_constant HUB_KEY;

#endif
