/* http_call.h - one request: what was asked, what has come of it, and who is told.
 *
 * Knows nothing of libcurl. http_client.c feeds it from libcurl's callbacks; the owner's functions
 * run from the loop only, so that they may start, cancel and free whatever they like. */
#ifndef EDGE_HTTP_CALL_H
#define EDGE_HTTP_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/error.h>
#include <base/text.h>

#include "edge/http_client.h"
#include "edge/http_headers.h"
#include "edge/http_transfer.h"
#include "edge/loop.h"

struct http_call {
	struct loop *loop;
	char *method;
	char *body;
	size_t body_size;
	int64_t timeout_ms;
	bool urgent;

	bool is_stream;
	int64_t idle_ms;
	http_open *open;
	http_piece *piece;
	http_done *done;
	void *context;

	struct http_headers headers;
	struct text received; /* the whole body; of a stream: what was not handed over yet */
	struct error err;
	bool sent; /* the request may have reached the server */

	bool open_due;
	bool ended;
	bool *gone; /* where to say that the call was released during its own callback */
	struct loop_timer delivery;
	struct loop_timer watchdog;

	struct http_peer *peer;
	struct http_call *next; /* in line */
	struct http_transfer transfer;
	void (*abort)(struct http_call *call); /* takes the call out of line or off the wire */
};

/* Copies what it needs of REQUEST. Never fails: a request that must not be sent has ended
 * already, with ERROR_INVALID. */
struct http_call *http_call_new(struct loop *loop, const struct http_request *request,
				size_t body_max, http_done *done, void *context);
/* Makes CALL a stream; before it is sent. */
void http_call_make_stream(struct http_call *call, int64_t idle_ms, http_open *open,
			   http_piece *piece);
/* Wipes and releases. Must be off the wire. */
void http_call_free(struct http_call *call);

/* The call has left the line. Starts the watchdog of a stream. */
void http_call_begin(struct http_call *call);

/* Take in a header line or a piece of the body as they come. False, with the call's error set, when
 * a cap is passed. */
bool http_call_add_header(struct http_call *call, const char *line, size_t size);
bool http_call_add_body(struct http_call *call, const char *bytes, size_t size);

/* The call is off the wire: DONE is told later, from the loop. */
void http_call_end(struct http_call *call);

#endif
