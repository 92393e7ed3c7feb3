#include "edge/http_client.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/secret.h>
#include <base/text.h>

#include "edge/http_call.h"
#include "edge/http_peer.h"
#include "edge/http_socket.h"
#include "edge/http_transfer.h"
#include "edge/loop.h"

enum {
	IDLE_MS = 15 * 1000,
	CONNECT_MS = 20 * 1000,
	CONNECTION_AGE_S = 60, /* unused for so long: not used again (servers close at 90 s) */
	RECEIVE_BUFFER_SIZE = 4 << 10,
	UPLOAD_BUFFER_SIZE = 16 << 10,   /* libcurl takes no less */
	CONNECTION_LIFETIME_S = 20 * 60, /* so that calls spread over the servers behind one name */
};

struct http_client {
	struct loop *loop;
	bool (*is_open)(void *context); /* NULL: there is no fence */
	void *context;
};

static void *allocate(size_t size)
{
	return memory_resize(NULL, size, 1);
}

static void *reallocate(void *pointer, size_t size)
{
	return memory_resize(pointer, size, 1);
}

static size_t body_came(char *bytes, size_t size, size_t count, void *call)
{
	return http_call_add_body(call, bytes, size * count) ? size * count : 0;
}

static size_t header_came(char *line, size_t size, size_t count, void *call)
{
	return http_call_add_header(call, line, size * count) ? size * count : 0;
}

static bool fence_is_closed(const struct http_call *call)
{
	const struct http_client *client = call->peer->fenced_by;

	return client && client->is_open && strcmp(call->method, "GET") != 0 &&
	       !client->is_open(client->context);
}

/* Called before each sending. libcurl repeats a request on its own when a kept connection dies
 * before the first byte of the reply; only for GET is that harmless. */
static int about_to_send(void *context, char *address, char *local_address, int port,
			 int local_port)
{
	struct http_call *call = context;

	(void)address;
	(void)local_address;
	(void)port;
	(void)local_port;
	if (call->sent && strcmp(call->method, "GET") != 0) {
		error_set(&call->err, ERROR_UNAVAILABLE,
			  "%s: connection lost before the reply, not sent again",
			  call->peer->origin.name);
		return CURL_PREREQFUNC_ABORT;
	}
	if (fence_is_closed(call)) {
		error_set(&call->err, ERROR_UNAVAILABLE,
			  "%s: not sent, this process does not lead now", call->peer->origin.name);
		return CURL_PREREQFUNC_ABORT;
	}
	call->sent = true;
	return CURL_PREREQFUNC_OK;
}

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http_call *call = context;
	const struct http_peer *peer = call->peer;

	(void)purpose;
	int fd = http_socket_open(&address->addr, peer->loopback_allowed, &call->err);
	if (fd >= 0)
		return fd;
	error_wrap(&call->err, "%s", peer->origin.name);
	return CURL_SOCKET_BAD;
}

static void multi_reap(struct http_multi *multi);

static void socket_ready(void *context, int fd, uint32_t events)
{
	struct http_multi *multi = context;
	int what = 0;
	int running;

	if (events & EPOLLIN)
		what |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		what |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		what |= CURL_CSELECT_ERR;
	curl_multi_socket_action(multi->curl, fd, what, &running);
	multi_reap(multi);
}

static void multi_is_due(void *context)
{
	struct http_multi *multi = context;
	int running;

	curl_multi_socket_action(multi->curl, CURL_SOCKET_TIMEOUT, 0, &running);
	multi_reap(multi);
}

static int socket_changed(CURL *easy, curl_socket_t fd, int what, void *context, void *unused)
{
	struct http_multi *multi = context;
	struct error err = {0};
	uint32_t events = 0;

	(void)easy;
	(void)unused;
	if (what == CURL_POLL_REMOVE) {
		loop_forget_fd(multi->peer->loop, fd);
		return 0;
	}
	if (what & CURL_POLL_IN)
		events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		events |= EPOLLOUT;
	return loop_watch_fd(multi->peer->loop, fd, events, socket_ready, multi, &err) ? 0 : -1;
}

static int due_changed(CURLM *curl, long timeout_ms, void *context)
{
	struct http_multi *multi = context;

	(void)curl;
	if (timeout_ms < 0)
		loop_timer_clear(&multi->due);
	else
		loop_timer_set(multi->peer->loop, &multi->due, timeout_ms, multi_is_due, multi);
	return 0;
}

static CURLM *multi_open(struct http_multi *multi)
{
	if (multi->curl)
		return multi->curl;
	multi->curl = curl_multi_init();
	assert(multi->curl);
	curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, socket_changed);
	curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
	curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, due_changed);
	curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
	curl_multi_setopt(multi->curl, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	curl_multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS, (long)multi->connections_kept);
	return multi->curl;
}

void http_multi_close(struct http_multi *multi)
{
	loop_timer_clear(&multi->idle);
	if (multi->curl)
		curl_multi_cleanup(multi->curl);
	multi->curl = NULL;
	loop_timer_clear(&multi->due);
}

void http_spare_drop(struct http_spare *spare)
{
	while (spare->count > 0)
		curl_easy_cleanup(spare->handles[--spare->count]);
}

static void multi_was_idle(void *context)
{
	struct http_multi *multi = context;

	http_multi_close(multi);
	http_spare_drop(&multi->peer->spare);
}

static struct curl_blob blob_of(const char *bytes, size_t size)
{
	return (struct curl_blob){.data = (void *)bytes, .len = size, .flags = CURL_BLOB_NOCOPY};
}

static void easy_set_trust(CURL *easy, const struct http_peer *peer)
{
	struct curl_blob ca = blob_of(peer->ca_pem, strlen(peer->ca_pem));

	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	/* A directory of public CAs is built in, and a blob does not displace it (C-02). */
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &ca);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (secret_is_empty(&peer->client_cert_pem))
		return;

	struct curl_blob cert =
		blob_of(secret_expose(&peer->client_cert_pem), peer->client_cert_pem.size);
	struct curl_blob key =
		blob_of(secret_expose(&peer->client_key_pem), peer->client_key_pem.size);
	curl_easy_setopt(easy, CURLOPT_SSLCERTTYPE, "PEM");
	curl_easy_setopt(easy, CURLOPT_SSLCERT_BLOB, &cert);
	curl_easy_setopt(easy, CURLOPT_SSLKEYTYPE, "PEM");
	curl_easy_setopt(easy, CURLOPT_SSLKEY_BLOB, &key);
}

static void easy_set_limits(CURL *easy, const struct http_peer *peer)
{
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* Else a cancel waits for the name service (C-09). */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_DNS_SHUFFLE_ADDRESSES, 1L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)CONNECTION_AGE_S);
	curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, (long)CONNECTION_LIFETIME_S);
	/* Allocated for each call and wiped behind it: no larger than most calls need. */
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER_SIZE);
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER_SIZE);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, peer->user_agent);
	curl_easy_setopt(easy, CURLOPT_CONNECT_TO, peer->connect_to);
}

static CURL *easy_new(const struct http_peer *peer)
{
	CURL *easy = curl_easy_init();

	assert(easy);
	easy_set_trust(easy, peer);
	easy_set_limits(easy, peer);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, about_to_send);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header_came);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_came);
	return easy;
}

static void easy_set_request(CURL *easy, struct http_call *call)
{
	curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(easy, CURLOPT_URL, call->transfer.url);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->transfer.headers);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
	if (call->body) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_size);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body);
	} else {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
		curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
}

static struct http_multi *multi_of(const struct http_call *call)
{
	struct http_peer *peer = call->peer;

	return call->is_stream ? &peer->streams : &peer->calls;
}

/* After a transfer that ended by itself the handle may be used again. */
static void leave_wire(struct http_call *call, bool keep_easy)
{
	struct http_multi *multi = multi_of(call);
	struct http_peer *peer = call->peer;
	CURL *easy = TAKE_PTR(call->transfer.easy);

	curl_multi_remove_handle(multi->curl, easy);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(TAKE_PTR(call->transfer.headers));
	if (keep_easy && peer->spare.count < peer->spare.count_max)
		peer->spare.handles[peer->spare.count++] = easy;
	else
		curl_easy_cleanup(easy);
	if (--multi->running == 0)
		loop_timer_set(peer->loop, &multi->idle, IDLE_MS, multi_was_idle, multi);
}

void http_transfer_start(struct http_call *call)
{
	struct http_multi *multi = multi_of(call);
	struct http_peer *peer = call->peer;
	CURL *easy =
		peer->spare.count > 0 ? peer->spare.handles[--peer->spare.count] : easy_new(peer);

	loop_timer_clear(&multi->idle);
	multi->running++;
	call->transfer.easy = easy;
	easy_set_request(easy, call);
	http_call_begin(call);
	if (curl_multi_add_handle(multi_open(multi), easy) == CURLM_OK)
		return;
	error_set(&call->err, ERROR_INTERNAL, "%s: libcurl takes no call", peer->origin.name);
	leave_wire(call, false);
	http_call_end(call);
}

void http_transfer_stop(struct http_call *call)
{
	if (call->transfer.easy)
		leave_wire(call, false);
	curl_slist_free_all(TAKE_PTR(call->transfer.headers));
}

static const char *reason_text(CURLcode code)
{
	switch ((int)code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return "the host name does not resolve";
	case CURLE_COULDNT_CONNECT:
		return "cannot connect";
	case CURLE_OPERATION_TIMEDOUT:
		return "timed out";
	case CURLE_PEER_FAILED_VERIFICATION:
		return "the server's certificate is not signed by the given CA or is for another "
		       "name";
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		return "the connection was lost";
	case CURLE_PARTIAL_FILE:
		return "the reply was cut short";
	default:
		/* Static, unlike libcurl's error buffer, which may quote what was received. */
		return curl_easy_strerror(code);
	}
}

static void call_set_result(struct http_call *call, CURLcode code)
{
	const char *name = call->peer->origin.name;

	if (code == CURLE_OK && call->headers.complete) {
		/* The first of several addresses may have been refused. */
		call->err = (struct error){0};
		return;
	}
	if (code == CURLE_SSL_CACERT_BADFILE)
		error_set(&call->err, ERROR_INVALID, "%s: the CA is not a PEM certificate", name);
	else if (code == CURLE_SSL_CERTPROBLEM)
		error_set(&call->err, ERROR_INVALID,
			  "%s: the client certificate or key is unusable", name);
	else
		error_set(&call->err, ERROR_UNAVAILABLE, "%s: %s", name, reason_text(code));
}

static void multi_reap(struct http_multi *multi)
{
	const CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(multi->curl, &left)) != NULL) {
		CURLcode code = message->data.result;
		struct http_call *call = NULL;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
		leave_wire(call, code == CURLE_OK);
		call_set_result(call, code);
		http_call_end(call);
	}
	http_peer_go_on(multi->peer);
}

static void add_header(struct curl_slist **headers, const char *name, const char *value)
{
	cleanup_text struct text line = text_with_max(HTTP_HEADERS_MAX);

	if (!value)
		return;
	text_append(&line, name);
	text_append(&line, value);
	*headers = curl_slist_append(*headers, text_chars(&line));
}

static struct curl_slist *headers_of(const struct http_request *request)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");

	add_header(&headers, "Accept: ", request->accept);
	add_header(&headers, "Content-Type: ", request->content_type);
	add_header(&headers, "Authorization: Bearer ",
		   request->bearer ? secret_expose(request->bearer) : NULL);
	return headers;
}

void http_transfer_prepare(struct http_call *call, const struct http_request *request)
{
	struct text url = text_with_max(SIZE_MAX);

	text_append(&url, call->peer->origin.base_url);
	text_append(&url, request->path);
	call->transfer.url = text_take(&url);
	call->transfer.headers = headers_of(request);
}

struct curl_slist *http_transfer_list(const char *line)
{
	return line ? curl_slist_append(NULL, line) : NULL;
}

void http_transfer_list_free(struct curl_slist *list)
{
	curl_slist_free_all(list);
}

struct http_client *http_client_new(struct loop *loop, struct error *err)
{
	CURLcode code = curl_global_init_mem(CURL_GLOBAL_DEFAULT, allocate, memory_free, reallocate,
					     memory_text, memory_new_array);
	if (code != CURLE_OK) {
		error_set(err, ERROR_INTERNAL, "libcurl: %s", curl_easy_strerror(code));
		return NULL;
	}
	struct http_client *client = memory_new(sizeof(*client));
	client->loop = loop;
	return client;
}

struct loop *http_client_loop(const struct http_client *client)
{
	return client->loop;
}

void http_client_set_fence(struct http_client *client, bool (*is_open)(void *context),
			   void *context)
{
	client->is_open = is_open;
	client->context = context;
}

void http_client_free(struct http_client *client)
{
	if (!client)
		return;
	curl_global_cleanup();
	memory_free(client);
}
