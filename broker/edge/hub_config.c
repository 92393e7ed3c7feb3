#include "edge/hub_config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/secret.h>
#include <base/text.h>

enum {
	TOKEN_BELIEVED_MS = 60 * 1000,
	READ_AT_ONCE = 16 * 1024,
};

struct hub_token {
	char *file;
	struct secret secret;
	int64_t read_at_ms;
	const struct clock *clock;
};

/* By path each time: a mounted Secret is exchanged by a symlink. */
static bool read_file(void *context, const char *file, struct secret *ret_bytes, struct error *err)
{
	struct text cleanup_text bytes = text_with_max(KUBECONFIG_MAX);
	cleanup_close int fd = open(file, O_RDONLY | O_CLOEXEC);
	cleanup_free char *buffer = memory_new(READ_AT_ONCE);
	ssize_t size;

	(void)context;
	if (fd < 0)
		return error_set(err, ERROR_INVALID, "%.180s: %s", file, strerror(errno));
	while ((size = read(fd, buffer, READ_AT_ONCE)) > 0 && !bytes.overflown)
		text_append_bytes(&bytes, buffer, (size_t)size);
	if (size < 0)
		return error_set(err, ERROR_INVALID, "%.180s: %s", file, strerror(errno));
	if (!text_ok(&bytes, file, err))
		return false;
	*ret_bytes = secret_from_bytes(text_chars(&bytes), bytes.size);
	return true;
}

static char *directory_of(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash ? memory_bytes(file, slash == file ? 1 : (size_t)(slash - file))
		     : memory_text(".");
}

bool hub_config_read_file(const char *file, struct kube_endpoint *ret_endpoint, struct error *err)
{
	cleanup_secret struct secret bytes = {0};
	cleanup_free char *directory = directory_of(file);

	if (!read_file(NULL, file, &bytes, err))
		return error_wrap(err, "read the hub's kubeconfig");
	if (!kubeconfig_read_local(secret_expose(&bytes), bytes.size, directory, read_file, NULL,
				   ret_endpoint, err))
		return error_wrap(err, "%.120s", file);
	return true;
}

static char *pod_server(struct error *err)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");
	struct text server = text_with_max(512);

	if (!host || !*host || !port || !*port) {
		error_set(err, ERROR_INVALID,
			  "not in a pod (KUBERNETES_SERVICE_HOST is not set): "
			  "give --kubeconfig FILE");
		return NULL;
	}
	text_appendf(&server, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port);
	return text_take(&server);
}

static char *joined(const char *directory, const char *name)
{
	struct text path = text_with_max(HTTP_PATH_MAX);

	text_appendf(&path, "%s/%s", directory, name);
	return text_take(&path);
}

bool hub_config_read_pod(const char *directory, struct kube_endpoint *ret_endpoint,
			 struct error *err)
{
	cleanup_free char *server = pod_server(err);
	cleanup_free char *ca_file = joined(directory, "ca.crt");
	cleanup_secret struct secret ca = {0};

	if (!server || !read_file(NULL, ca_file, &ca, err))
		return error_wrap(err, "in-cluster configuration");
	ret_endpoint->server = TAKE_PTR(server);
	ret_endpoint->ca_pem = memory_bytes(secret_expose(&ca), ca.size);
	ret_endpoint->token_file = joined(directory, "token");
	return true;
}

bool hub_config_pod_ca_changed(const char *directory, const struct kube_endpoint *endpoint)
{
	cleanup_free char *ca_file = joined(directory, "ca.crt");
	cleanup_secret struct secret ca = {0};
	struct error err = {0};

	return read_file(NULL, ca_file, &ca, &err) && ca.size > 0 &&
	       !text_same(secret_expose(&ca), endpoint->ca_pem);
}

struct hub_token *hub_token_new(const struct kube_endpoint *endpoint, const struct clock *clock)
{
	struct hub_token *token;

	if (!endpoint->token_file)
		return NULL;
	token = memory_new(sizeof(*token));
	token->file = memory_text(endpoint->token_file);
	token->clock = clock;
	return token;
}

void hub_token_free(struct hub_token *token)
{
	if (!token)
		return;
	memory_free(token->file);
	secret_done(&token->secret);
	memory_free(token);
}

static size_t trimmed_size(const struct secret *bytes)
{
	size_t size = bytes->size;

	while (size > 0 && strchr(" \t\r\n", secret_expose(bytes)[size - 1]))
		size--;
	return size;
}

bool hub_token_read(struct hub_token *token, struct error *err)
{
	cleanup_secret struct secret bytes = {0};
	size_t size;

	token->read_at_ms = clock_monotonic_ms(token->clock);
	if (!read_file(NULL, token->file, &bytes, err))
		return error_wrap(err, "read the hub's token");
	size = trimmed_size(&bytes);
	if (size == 0 || size > TOKEN_MAX)
		return error_set(err, ERROR_INVALID, "%.180s holds no token", token->file);
	secret_done(&token->secret);
	token->secret = secret_from_bytes(secret_expose(&bytes), size);
	return true;
}

const struct secret *hub_token_current(void *context, bool expired)
{
	struct hub_token *token = context;
	int64_t age_ms = clock_monotonic_ms(token->clock) - token->read_at_ms;
	struct error err = {0}; /* the last good one stays, and the hub says whether it will do */

	if (expired || secret_is_empty(&token->secret) || age_ms > TOKEN_BELIEVED_MS)
		hub_token_read(token, &err);
	return &token->secret;
}
