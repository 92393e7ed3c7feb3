#include "edge/kube_client.h"

#include <assert.h>
#include <string.h>
#include <strings.h>
#include <sys/utsname.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/secret.h>
#include <base/text.h>

#include "core/kubeconfig.h"
#include "edge/chance.h"
#include "edge/loop.h"

enum {
	/* A little above the server's own limits: 34 s for writes, 60 s for the rest. */
	WRITE_MS = 40 * 1000,
	GET_MS = 35 * 1000,
	LIST_MS = 70 * 1000,
	TRIES_MAX = 10,
	LOST_TRIES_MAX = 3,
	LOST_DELAY_MS = 1000,
	RETRY_DELAY_MIN_MS = 100,
	JITTER_PERCENT = 20,
	BEARER_CALLS_MAX = 4, /* each connection costs a handshake, and its calls are few */
	USER_AGENT_MAX = 128,
};

static const struct verb {
	const char *method;
	const char *content_type;
	int64_t timeout_ms;
	bool writes;
} verbs[] = {
	[KUBE_GET] = {"GET", NULL, GET_MS, false},
	[KUBE_LIST] = {"GET", NULL, LIST_MS, false},
	[KUBE_CREATE] = {"POST", "application/json", WRITE_MS, true},
	[KUBE_PUT] = {"PUT", "application/json", WRITE_MS, true},
	[KUBE_APPLY] = {"PATCH", "application/apply-patch+yaml", WRITE_MS, true},
	[KUBE_PATCH_JSON] = {"PATCH", "application/json-patch+json", WRITE_MS, true},
	[KUBE_DELETE] = {"DELETE", "application/json", WRITE_MS, true},
};

struct kube_client {
	struct http_client *http;
	struct loop *loop;
	struct http_peer *own;
	struct http_peer *bearer;              /* no client certificate; NULL until it is needed */
	struct http_peer_config bearer_config; /* its strings belong to the fields below */
	char *server;
	char *ca_pem;
	char *tls_server_name;
	char *user_agent;
	struct secret endpoint_token;
	const struct secret *(*token)(void *context, bool expired);
	void *token_context;
	struct kube_call *calls; /* whose DONE has not run */
};

struct kube_call {
	struct kube_client *client;
	struct kube_call *next;
	struct kube_call **place; /* where the pointer to this call is */

	const struct verb *verb;
	char *path;
	char *body;
	size_t body_size;
	char *accept;
	struct secret bearer;
	bool with_managers;
	bool urgent;
	int64_t timeout_ms;

	bool is_stream;
	int64_t idle_ms;
	http_open *open;
	http_piece *piece;
	kube_done *done;
	void *context;

	struct http_call *http; /* NULL while waiting to try again */
	struct loop_timer again;
	int64_t begun_ms;
	int64_t sent_ms; /* the last try */
	unsigned tries;
	bool token_renewed;
};

/* MS and up to JITTER_PERCENT more: never earlier than the server asked for. */
static int64_t with_jitter(int64_t ms)
{
	return ms + chance_between(0, ms * JITTER_PERCENT / 100);
}

static int64_t now_ms(const struct kube_call *call)
{
	return clock_monotonic_ms(loop_clock(call->client->loop));
}

static bool is_json(const char *content_type)
{
	static const char json_type[] = "application/json";
	size_t size = strlen(json_type);

	return strncasecmp(content_type, json_type, size) == 0 &&
	       (content_type[size] == '\0' || content_type[size] == ';' ||
		content_type[size] == ' ');
}

static void call_free(struct kube_call *call)
{
	*call->place = call->next;
	if (call->next)
		call->next->place = call->place;
	http_call_cancel(call->http);
	loop_timer_clear(&call->again);
	secret_done(&call->bearer);
	memory_free(call->path);
	memory_free(call->body);
	memory_free(call->accept);
	memory_free(call);
}

/* The owner may free the client in DONE, so the call goes first. */
static void call_finish(struct kube_call *call, const struct kube_reply *reply)
{
	kube_done *done = call->done;
	void *context = call->context;

	call_free(call);
	done(context, reply);
}

static void call_fail(struct kube_call *call, const struct kube_error *kube,
		      const struct error *err)
{
	const struct kube_reply reply = {.err = err, .kube = *kube, .date_s = -1};

	call_finish(call, &reply);
}

static void call_send(void *context);

static void call_send_again(struct kube_call *call, int64_t delay_ms)
{
	loop_timer_set(call->client->loop, &call->again, delay_ms, call_send, call);
}

static void call_was_lost(struct kube_call *call, const struct error *err, bool sent)
{
	struct kube_error kube;
	int64_t age_ms = now_ms(call) - call->begun_ms;

	kube_error_classify(0, NULL, NULL, 0, -1, &kube);
	kube.outcome_unknown = sent && call->verb->writes;
	if (!call->verb->writes && !call->is_stream && sent && err->kind == ERROR_UNAVAILABLE &&
	    call->tries < LOST_TRIES_MAX && age_ms < call->timeout_ms)
		call_send_again(call, with_jitter(LOST_DELAY_MS));
	else
		call_fail(call, &kube, err);
}

static struct json *parse(const struct kube_call *call, const struct http_response *response,
			  struct error *err)
{
	return call->with_managers ? json_parse(response->body, response->body_size, err)
				   : json_parse_object(response->body, response->body_size, err);
}

static void call_succeeded(struct kube_call *call, const struct http_response *response)
{
	cleanup_json struct json *object = NULL;
	struct kube_reply reply = {
		.kube = {.status = response->status, .retry_after_s = -1},
		.warning = response->warning,
		.date_s = response->date_s,
		.trip_ms = now_ms(call) - call->sent_ms,
	};
	struct error why = {0};
	struct error err = {0};

	if (!call->is_stream) {
		if (is_json(response->content_type))
			object = parse(call, response, &why);
		else
			error_set(&why, ERROR_INVALID, "its Content-Type is not application/json");
	}
	reply.object = object;
	if (why.kind != ERROR_NONE) {
		/* Something between us and the server answered; whether the server did is open. */
		error_set(&err, ERROR_UNAVAILABLE, "unexpected reply: %s", why.text);
		reply.kube.reason = KUBE_REASON_UNEXPECTED;
		reply.kube.outcome_unknown = call->verb->writes;
		reply.err = &err;
	}
	call_finish(call, &reply);
}

static void call_was_refused(struct kube_call *call, const struct http_response *response)
{
	struct kube_client *client = call->client;
	struct kube_error kube;
	struct error err = {0};

	kube_error_classify(response->status, response->content_type, response->body,
			    response->body_size, response->retry_after_s, &kube);
	kube.outcome_unknown = kube.outcome_unknown && call->verb->writes;

	if (response->status == 401 && client->token && !call->token_renewed &&
	    secret_is_empty(&call->bearer)) {
		call->token_renewed = true;
		client->token(client->token_context, true);
		call_send_again(call, 0);
		return;
	}
	bool asked_back =
		kube.retry_after_s >= 0 && (response->status == 429 || response->status >= 500);
	if (asked_back && !kube.outcome_unknown && !call->is_stream && call->tries < TRIES_MAX) {
		int64_t ms = kube.retry_after_s * 1000;
		call_send_again(call, with_jitter(ms > 0 ? ms : RETRY_DELAY_MIN_MS));
		return;
	}
	kube_error_describe(&kube, &err);
	call_fail(call, &kube, &err);
}

static void call_answered(void *context, const struct http_response *response,
			  const struct error *err, bool sent)
{
	struct kube_call *call = context;

	call->http = NULL;
	if (err)
		call_was_lost(call, err, sent);
	else if (call->is_stream ? response->status == 200
				 : response->status >= 200 && response->status < 300)
		call_succeeded(call, response);
	else
		call_was_refused(call, response);
}

static void call_opened(void *context)
{
	struct kube_call *call = context;

	call->open(call->context);
}

static bool call_got_piece(void *context, const char *bytes, size_t size)
{
	struct kube_call *call = context;

	return call->piece(call->context, bytes, size);
}

static struct http_peer *peer_of(const struct kube_call *call)
{
	struct kube_client *client = call->client;
	struct error err = {0};

	if (secret_is_empty(&call->bearer))
		return client->own;
	if (!client->bearer)
		client->bearer = http_peer_new(client->http, &client->bearer_config, &err);
	assert(client->bearer); /* the same strings made the own peer */
	return client->bearer;
}

static const struct secret *token_of(const struct kube_call *call)
{
	const struct kube_client *client = call->client;

	if (!secret_is_empty(&call->bearer))
		return &call->bearer;
	if (client->token)
		return client->token(client->token_context, false);
	return secret_is_empty(&client->endpoint_token) ? NULL : &client->endpoint_token;
}

static void call_send(void *context)
{
	struct kube_call *call = context;
	struct http_peer *peer = peer_of(call);
	const struct http_request request = {
		.method = call->verb->method,
		.path = call->path,
		.accept = call->accept ? call->accept : "application/json",
		.content_type = call->body ? call->verb->content_type : NULL,
		.bearer = token_of(call),
		.body = call->body,
		.body_size = call->body_size,
		.timeout_ms = call->timeout_ms,
		.urgent = call->urgent,
	};

	call->tries++;
	call->sent_ms = now_ms(call);
	if (call->is_stream)
		call->http = http_peer_stream(peer, &request, call->idle_ms, call_opened,
					      call_got_piece, call_answered, call);
	else
		call->http = http_peer_start(peer, &request, call_answered, call);
}

static struct kube_call *call_new(struct kube_client *client, enum kube_verb verb, const char *path,
				  kube_done *done, void *context)
{
	struct kube_call *call = memory_new(sizeof(*call));

	call->client = client;
	call->next = client->calls;
	call->place = &client->calls;
	if (call->next)
		call->next->place = &call->next;
	client->calls = call;

	call->verb = &verbs[verb];
	call->path = memory_text(path);
	call->timeout_ms = call->verb->timeout_ms;
	call->begun_ms = now_ms(call);
	call->done = done;
	call->context = context;
	return call;
}

static char *user_agent(void)
{
	struct text text = text_with_max(USER_AGENT_MAX);
	struct utsname system = {.machine = "unknown"};

	uname(&system);
	const char *machine = system.machine;
	if (text_same(machine, "x86_64"))
		machine = "amd64";
	else if (text_same(machine, "aarch64"))
		machine = "arm64";
	text_appendf(&text, "credbroker/%s (linux/%s)", CREDBROKER_VERSION, machine);
	return text_take(&text);
}

static void keep_config(struct kube_client *client, const struct kube_client_config *config)
{
	const struct kube_endpoint *endpoint = config->endpoint;

	client->server = memory_text(endpoint->server);
	client->ca_pem = memory_text(endpoint->ca_pem);
	client->tls_server_name = memory_text(endpoint->tls_server_name);
	client->user_agent = user_agent();
	client->endpoint_token = secret_dup(&endpoint->token);
	client->token = config->token;
	client->token_context = config->token_context;
	client->bearer_config = (struct http_peer_config){
		.server = client->server,
		.ca_pem = client->ca_pem,
		.tls_server_name = client->tls_server_name,
		.user_agent = client->user_agent,
		.calls_max =
			config->calls_max < BEARER_CALLS_MAX ? config->calls_max : BEARER_CALLS_MAX,
		.body_max = config->body_max,
		.loopback_allowed = config->loopback_allowed,
		.beyond_fence = config->beyond_fence,
	};
}

struct kube_client *kube_client_new(struct http_client *http, struct loop *loop,
				    const struct kube_client_config *config, struct error *err)
{
	const struct kube_endpoint *endpoint = config->endpoint;
	struct kube_client *client = memory_new(sizeof(*client));

	client->http = http;
	client->loop = loop;
	keep_config(client, config);
	struct http_peer_config own = client->bearer_config;
	own.calls_max = config->calls_max;
	if (!secret_is_empty(&endpoint->client_cert_pem)) {
		own.client_cert_pem = &endpoint->client_cert_pem;
		own.client_key_pem = &endpoint->client_key_pem;
	}
	client->own = http_peer_new(http, &own, err);
	if (client->own)
		return client;
	kube_client_free(client);
	return NULL;
}

void kube_client_free(struct kube_client *client)
{
	if (!client)
		return;
	while (client->calls)
		call_free(client->calls);
	http_peer_free(client->own);
	http_peer_free(client->bearer);
	secret_done(&client->endpoint_token);
	memory_free(client->server);
	memory_free(client->ca_pem);
	memory_free(client->tls_server_name);
	memory_free(client->user_agent);
	memory_free(client);
}

struct kube_call *kube_client_start(struct kube_client *client, const struct kube_request *request,
				    kube_done *done, void *context)
{
	struct kube_call *call = call_new(client, request->verb, request->path, done, context);

	if (request->body)
		call->body = json_dump(request->body, &call->body_size);
	if (request->bearer)
		call->bearer = secret_dup(request->bearer);
	call->accept = memory_text(request->accept);
	call->with_managers = request->with_managers;
	call->urgent = request->urgent;
	call_send(call);
	return call;
}

struct kube_call *kube_client_stream(struct kube_client *client, const char *path,
				     int64_t timeout_ms, int64_t idle_ms, http_open *open,
				     http_piece *piece, kube_done *done, void *context)
{
	struct kube_call *call = call_new(client, KUBE_GET, path, done, context);

	call->is_stream = true;
	call->timeout_ms = timeout_ms;
	call->idle_ms = idle_ms;
	call->open = open;
	call->piece = piece;
	call_send(call);
	return call;
}

void kube_call_cancel(struct kube_call *call)
{
	if (call)
		call_free(call);
}
