/* http_client.h - HTTPS calls on the loop. http_client.c is the only file that includes curl.
 *
 * A peer is one server with one set of trust and one identity; nothing (connection, TLS session,
 * credential) is shared between peers. Never followed: redirects, proxies and .netrc of the
 * environment. Never trusted: any CA but the peer's own. Never re-sent: a request with a body, not
 * even by libcurl on a connection that died (kube-semantics C-05). */
#ifndef EDGE_HTTP_CLIENT_H
#define EDGE_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct http_call;   /* in flight */
struct http_client; /* what all peers share: the loop and libcurl's global state */
struct http_peer;
struct loop;
struct secret;

struct http_peer_config {
	const char *server;                   /* https://host[:port][/prefix], already validated */
	const char *ca_pem;                   /* the only trust; required */
	const char *tls_server_name;          /* NULL: the host of SERVER */
	const struct secret *client_cert_pem; /* NULL: none */
	const struct secret *client_key_pem;
	const char *user_agent;
	unsigned calls_max;    /* calls in flight; more wait in line. Streams do not count */
	size_t body_max;       /* bytes of one response body */
	bool loopback_allowed; /* else an address in 127.0.0.0/8 or ::1 is refused after resolution
				*/
	bool beyond_fence; /* what this peer is sent needs no leave of http_client_set_fence() */
};

struct http_request {
	const char *method; /* "GET", "POST", "PUT", "PATCH", "DELETE" */
	const char *path;   /* escaped, with its query; begins with '/' */
	const char *accept;
	const char *content_type;    /* NULL without a body */
	const struct secret *bearer; /* NULL: no Authorization header */
	const char *body;            /* copied; the copy is wiped when the call ends */
	size_t body_size;
	int64_t timeout_ms; /* from the moment it leaves the line; for a stream: its hard ceiling */
	bool urgent;        /* goes to the head of the line */
};

struct http_response {
	int status;
	const char *content_type; /* "" when absent */
	int64_t retry_after_s;    /* -1 when absent or not a number of seconds */
	int64_t date_s;           /* the Date header, seconds since 1970; -1 when absent */
	const char *warning;      /* the text of the first Warning: 299 header; NULL when absent */
	const char *body;         /* borrowed for the call; NUL behind it */
	size_t body_size;
};

/* Called exactly once, never before http_peer_start() returns, never after http_call_cancel(). Like
 * the other two, from the loop and not from inside libcurl: it may start, cancel and free anything.
 * ERR is NULL when a response was received whole, whatever its status. Otherwise RESPONSE is NULL;
 * SENT tells whether the request may have reached the server. */
typedef void http_done(void *context, const struct http_response *response, const struct error *err,
		       bool sent);

/* For a stream: called with each piece of a body whose status is 200. Returning false ends the
 * stream with ERROR_INVALID. */
typedef bool http_piece(void *context, const char *bytes, size_t size);
/* For a stream: called once when headers with status 200 have come. */
typedef void http_open(void *context);

/* Initialises libcurl with base/memory.h as its allocator; once per process. */
struct http_client *http_client_new(struct loop *loop, struct error *err);
/* From now on nothing but GET is sent unless IS_OPEN(CONTEXT), asked when a connection stands and
 * the next byte would go out. What is refused ends with ERROR_UNAVAILABLE, and was not sent. */
void http_client_set_fence(struct http_client *client, bool (*is_open)(void *context),
			   void *context);
/* Every peer must be gone. NULL is fine. */
void http_client_free(struct http_client *client);

/* CONFIG is copied. */
struct http_peer *http_peer_new(struct http_client *client, const struct http_peer_config *config,
				struct error *err);
/* Every call must have ended or been cancelled. NULL is fine. */
void http_peer_free(struct http_peer *peer);

/* Starts REQUEST or puts it in line. The call belongs to the peer; cancelling before DONE has run
 * is the caller's right. No connection is kept once a peer has been idle for 15 s. */
struct http_call *http_peer_start(struct http_peer *peer, const struct http_request *request,
				  http_done *done, void *context);

/* The same for a long-lived response outside the pool. Ends with ERROR_UNAVAILABLE when no headers
 * come within 30 s or no byte for IDLE_MS. A status other than 200 is answered like any call. */
struct http_call *http_peer_stream(struct http_peer *peer, const struct http_request *request,
				   int64_t idle_ms, http_open *open, http_piece *piece,
				   http_done *done, void *context);

/* NULL is fine. DONE will not be called. */
void http_call_cancel(struct http_call *call);

#endif
