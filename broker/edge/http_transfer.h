/* http_transfer.h - what http_client.c, the only file that knows libcurl, does for http_peer.c. */
#ifndef EDGE_HTTP_TRANSFER_H
#define EDGE_HTTP_TRANSFER_H

#include "edge/loop.h"

struct curl_slist;
struct http_call;
struct http_client;
struct http_peer;
struct http_request;

/* The part of a call that is libcurl's. */
struct http_transfer {
	void *easy; /* libcurl's handle while on the wire, else NULL */
	struct curl_slist *headers;
	char *url;
};

/* A set of connections to one peer. */
struct http_multi {
	void *curl; /* libcurl's handle; NULL while nothing runs and no connection is kept */
	struct http_peer *peer;
	struct loop_timer due;  /* when libcurl wants to be called */
	struct loop_timer idle; /* when the connections are closed */
	unsigned running;
	unsigned connections_kept;
};

/* Used handles keep their options and their TLS sessions. */
struct http_spare {
	void **handles;
	unsigned count;
	unsigned count_max;
};

/* Lays out the URL and the headers of REQUEST. */
void http_transfer_prepare(struct http_call *call, const struct http_request *request);
/* Puts CALL on the wire. Its end comes as http_call_end() and then http_peer_go_on(). */
void http_transfer_start(struct http_call *call);
/* Takes CALL off the wire, if it is on it, and wipes its headers. */
void http_transfer_stop(struct http_call *call);

/* Closes the connections that were kept. */
void http_multi_close(struct http_multi *multi);
void http_spare_drop(struct http_spare *spare);

/* A list of one LINE as libcurl takes it; NULL for NULL. The caller's. */
struct curl_slist *http_transfer_list(const char *line);
void http_transfer_list_free(struct curl_slist *list);

struct loop *http_client_loop(const struct http_client *client);

#endif
