#include "edge/http_call.h"

#include <string.h>

#include <base/cleanup.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/secret.h>

/* Some proxies hold headers back until the first event of a watch; a server's own come at once. */
enum { STREAM_HEADERS_MS = 30 * 1000 };

/* What a header may hold: nothing that could end its line or begin another one. */
#define VISIBLE                                                                                    \
	"!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"                       \
	"abcdefghijklmnopqrstuvwxyz{|}~"

static bool header_is_valid(const char *name, const char *value, struct error *err)
{
	if (!value || value[strspn(value, VISIBLE " ")] == '\0')
		return true;
	return error_set(err, ERROR_INVALID, "the %s header holds a control character", name);
}

static bool path_is_valid(const char *path, struct error *err)
{
	size_t size = strlen(path);

	if (size > HTTP_PATH_MAX)
		return error_set(err, ERROR_INVALID, "the path is longer than %d bytes",
				 HTTP_PATH_MAX);
	if (path[0] != '/' || strspn(path, VISIBLE) != size || strchr(path, '#'))
		return error_set(err, ERROR_INVALID, "the path is not an escaped path");
	return true;
}

static bool bearer_is_valid(const struct secret *bearer, struct error *err)
{
	const char *bytes = secret_expose(bearer);

	/* It comes with each call and is long: only what could end its line is searched for. */
	if (bearer->size == 0 || bearer->size > TOKEN_MAX || memchr(bytes, '\0', bearer->size) ||
	    memchr(bytes, '\r', bearer->size) || memchr(bytes, '\n', bearer->size))
		return error_set(err, ERROR_INVALID, "the bearer token is empty or malformed");
	return true;
}

static bool request_is_valid(const struct http_request *request, struct error *err)
{
	const struct secret *bearer = request->bearer;

	if (!path_is_valid(request->path, err))
		return false;
	if (!header_is_valid("Accept", request->accept, err) ||
	    !header_is_valid("Content-Type", request->content_type, err))
		return false;
	return !bearer || bearer_is_valid(bearer, err);
}

static bool is_streaming(const struct http_call *call)
{
	return call->is_stream && call->headers.status == 200;
}

static void call_deliver(void *context);

static void schedule_delivery(struct http_call *call)
{
	if (!loop_timer_is_set(&call->delivery))
		loop_timer_set(call->loop, &call->delivery, 0, call_deliver, call);
}

static void call_fail(struct http_call *call, enum error_kind kind, const char *text)
{
	error_set(&call->err, kind, "%s", text);
	if (call->ended)
		return;
	call->abort(call);
	http_call_end(call);
}

static void watchdog_bites(void *context)
{
	struct http_call *call = context;

	call_fail(call, ERROR_UNAVAILABLE,
		  call->headers.complete ? "the stream fell silent" : "the server sent no headers");
}

static void deliver_piece(struct http_call *call)
{
	cleanup_text struct text piece = call->received;
	bool gone = false;

	call->received = text_with_max(piece.size_max);
	call->gone = &gone;
	bool wanted = call->piece(call->context, text_chars(&piece), piece.size);
	if (gone)
		return;
	call->gone = NULL;
	if (wanted)
		return;
	call->err = (struct error){0}; /* whatever ended it meanwhile */
	call_fail(call, ERROR_INVALID, "the stream was refused by its reader");
}

static void deliver_end(struct http_call *call)
{
	const struct http_headers *headers = &call->headers;
	const struct http_response response = {
		.status = headers->status,
		.content_type = headers->content_type,
		.retry_after_s = headers->retry_after_s,
		.date_s = headers->date_s,
		.warning = headers->warning[0] ? headers->warning : NULL,
		.body = text_chars(&call->received),
		.body_size = call->received.size,
	};

	if (call->err.kind == ERROR_NONE)
		call->done(call->context, &response, NULL, true);
	else
		call->done(call->context, NULL, &call->err, call->sent);
	http_call_free(call);
}

/* Hands over one thing in each turn, and touches nothing behind the owner's function. */
static void call_deliver(void *context)
{
	struct http_call *call = context;
	bool has_piece = is_streaming(call) && call->received.size > 0;

	if ((call->open_due || has_piece) && (call->ended || (call->open_due && has_piece)))
		schedule_delivery(call);
	if (call->open_due) {
		call->open_due = false;
		call->open(call->context);
	} else if (has_piece) {
		deliver_piece(call);
	} else if (call->ended) {
		deliver_end(call);
	}
}

struct http_call *http_call_new(struct loop *loop, const struct http_request *request,
				size_t body_max, http_done *done, void *context)
{
	struct http_call *call = memory_new(sizeof(*call));

	call->loop = loop;
	call->method = memory_text(request->method);
	if (request->body) {
		call->body = memory_bytes(request->body, request->body_size);
		call->body_size = request->body_size;
	}
	call->timeout_ms = request->timeout_ms;
	call->urgent = request->urgent;
	call->done = done;
	call->context = context;
	call->received = text_with_max(body_max);
	http_headers_init(&call->headers);
	if (!request_is_valid(request, &call->err))
		http_call_end(call);
	return call;
}

void http_call_make_stream(struct http_call *call, int64_t idle_ms, http_open *open,
			   http_piece *piece)
{
	call->is_stream = true;
	call->idle_ms = idle_ms;
	call->open = open;
	call->piece = piece;
}

void http_call_free(struct http_call *call)
{
	if (call->gone)
		*call->gone = true;
	loop_timer_clear(&call->delivery);
	loop_timer_clear(&call->watchdog);
	text_done(&call->received);
	memory_free(call->transfer.url);
	memory_free(call->body);
	memory_free(call->method);
	memory_free(call);
}

void http_call_begin(struct http_call *call)
{
	if (call->is_stream)
		loop_timer_set(call->loop, &call->watchdog, STREAM_HEADERS_MS, watchdog_bites,
			       call);
}

bool http_call_add_header(struct http_call *call, const char *line, size_t size)
{
	bool was_complete = call->headers.complete;

	if (!http_headers_add(&call->headers, line, size, &call->err))
		return false;
	if (was_complete || !call->headers.complete || !call->is_stream)
		return true;
	loop_timer_set(call->loop, &call->watchdog, call->idle_ms, watchdog_bites, call);
	if (is_streaming(call)) {
		call->open_due = true;
		schedule_delivery(call);
	}
	return true;
}

bool http_call_add_body(struct http_call *call, const char *bytes, size_t size)
{
	text_append_bytes(&call->received, bytes, size);
	if (!text_ok(&call->received, "the body of the reply", &call->err))
		return false;
	if (call->is_stream)
		loop_timer_set(call->loop, &call->watchdog, call->idle_ms, watchdog_bites, call);
	if (is_streaming(call))
		schedule_delivery(call);
	return true;
}

void http_call_end(struct http_call *call)
{
	call->ended = true;
	loop_timer_clear(&call->watchdog);
	schedule_delivery(call);
}
