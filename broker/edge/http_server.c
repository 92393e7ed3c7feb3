#include "edge/http_server.h"

#include <microhttpd.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/memory.h>

#include "edge/http_listener.h"
#include "edge/loop.h"

enum {
	CONNECTIONS_MAX = 64,
	CONNECTIONS_OF_ONE_MAX = 8, /* the kubelet's address has to find a place beside a flood */
	CONNECTION_BYTES = 8 << 10, /* a probe sends 200 */
	CONNECTION_LIFE_MS = 10 * 1000,
	IDLE_S = 10,
};

struct http_server {
	struct loop *loop;
	struct MHD_Daemon *daemon;
	char *address;
	int fd; /* libmicrohttpd's epoll */
	struct loop_timer turn;
	http_server_answer *answer;
	void *context;
};

/* libmicrohttpd's own limit is on silence: a byte now and then would hold a connection for ever. */
struct connection_end {
	struct loop_timer timer;
	int fd;
};

static void connection_is_over(void *context)
{
	const struct connection_end *end = context;

	shutdown(end->fd, SHUT_RDWR); /* the descriptor is libmicrohttpd's to close */
}

static void connection_changed(void *context, struct MHD_Connection *connection, void **place,
			       enum MHD_ConnectionNotificationCode code)
{
	struct http_server *server = context;
	struct connection_end *end = *place;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

		end = memory_new(sizeof(*end));
		end->fd = info->connect_fd;
		loop_timer_set(server->loop, &end->timer, CONNECTION_LIFE_MS, connection_is_over,
			       end);
		*place = end;
	} else if (end) {
		loop_timer_clear(&end->timer);
		memory_free(end);
		*place = NULL;
	}
}

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status,
				 const char *text)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "Connection", "close");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, "Allow", "GET, HEAD");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static bool has(struct MHD_Connection *connection, enum MHD_ValueKind kind, const char *key)
{
	const char *value = NULL;
	size_t size = 0;

	return MHD_lookup_connection_value_n(connection, kind, key, strlen(key), &value, &size) ==
	       MHD_YES;
}

/* Where a body begins and ends is read in several ways (kube-semantics M-03): there is none. */
static bool has_body(struct MHD_Connection *connection)
{
	return has(connection, MHD_HEADER_KIND, "Content-Length") ||
	       has(connection, MHD_HEADER_KIND, "Transfer-Encoding");
}

static enum MHD_Result serve(void *context, struct MHD_Connection *connection, const char *path,
			     const char *method, const char *version, const char *body,
			     size_t *body_size, void **request_place)
{
	struct http_server *server = context;
	bool verbose = has(connection, MHD_GET_ARGUMENT_KIND, "verbose");
	cleanup_free char *text = NULL;
	int status = MHD_HTTP_OK;

	(void)version;
	(void)body;
	(void)body_size;
	(void)request_place;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return send_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n");
	if (has_body(connection))
		return send_text(connection, MHD_HTTP_BAD_REQUEST, "no bodies\n");
	text = server->answer(server->context, path, verbose, &status);
	if (!text)
		return send_text(connection, MHD_HTTP_NOT_FOUND, "there is nothing here\n");
	return send_text(connection, (unsigned)status, text);
}

/* What it could not finish at once, it wants to go on with after a time. */
static void run(void *context)
{
	struct http_server *server = context;
	MHD_UNSIGNED_LONG_LONG delay_ms = 0;

	MHD_run(server->daemon);
	if (MHD_get_timeout(server->daemon, &delay_ms) == MHD_YES)
		loop_timer_set(server->loop, &server->turn,
			       delay_ms < CONNECTION_LIFE_MS ? (int64_t)delay_ms
							     : CONNECTION_LIFE_MS,
			       run, server);
	else
		loop_timer_clear(&server->turn);
}

static void is_ready(void *context, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	run(context);
}

/* Takes LISTENER when it succeeds. */
static bool start_daemon(struct http_server *server, int listener, struct error *err)
{
	const union MHD_DaemonInfo *info;

	server->daemon = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, serve, server, MHD_OPTION_LISTEN_SOCKET, listener,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)CONNECTIONS_OF_ONE_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_NOTIFY_CONNECTION, connection_changed, server, MHD_OPTION_END);
	if (!server->daemon)
		return error_set(err, ERROR_UNAVAILABLE, "the HTTP server cannot start");
	info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	server->fd = info->epoll_fd;
	return loop_watch_fd(server->loop, server->fd, EPOLLIN, is_ready, server, err);
}

struct http_server *http_server_new(struct loop *loop, const char *address,
				    http_server_answer *answer, void *context, struct error *err)
{
	struct http_server *server = memory_new(sizeof(*server));
	int listener = http_listener_open(address, &server->address, err);
	bool started;

	*server = (struct http_server){
		.loop = loop,
		.address = server->address,
		.fd = -1,
		.answer = answer,
		.context = context,
	};
	started = listener >= 0 && start_daemon(server, listener, err);
	if (started)
		return server;
	if (listener >= 0 && !server->daemon)
		close(listener);
	http_server_free(server);
	return NULL;
}

void http_server_free(struct http_server *server)
{
	if (!server)
		return;
	loop_timer_clear(&server->turn);
	if (server->fd >= 0)
		loop_forget_fd(server->loop, server->fd);
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	memory_free(server->address);
	memory_free(server);
}

const char *http_server_address(const struct http_server *server)
{
	return server->address;
}
