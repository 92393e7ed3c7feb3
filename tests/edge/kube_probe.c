/* kube_probe - drives kube_client and kube_watch from a test.
 *
 * usage: kube_probe KEY=VALUE... (see read_option) < commands > events
 *
 * Reads one JSON command on each line, writes one JSON event on each line, and ends with its
 * standard input. Objects in events are shown as they came. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/secret.h>
#include <base/text.h>

#include "core/kube_path.h"
#include "core/kubeconfig.h"
#include "core/store.h"
#include "edge/http_client.h"
#include "edge/kube_client.h"
#include "edge/kube_watch.h"
#include "edge/log.h"
#include "edge/loop.h"

enum { CALLS_MAX = 4096, FILE_MAX = 1 << 20 };

struct options {
	struct kube_endpoint endpoint;
	unsigned calls_max;
	size_t body_max;
	bool loopback_allowed;
	bool token_hook;
	struct secret second_token;
};

struct probe {
	struct loop *loop;
	struct options options;
	struct http_client *http;
	struct kube_client *client;
	struct kube_watch *watch;
	struct store *store;
	struct kube_resource resource; /* what WATCH watches */
	struct text input;
	bool token_expired;
	struct probe_call {
		struct probe *probe;
		int64_t id;
		int64_t begun_ms;
		struct kube_call *call; /* NULL: not in flight */
	} calls[CALLS_MAX];
};

static char *read_file(const char *path)
{
	char *bytes = memory_new(FILE_MAX);
	FILE *file = fopen(path, "re");

	if (!file) {
		fprintf(stderr, "kube_probe: %s: %s\n", path, strerror(errno));
		exit(2);
	}
	size_t size = fread(bytes, 1, FILE_MAX - 1, file);
	bytes[size] = '\0';
	fclose(file);
	return bytes;
}

static struct secret read_secret(const char *path)
{
	char *bytes = read_file(path);
	size_t size = strcspn(bytes, "\n");

	/* A certificate has many lines, a token has one. */
	if (strncmp(bytes, "-----", 5) != 0)
		bytes[size] = '\0';
	return secret_take(bytes, strlen(bytes));
}

static bool read_option(struct options *options, const char *key, const char *value)
{
	if (text_same(key, "server"))
		options->endpoint.server = memory_text(value);
	else if (text_same(key, "ca"))
		options->endpoint.ca_pem = read_file(value);
	else if (text_same(key, "token"))
		options->endpoint.token = read_secret(value);
	else if (text_same(key, "second_token")) /* what the hook gives after a 401 */
		options->second_token = read_secret(value);
	else if (text_same(key, "certificate"))
		options->endpoint.client_cert_pem = read_secret(value);
	else if (text_same(key, "key"))
		options->endpoint.client_key_pem = read_secret(value);
	else if (text_same(key, "tls_server_name"))
		options->endpoint.tls_server_name = memory_text(value);
	else if (text_same(key, "calls_max"))
		options->calls_max = (unsigned)strtoul(value, NULL, 10);
	else if (text_same(key, "body_max"))
		options->body_max = strtoul(value, NULL, 10);
	else if (text_same(key, "loopback"))
		options->loopback_allowed = text_same(value, "yes");
	else
		return false;
	return true;
}

static void read_options(struct options *options, int count, char **arguments)
{
	*options = (struct options){
		.calls_max = 16, .body_max = HTTP_BODY_MAX, .loopback_allowed = true};
	for (int i = 1; i < count; i++) {
		cleanup_free char *key = memory_text(arguments[i]);
		char *equals = strchr(key, '=');
		if (equals)
			*equals = '\0';
		if (equals && read_option(options, key, equals + 1))
			continue;
		fprintf(stderr, "kube_probe: bad option %s\n", arguments[i]);
		exit(2);
	}
}

static void options_done(struct options *options)
{
	struct kube_endpoint *endpoint = &options->endpoint;

	memory_free(endpoint->server);
	memory_free(endpoint->ca_pem);
	memory_free(endpoint->tls_server_name);
	secret_done(&endpoint->token);
	secret_done(&endpoint->client_cert_pem);
	secret_done(&endpoint->client_key_pem);
	secret_done(&options->second_token);
}

/* Takes EVENT. */
static void say(struct json *event)
{
	size_t size;
	cleanup_free char *line = json_dump(event, &size);

	json_free(event);
	puts(line);
	fflush(stdout);
}

static int64_t now_ms(const struct probe *probe)
{
	return clock_monotonic_ms(loop_clock(probe->loop));
}

static void call_done(void *context, const struct kube_reply *reply)
{
	struct probe_call *call = context;
	struct json *event = json_object_new();

	call->call = NULL;
	json_add_integer(event, "id", call->id);
	json_add_integer(event, "status", reply->kube.status);
	json_add_integer(event, "reason", reply->kube.reason);
	json_add_integer(event, "ms", now_ms(call->probe) - call->begun_ms);
	json_add_integer(event, "date", reply->date_s);
	json_add_bool(event, "outcome_unknown", reply->kube.outcome_unknown);
	json_add_string(event, "warning", reply->warning);
	json_add_string(event, "kind", reply->err ? error_kind_name(reply->err->kind) : "none");
	json_add_string(event, "text", reply->err ? reply->err->text : NULL);
	if (reply->object)
		json_add_copy(event, "object", reply->object);
	say(event);
}

static void stream_opened(void *context)
{
	struct probe_call *call = context;
	struct json *event = json_object_new();

	json_add_integer(event, "opened", call->id);
	say(event);
}

static bool stream_piece(void *context, const char *bytes, size_t size)
{
	struct probe_call *call = context;
	struct json *event = json_object_new();

	(void)bytes;
	json_add_integer(event, "piece", (int64_t)size);
	json_add_integer(event, "of", call->id);
	say(event);
	return true;
}

static struct probe_call *call_slot(struct probe *probe, const struct json *command)
{
	for (size_t i = 0; i < CALLS_MAX; i++) {
		struct probe_call *slot = &probe->calls[i];
		if (slot->call)
			continue;
		slot->probe = probe;
		slot->begun_ms = now_ms(probe);
		json_integer(json_find(command, "id"), &slot->id);
		return slot;
	}
	fprintf(stderr, "kube_probe: too many calls\n");
	exit(2);
}

static enum kube_verb verb_of(const char *name)
{
	static const char *const names[] = {
		[KUBE_GET] = "get",       [KUBE_LIST] = "list",   [KUBE_CREATE] = "create",
		[KUBE_PUT] = "put",       [KUBE_APPLY] = "apply", [KUBE_PATCH_JSON] = "patch",
		[KUBE_DELETE] = "delete",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (text_same(name, names[i]))
			return (enum kube_verb)i;
	fprintf(stderr, "kube_probe: no such verb\n");
	exit(2);
}

static void do_call(struct probe *probe, const struct json *command)
{
	struct probe_call *slot = call_slot(probe, command);
	const char *bearer_text = json_find_string(command, "bearer");
	cleanup_secret struct secret bearer = secret_from_bytes(
		bearer_text ? bearer_text : "", bearer_text ? strlen(bearer_text) : 0);
	const struct kube_request request = {
		.verb = verb_of(json_find_string(command, "verb")),
		.path = json_find_string(command, "path"),
		.body = json_find(command, "body"),
		.bearer = bearer_text ? &bearer : NULL,
		.accept = json_find_string(command, "accept"),
		.urgent = json_is_true(json_find(command, "urgent")),
	};

	slot->call = kube_client_start(probe->client, &request, call_done, slot);
}

static void do_stream(struct probe *probe, const struct json *command)
{
	struct probe_call *slot = call_slot(probe, command);
	int64_t timeout_ms = 60000;
	int64_t idle_ms = 60000;

	json_integer(json_find(command, "timeout_ms"), &timeout_ms);
	json_integer(json_find(command, "idle_ms"), &idle_ms);
	slot->call =
		kube_client_stream(probe->client, json_find_string(command, "path"), timeout_ms,
				   idle_ms, stream_opened, stream_piece, call_done, slot);
}

static void do_cancel(struct probe *probe, const struct json *command)
{
	int64_t id = -1;

	json_integer(json_find(command, "id"), &id);
	for (size_t i = 0; i < CALLS_MAX; i++) {
		struct probe_call *slot = &probe->calls[i];
		if (!slot->call || slot->id != id)
			continue;
		kube_call_cancel(slot->call);
		slot->call = NULL;
	}
}

/* Keeps the resourceVersion and refuses what is annotated "unreadable". */
static void *project(const struct json *object, struct error *err)
{
	if (json_find(object, "metadata", "annotations", "unreadable")) {
		error_set(err, ERROR_INVALID, "it says so");
		return NULL;
	}
	return memory_text(json_find_string(object, "metadata", "resourceVersion"));
}

static void watch_changed(void *context, const char *key)
{
	struct probe *probe = context;
	struct json *event = json_object_new();

	json_add_string(event, "changed", key);
	json_add_string(event, "version", store_find(probe->store, key));
	say(event);
}

static void watch_synced(void *context)
{
	struct probe *probe = context;
	struct json *event = json_object_new();

	json_add_integer(event, "synced", (int64_t)store_count(probe->store));
	say(event);
}

static void do_watch(struct probe *probe, const struct json *command)
{
	const struct kube_watch_config config = {
		.resource = &probe->resource,
		.namespace = json_find_string(command, "namespace"),
		.label_selector = json_find_string(command, "selector"),
		.store = probe->store,
		.project = project,
		.changed = watch_changed,
		.synced = watch_synced,
		.context = probe,
	};

	probe->resource = (struct kube_resource){
		.group = memory_text(json_find_string(command, "group")),
		.version = memory_text(json_find_string(command, "version")),
		.plural = memory_text(json_find_string(command, "plural")),
		.kind = "",
		.namespaced = true,
	};
	probe->watch = kube_watch_new(probe->client, probe->loop, &config);
}

static bool list_entry(void *context, const char *key, void *object)
{
	json_add_string(context, key, object);
	return true;
}

static void do_store(struct probe *probe)
{
	struct json *event = json_object_new();

	store_each(probe->store, list_entry, json_add_object(event, "store"));
	say(event);
}

static void do_command(struct probe *probe, const char *line, size_t size)
{
	struct error err = {0};
	cleanup_json struct json *command = json_parse(line, size, &err);
	const char *verb = json_find_string(command, "verb");

	if (!verb) {
		fprintf(stderr, "kube_probe: bad command\n");
		exit(2);
	}
	if (text_same(verb, "cancel"))
		do_cancel(probe, command);
	else if (text_same(verb, "stream"))
		do_stream(probe, command);
	else if (text_same(verb, "watch"))
		do_watch(probe, command);
	else if (text_same(verb, "store"))
		do_store(probe);
	else
		do_call(probe, command);
}

static void do_lines(struct probe *probe)
{
	cleanup_text struct text lines = probe->input;
	const char *at = text_chars(&lines);
	const char *end;

	probe->input = text_with_max(lines.size_max);
	while ((end = strchr(at, '\n')) != NULL) {
		do_command(probe, at, (size_t)(end - at));
		at = end + 1;
	}
	text_append(&probe->input, at);
}

static void input_ready(void *context, int fd, uint32_t events)
{
	struct probe *probe = context;
	char bytes[16384];
	ssize_t size = read(fd, bytes, sizeof(bytes));

	(void)events;
	if (size <= 0) {
		loop_forget_fd(probe->loop, fd);
		loop_stop(probe->loop);
		return;
	}
	text_append_bytes(&probe->input, bytes, (size_t)size);
	do_lines(probe);
}

static const struct secret *token_hook(void *context, bool expired)
{
	struct probe *probe = context;

	probe->token_expired = probe->token_expired || expired;
	return probe->token_expired ? &probe->options.second_token : &probe->options.endpoint.token;
}

static bool probe_start(struct probe *probe, struct error *err)
{
	const struct options *options = &probe->options;
	struct kube_client_config config = {
		.endpoint = &options->endpoint,
		.calls_max = options->calls_max,
		.body_max = options->body_max,
		.loopback_allowed = options->loopback_allowed,
	};

	if (!secret_is_empty(&options->second_token)) {
		config.token = token_hook;
		config.token_context = probe;
	}
	probe->loop = loop_new(clock_system(), err);
	probe->http = http_client_new(probe->loop, err);
	probe->client = kube_client_new(probe->http, probe->loop, &config, err);
	return probe->client &&
	       loop_watch_fd(probe->loop, STDIN_FILENO, EPOLLIN, input_ready, probe, err);
}

static void probe_end(struct probe *probe)
{
	kube_watch_free(probe->watch);
	kube_client_free(probe->client);
	http_client_free(probe->http);
	loop_free(probe->loop);
	store_free(probe->store);
	text_done(&probe->input);
	memory_free((void *)probe->resource.group);
	memory_free((void *)probe->resource.version);
	memory_free((void *)probe->resource.plural);
	options_done(&probe->options);
}

int main(int count, char **arguments)
{
	static struct probe probe;
	struct error err = {0};

	memory_serve_libraries();
	log_set_level(LOG_LEVEL_DEBUG);
	read_options(&probe.options, count, arguments);
	probe.store = store_new(memory_free);
	probe.input = text_with_max(HTTP_BODY_MAX);
	bool ok = probe_start(&probe, &err) && loop_run(probe.loop, &err);
	if (!ok)
		fprintf(stderr, "kube_probe: %s: %s\n", error_kind_name(err.kind), err.text);
	probe_end(&probe);
	return ok ? 0 : 1;
}
