#include "core/kubeconfig.h"

#include <string.h>

#include <base/base64.h>
#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/pem.h"
#include "core/server_url.h"
#include "core/yaml.h"

enum use {
	SERVED,
	SERVED_LOCALLY, /* names a file: only in the operator's own kubeconfig */
	REFUSED,
};

struct field {
	const char *name;
	enum use use;
	const char *instead;
};

#define CREDENTIALS  "a token or a client certificate"
#define AS_OURSELVES "a credential of the identity that is wanted"

static const struct field cluster_fields[] = {
	{"server", SERVED, NULL},
	{"certificate-authority-data", SERVED, NULL},
	{"certificate-authority", SERVED_LOCALLY, "certificate-authority-data"},
	{"tls-server-name", SERVED, NULL},
	{"insecure-skip-tls-verify", REFUSED, "certificate-authority-data"},
	{"proxy-url", REFUSED, "a server that is reached directly"},
	{"disable-compression", SERVED, NULL},
	{"extensions", SERVED, NULL},
	{NULL, REFUSED, NULL},
};

static const struct field user_fields[] = {
	{"token", SERVED, NULL},
	{"tokenFile", SERVED_LOCALLY, "token"},
	{"client-certificate-data", SERVED, NULL},
	{"client-certificate", SERVED_LOCALLY, "client-certificate-data"},
	{"client-key-data", SERVED, NULL},
	{"client-key", SERVED_LOCALLY, "client-key-data"},
	{"exec", REFUSED, CREDENTIALS},
	{"auth-provider", REFUSED, CREDENTIALS},
	{"username", REFUSED, CREDENTIALS},
	{"password", REFUSED, CREDENTIALS},
	{"as", REFUSED, AS_OURSELVES},
	{"as-uid", REFUSED, AS_OURSELVES},
	{"as-groups", REFUSED, AS_OURSELVES},
	{"as-user-extra", REFUSED, AS_OURSELVES},
	{"extensions", SERVED, NULL},
	{NULL, REFUSED, NULL},
};

/* Where files come from; READ is NULL for a kubeconfig that came through an API. */
struct files {
	const char *directory;
	kubeconfig_read_file *read;
	void *context;
};

/* The two objects that the current context names. */
struct chosen {
	const struct json *cluster, *user;
};

void kube_endpoint_done(struct kube_endpoint *endpoint)
{
	memory_free(endpoint->server);
	memory_free(endpoint->ca_pem);
	secret_done(&endpoint->token);
	memory_free(endpoint->token_file);
	secret_done(&endpoint->client_cert_pem);
	secret_done(&endpoint->client_key_pem);
	memory_free(endpoint->tls_server_name);
	*endpoint = (struct kube_endpoint){0};
}

/* As client-go sees it: a field that is empty is not there. */
static bool is_absent(const struct json *value)
{
	int64_t number;

	if (!value || json_is_null(value))
		return true;
	if (json_string(value))
		return json_string(value)[0] == '\0';
	if (json_is_array(value))
		return json_size(value) == 0;
	return !json_is_object(value) && !json_number(value, &number) && !json_is_true(value);
}

struct inspection {
	const struct field *fields;
	bool local;
	struct error *err;
};

static bool field_is_served(void *context, const char *name, const struct json *value)
{
	const struct inspection *inspection = context;
	const struct field *field = inspection->fields;

	if (is_absent(value))
		return true;
	while (field->name && strcmp(field->name, name) != 0)
		field++;
	if (field->use == SERVED || (field->use == SERVED_LOCALLY && inspection->local))
		return true;
	if (field->name)
		return error_set(inspection->err, ERROR_INVALID, "%s is not served; use %s",
				 field->name, field->instead);
	/* The operator's own file may come from a newer kubectl. */
	if (inspection->local)
		return true;
	return error_set(inspection->err, ERROR_INVALID, "it has a field that is not known");
}

static bool is_named(const struct json *entry, const char *name)
{
	return text_same(json_find_string(entry, "name"), name);
}

/* The object MEMBER of the one entry of LIST that has this name. */
static bool find_entry(const struct json *root, const char *list, const char *member,
		       const char *name, const struct json **ret_object, struct error *err)
{
	const struct json *entries = json_find(root, list);
	const struct json *found = NULL;

	for (size_t i = 0; i < json_size(entries); i++) {
		if (!is_named(json_item(entries, i), name))
			continue;
		if (found)
			return error_set(err, ERROR_INVALID, "%s: the name in use is there twice",
					 list);
		found = json_item(entries, i);
	}
	if (!json_is_object(json_find(found, member)))
		return error_set(err, ERROR_INVALID, "%s: the name in use has no %s", list, member);
	*ret_object = json_find(found, member);
	return true;
}

static bool choose(const struct json *root, struct chosen *ret_chosen, struct error *err)
{
	const char *name = json_find_string(root, "current-context");
	const struct json *context = NULL;

	if (text_is_empty(name))
		return error_set(err, ERROR_INVALID, "current-context is missing");
	if (!find_entry(root, "contexts", "context", name, &context, err))
		return false;
	const char *cluster = json_find_string(context, "cluster");
	const char *user = json_find_string(context, "user");
	if (text_is_empty(cluster) || text_is_empty(user))
		return error_set(err, ERROR_INVALID, "contexts: the current one names no %s",
				 text_is_empty(cluster) ? "cluster" : "user");
	return find_entry(root, "clusters", "cluster", cluster, &ret_chosen->cluster, err) &&
	       find_entry(root, "users", "user", user, &ret_chosen->user, err);
}

/* *RET_TEXT is NULL for an absent field, and borrowed. */
static bool take_string(const struct json *object, const char *name, const char **ret_text,
			struct error *err)
{
	const struct json *value = json_find(object, name);

	*ret_text = NULL;
	if (is_absent(value))
		return true;
	if (!json_string(value))
		return error_set(err, ERROR_INVALID, "%s is no string", name);
	*ret_text = json_string(value);
	return true;
}

static char *joined_path(const struct files *files, const char *path)
{
	struct text joined = text_with_max(SIZE_MAX);

	if (path[0] != '/')
		text_appendf(&joined, "%s/", files->directory);
	text_append(&joined, path);
	return text_take(&joined);
}

/* A field "x-data" in base64, or else the file that field "x" names; empty when both are absent. */
static bool take_data(const struct json *object, const char *data_name, const char *file_name,
		      const struct files *files, struct secret *ret_bytes, struct error *err)
{
	const char *encoded;
	const char *file;

	if (!take_string(object, data_name, &encoded, err) ||
	    !take_string(object, file_name, &file, err))
		return false;
	if (encoded)
		return base64_decode(encoded, ret_bytes, err) || error_wrap(err, "%s", data_name);
	if (!file)
		return true;
	cleanup_free char *path = joined_path(files, file);
	return files->read(files->context, path, ret_bytes, err) ||
	       error_wrap(err, "%s", file_name);
}

static bool take_pem(const struct json *object, const char *data_name, const char *file_name,
		     enum pem_kind kind, const struct files *files, struct secret *ret_pem,
		     struct error *err)
{
	const char *name = is_absent(json_find(object, data_name)) ? file_name : data_name;
	cleanup_secret struct secret pem = {0};

	if (!take_data(object, data_name, file_name, files, &pem, err))
		return false;
	if (pem.size > CA_PEM_MAX)
		return error_set(err, ERROR_INVALID, "%s is longer than %d bytes", name,
				 CA_PEM_MAX);
	if (!secret_is_empty(&pem) && !pem_is(kind, &pem))
		return error_set(err, ERROR_INVALID, "%s is no PEM of %s", name,
				 kind == PEM_CERTIFICATES ? "certificates alone"
							  : "one unencrypted private key");
	*ret_pem = secret_move(&pem);
	return true;
}

static bool read_cluster(const struct json *cluster, const struct files *files,
			 struct kube_endpoint *endpoint, struct error *err)
{
	cleanup_secret struct secret ca = {0};
	const char *server;
	const char *tls_server_name;

	if (!take_string(cluster, "server", &server, err) ||
	    !take_string(cluster, "tls-server-name", &tls_server_name, err) ||
	    !take_pem(cluster, "certificate-authority-data", "certificate-authority",
		      PEM_CERTIFICATES, files, &ca, err))
		return false;
	if (!server)
		return error_set(err, ERROR_INVALID, "server is missing");
	if (secret_is_empty(&ca))
		return error_set(err, ERROR_INVALID, "certificate-authority-data is missing");
	if (tls_server_name && !server_url_is_host(tls_server_name))
		return error_set(err, ERROR_INVALID, "tls-server-name is no host name");
	if (!server_url_read(server, &endpoint->server, err))
		return error_wrap(err, "server");
	endpoint->ca_pem = memory_text(secret_expose(&ca));
	endpoint->tls_server_name = memory_text(tls_server_name);
	return true;
}

/* b64token of RFC 6750: nothing that could end or begin a header. */
static bool is_bearer_token(const char *text)
{
	size_t size = strspn(
		text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/");

	return size > 0 && strspn(text + size, "=") == strlen(text + size);
}

static bool read_token(const struct json *user, const struct files *files,
		       struct kube_endpoint *endpoint, struct error *err)
{
	const char *token;
	const char *file;

	if (!take_string(user, "token", &token, err) || !take_string(user, "tokenFile", &file, err))
		return false;
	if (token && strlen(token) > TOKEN_MAX)
		return error_set(err, ERROR_INVALID, "token is longer than %d bytes", TOKEN_MAX);
	if (token && !is_bearer_token(token))
		return error_set(err, ERROR_INVALID, "token has characters that no token has");
	if (token)
		endpoint->token = secret_from_bytes(token, strlen(token));
	if (file)
		endpoint->token_file = joined_path(files, file);
	return true;
}

static bool read_user(const struct json *user, const struct files *files,
		      struct kube_endpoint *endpoint, struct error *err)
{
	if (!read_token(user, files, endpoint, err) ||
	    !take_pem(user, "client-certificate-data", "client-certificate", PEM_CERTIFICATES,
		      files, &endpoint->client_cert_pem, err) ||
	    !take_pem(user, "client-key-data", "client-key", PEM_PRIVATE_KEY, files,
		      &endpoint->client_key_pem, err))
		return false;

	bool has_cert = !secret_is_empty(&endpoint->client_cert_pem);
	bool has_key = !secret_is_empty(&endpoint->client_key_pem);
	if (has_cert != has_key)
		return error_set(err, ERROR_INVALID, "%s is missing",
				 has_cert ? "client-key-data" : "client-certificate-data");
	if (!has_cert && secret_is_empty(&endpoint->token) && !endpoint->token_file)
		return error_set(err, ERROR_INVALID,
				 "the user has neither a token nor a client certificate");
	return true;
}

static struct json *parse(const char *bytes, size_t size, struct error *err)
{
	size_t blanks = 0;

	if (size > KUBECONFIG_MAX) {
		error_set(err, ERROR_INVALID, "it is longer than %d bytes", KUBECONFIG_MAX);
		return NULL;
	}
	while (blanks < size && strchr(" \t\r\n", bytes[blanks]) && bytes[blanks])
		blanks++;
	/* libyaml does not know all escapes of JSON. */
	if (blanks < size && bytes[blanks] == '{') {
		struct json *json = json_parse(bytes, size, &(struct error){0});
		if (json)
			return json;
	}
	return yaml_parse(bytes, size, err);
}

static bool is_config(const struct json *root)
{
	const char *kind = json_find_string(root, "kind");
	const char *version = json_find_string(root, "apiVersion");

	return (!kind || strcmp(kind, "Config") == 0) && (!version || strcmp(version, "v1") == 0);
}

static bool read_root(const struct json *root, const struct files *files,
		      struct kube_endpoint *endpoint, struct error *err)
{
	bool local = files->read != NULL;
	struct inspection cluster = {cluster_fields, local, err};
	struct inspection user = {user_fields, local, err};
	struct chosen chosen = {0};

	if (!is_config(root))
		return error_set(err, ERROR_INVALID, "it is no v1 Config");
	return choose(root, &chosen, err) && json_each(chosen.cluster, field_is_served, &cluster) &&
	       json_each(chosen.user, field_is_served, &user) &&
	       read_cluster(chosen.cluster, files, endpoint, err) &&
	       read_user(chosen.user, files, endpoint, err);
}

static bool parse_and_read(const char *bytes, size_t size, const struct files *files,
			   struct kube_endpoint *ret_endpoint, struct error *err)
{
	cleanup_with(kube_endpoint_done) struct kube_endpoint endpoint = {0};
	cleanup_json struct json *root = parse(bytes, size, err);

	if (!root || !read_root(root, files, &endpoint, err))
		return error_wrap(err, "kubeconfig");
	*ret_endpoint = endpoint;
	endpoint = (struct kube_endpoint){0};
	return true;
}

bool kubeconfig_read_inline(const char *bytes, size_t size, struct kube_endpoint *ret_endpoint,
			    struct error *err)
{
	static const struct files none = {0};

	return parse_and_read(bytes, size, &none, ret_endpoint, err);
}

bool kubeconfig_read_local(const char *bytes, size_t size, const char *directory,
			   kubeconfig_read_file *read_file, void *context,
			   struct kube_endpoint *ret_endpoint, struct error *err)
{
	struct files files = {directory, read_file, context};

	return parse_and_read(bytes, size, &files, ret_endpoint, err);
}
