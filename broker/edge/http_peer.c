#include "edge/http_peer.h"

#include <assert.h>
#include <string.h>

#include <base/error.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "edge/http_call.h"
#include "edge/http_client.h"

enum { STREAM_CONNECTIONS_KEPT = 2 };

void http_peer_go_on(struct http_peer *peer)
{
	while (peer->calls.running < peer->calls_max) {
		struct http_call *call = http_line_take(&peer->line);
		if (!call)
			return;
		http_transfer_start(call);
	}
}

static void call_abort(struct http_call *call)
{
	http_line_remove(&call->peer->line, call);
	http_transfer_stop(call);
	http_peer_go_on(call->peer);
}

static struct http_call *call_new(struct http_peer *peer, const struct http_request *request,
				  http_done *done, void *context)
{
	struct http_call *call = http_call_new(peer->loop, request, peer->body_max, done, context);

	call->peer = peer;
	call->abort = call_abort;
	if (!call->ended)
		http_transfer_prepare(call, request);
	return call;
}

struct http_call *http_peer_start(struct http_peer *peer, const struct http_request *request,
				  http_done *done, void *context)
{
	struct http_call *call = call_new(peer, request, done, context);

	if (call->ended)
		return call;
	http_line_add(&peer->line, call);
	http_peer_go_on(peer);
	return call;
}

struct http_call *http_peer_stream(struct http_peer *peer, const struct http_request *request,
				   int64_t idle_ms, http_open *open, http_piece *piece,
				   http_done *done, void *context)
{
	struct http_call *call = call_new(peer, request, done, context);

	http_call_make_stream(call, idle_ms, open, piece);
	if (!call->ended)
		http_transfer_start(call);
	return call;
}

void http_call_cancel(struct http_call *call)
{
	if (!call)
		return;
	if (!call->ended)
		call_abort(call);
	http_call_free(call);
}

static bool peer_copy_config(struct http_peer *peer, const struct http_peer_config *config,
			     struct error *err)
{
	if (text_is_empty(config->ca_pem))
		return error_set(err, ERROR_INVALID, "no CA is given");
	if (strlen(config->ca_pem) > CA_PEM_MAX)
		return error_set(err, ERROR_INVALID, "the CA is longer than %d bytes", CA_PEM_MAX);
	if (!http_origin_parse(config->server, config->tls_server_name, &peer->origin, err))
		return false;
	peer->connect_to = http_transfer_list(peer->origin.connect_to);
	peer->ca_pem = memory_text(config->ca_pem);
	if (config->client_cert_pem && config->client_key_pem) {
		peer->client_cert_pem = secret_dup(config->client_cert_pem);
		peer->client_key_pem = secret_dup(config->client_key_pem);
	}
	peer->user_agent = memory_text(config->user_agent);
	peer->calls_max = config->calls_max;
	peer->body_max = config->body_max;
	peer->loopback_allowed = config->loopback_allowed;
	return true;
}

struct http_peer *http_peer_new(struct http_client *client, const struct http_peer_config *config,
				struct error *err)
{
	struct http_peer *peer = memory_new(sizeof(*peer));

	assert(config->calls_max > 0);
	peer->loop = http_client_loop(client);
	peer->fenced_by = config->beyond_fence ? NULL : client;
	if (!peer_copy_config(peer, config, err)) {
		http_peer_free(peer);
		return NULL;
	}
	peer->spare.count_max = peer->calls_max;
	peer->spare.handles = memory_new_array(peer->calls_max, sizeof(void *));
	peer->calls.peer = peer;
	peer->calls.connections_kept = peer->calls_max;
	peer->streams.peer = peer;
	peer->streams.connections_kept = STREAM_CONNECTIONS_KEPT;
	return peer;
}

void http_peer_free(struct http_peer *peer)
{
	if (!peer)
		return;
	assert(peer->calls.running == 0 && peer->streams.running == 0);
	http_spare_drop(&peer->spare);
	http_multi_close(&peer->calls);
	http_multi_close(&peer->streams);
	http_transfer_list_free(peer->connect_to);
	secret_done(&peer->client_cert_pem);
	secret_done(&peer->client_key_pem);
	http_origin_done(&peer->origin);
	memory_free(peer->ca_pem);
	memory_free(peer->user_agent);
	memory_free(peer->spare.handles);
	memory_free(peer);
}
