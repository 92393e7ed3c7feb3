/* http_peer.h - one server: its trust, its connections and the calls that wait for them. */
#ifndef EDGE_HTTP_PEER_H
#define EDGE_HTTP_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include <base/secret.h>

#include "edge/http_line.h"
#include "edge/http_origin.h"
#include "edge/http_transfer.h"

struct http_peer {
	struct loop *loop;
	struct http_origin origin;
	char *ca_pem;
	struct secret client_cert_pem;
	struct secret client_key_pem;
	char *user_agent;
	unsigned calls_max;
	size_t body_max;
	bool loopback_allowed;
	const struct http_client *fenced_by; /* NULL: beyond the fence */

	struct curl_slist *connect_to; /* of ORIGIN, as libcurl wants it */
	struct http_multi calls;
	struct http_multi streams; /* apart, so that a stream never holds or ages the pool */
	struct http_spare spare;
	struct http_line line;
};

/* A call has left the wire: the next in line may go. */
void http_peer_go_on(struct http_peer *peer);

#endif
