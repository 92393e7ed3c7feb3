#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include <base/base64.h>
#include <base/cleanup.h>
#include <base/error.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/secret.h>
#include <base/text.h>

#include "broker/core/kubeconfig.h"

#define PEM(label, body) "-----BEGIN " label "-----\n" body "\n-----END " label "-----\n"
#define CA_PEM           PEM("CERTIFICATE", "MIIBCgKC")
#define CERT_PEM         PEM("CERTIFICATE", "MIIBCgKD")
#define KEY_PEM          PEM("EC PRIVATE KEY", "MHcCAQEE")

/* The same in base64. */
#define CA   "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJDZ0tDCi0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K"
#define CERT "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJDZ0tECi0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K"
#define KEY                                                                                        \
	"LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS0tLS0tCk1IY0NBUUVFCi0tLS0tRU5EIEVDIFBSSVZBVEUgS0VZLS0t" \
	"LS0K"
#define ENCRYPTED_KEY                                                                              \
	"LS0tLS1CRUdJTiBFTkNSWVBURUQgUFJJVkFURSBLRVktLS0tLQpNSGNDCi0tLS0tRU5EIEVOQ1JZUFRFRCBQUklW" \
	"QVRFIEtFWS0tLS0tCg=="

#define SERVER   "    server: https://a:6443\n"
#define CA_DATA  "    certificate-authority-data: " CA "\n"
#define CERT_KEY "    client-certificate-data: " CERT "\n    client-key-data: " KEY "\n"
#define TOKEN    "    token: canary-token\n"

#define CONTEXT "current-context: c\ncontexts:\n- name: c\n  context: {cluster: k, user: u}\n"
#define CONFIG(cluster, user)                                                                      \
	"apiVersion: v1\nkind: Config\n" CONTEXT "clusters:\n- name: k\n  cluster:\n" cluster      \
	"users:\n- name: u\n  user:\n" user

static bool read_inline(const char *text, struct kube_endpoint *ret_endpoint, struct error *err)
{
	return kubeconfig_read_inline(text, strlen(text), ret_endpoint, err);
}

static void kubeconfig_read_inline__takes_a_token(void **state)
{
	cleanup_with(kube_endpoint_done) struct kube_endpoint endpoint = {0};
	struct error err = {0};

	(void)state;
	if (!read_inline(CONFIG(SERVER CA_DATA, TOKEN), &endpoint, &err))
		fail_msg("%s", err.text);
	assert_string_equal(endpoint.server, "https://a:6443");
	assert_string_equal(endpoint.ca_pem, CA_PEM);
	assert_string_equal(secret_expose(&endpoint.token), "canary-token");
	assert_true(secret_is_empty(&endpoint.client_cert_pem));
	assert_true(secret_is_empty(&endpoint.client_key_pem));
	assert_null(endpoint.token_file);
	assert_null(endpoint.tls_server_name);
}

static void kubeconfig_read_inline__takes_a_client_certificate(void **state)
{
	cleanup_with(kube_endpoint_done) struct kube_endpoint endpoint = {0};

	(void)state;
	assert_true(read_inline(
		CONFIG(SERVER CA_DATA "    tls-server-name: kubernetes.default\n", CERT_KEY),
		&endpoint, &(struct error){0}));
	assert_string_equal(secret_expose(&endpoint.client_cert_pem), CERT_PEM);
	assert_string_equal(secret_expose(&endpoint.client_key_pem), KEY_PEM);
	assert_string_equal(endpoint.tls_server_name, "kubernetes.default");
	assert_true(secret_is_empty(&endpoint.token));
}

static void kubeconfig_read_inline__takes_both_credentials(void **state)
{
	cleanup_with(kube_endpoint_done) struct kube_endpoint endpoint = {0};

	(void)state;
	assert_true(
		read_inline(CONFIG(SERVER CA_DATA, TOKEN CERT_KEY), &endpoint, &(struct error){0}));
	assert_false(secret_is_empty(&endpoint.token));
	assert_false(secret_is_empty(&endpoint.client_cert_pem));
}

static void kubeconfig_read_inline__takes_json(void **state)
{
	static const char json[] =
		" \n{\"kind\":\"Config\",\"current-context\":\"c/"
		"\\ud83d\\ude00\",\"contexts\":[{\"name\":"
		"\"c\\/"
		"\\ud83d\\ude00\",\"context\":{\"cluster\":\"k\",\"user\":\"u\"}}],\"clusters\":[{"
		"\"name\":\"k\",\"cluster\":{\"server\":\"https:\\/\\/"
		"a\",\"certificate-authority-data\":"
		"\"" CA "\"}}],\"users\":[{\"name\":\"u\",\"user\":{\"token\":\"t\"}}]}";
	cleanup_with(kube_endpoint_done) struct kube_endpoint endpoint = {0};
	struct error err = {0};

	(void)state;
	if (!read_inline(json, &endpoint, &err))
		fail_msg("%s", err.text);
	assert_string_equal(endpoint.server, "https://a");
}

static void kubeconfig_read_inline__takes_only_the_current_context(void **state)
{
	static const char text[] =
		"current-context: two\n"
		"contexts:\n"
		"- {name: one, context: {cluster: one, user: one}}\n"
		"- {name: two, context: {cluster: two, user: two, namespace: x}}\n"
		"clusters:\n"
		"- {name: one, cluster: {server: 'http://bad', insecure-skip-tls-verify: true}}\n"
		"- {name: two, cluster: {server: 'https://two', certificate-authority-data: " CA
		"}}\n"
		"users:\n"
		"- {name: one, user: {exec: {command: rm}}}\n"
		"- {name: two, user: {token: two}}\n"
		"preferences: {}\n"
		"extensions: []\n";
	cleanup_with(kube_endpoint_done) struct kube_endpoint endpoint = {0};
	struct error err = {0};

	(void)state;
	if (!read_inline(text, &endpoint, &err))
		fail_msg("%s", err.text);
	assert_string_equal(endpoint.server, "https://two");
	assert_string_equal(secret_expose(&endpoint.token), "two");
}

static void kubeconfig_read_inline__takes_empty_fields_for_absent(void **state)
{
	cleanup_with(kube_endpoint_done) struct kube_endpoint endpoint = {0};
	struct error err = {0};

	(void)state;
	if (!read_inline(CONFIG(SERVER CA_DATA "    certificate-authority: ''\n"
					       "    insecure-skip-tls-verify: false\n"
					       "    proxy-url: \"\"\n"
					       "    tls-server-name: ''\n"
					       "    disable-compression: true\n"
					       "    extensions: [{name: x, extension: {}}]\n",
				TOKEN "    exec: null\n    auth-provider: ~\n    tokenFile: ''\n"
				      "    as-groups: []\n    username:\n    unknown: null\n"),
			 &endpoint, &err))
		fail_msg("%s", err.text);
	assert_null(endpoint.tls_server_name);
}

#define NO_CREDENTIAL  "kubeconfig: the user has neither a token nor a client certificate"
#define USE_CREDENTIAL " is not served; use a token or a client certificate"
#define USE_IDENTITY   " is not served; use a credential of the identity that is wanted"

/* Refused wherever the kubeconfig comes from. */
static const struct row {
	const char *what, *text, *why;
} refused[] = {
	{"exec", CONFIG(SERVER CA_DATA, "    exec: {command: /bin/sh}\n"),
	 "kubeconfig: exec" USE_CREDENTIAL},
	{"exec beside a token", CONFIG(SERVER CA_DATA, TOKEN "    exec: {command: /bin/sh}\n"),
	 "kubeconfig: exec" USE_CREDENTIAL},
	{"an empty exec", CONFIG(SERVER CA_DATA, TOKEN "    exec: {}\n"),
	 "kubeconfig: exec" USE_CREDENTIAL},
	{"exec of another type", CONFIG(SERVER CA_DATA, TOKEN "    exec: 1\n"),
	 "kubeconfig: exec" USE_CREDENTIAL},
	{"auth-provider", CONFIG(SERVER CA_DATA, TOKEN "    auth-provider: {name: gcp}\n"),
	 "kubeconfig: auth-provider" USE_CREDENTIAL},
	{"username", CONFIG(SERVER CA_DATA, TOKEN "    username: canary\n"),
	 "kubeconfig: username" USE_CREDENTIAL},
	{"password", CONFIG(SERVER CA_DATA, TOKEN "    password: canary\n"),
	 "kubeconfig: password" USE_CREDENTIAL},
	{"as", CONFIG(SERVER CA_DATA, TOKEN "    as: admin\n"), "kubeconfig: as" USE_IDENTITY},
	{"as-uid", CONFIG(SERVER CA_DATA, TOKEN "    as-uid: '1'\n"),
	 "kubeconfig: as-uid" USE_IDENTITY},
	{"as-groups", CONFIG(SERVER CA_DATA, TOKEN "    as-groups: [system:masters]\n"),
	 "kubeconfig: as-groups" USE_IDENTITY},
	{"as-user-extra", CONFIG(SERVER CA_DATA, TOKEN "    as-user-extra: {a: [b]}\n"),
	 "kubeconfig: as-user-extra" USE_IDENTITY},
	{"insecure-skip-tls-verify",
	 CONFIG(SERVER CA_DATA "    insecure-skip-tls-verify: true\n", TOKEN),
	 "kubeconfig: insecure-skip-tls-verify is not served; use certificate-authority-data"},
	{"insecure-skip-tls-verify as YAML 1.1 has it",
	 CONFIG(SERVER CA_DATA "    insecure-skip-tls-verify: yes\n", TOKEN),
	 "kubeconfig: insecure-skip-tls-verify is not served; use certificate-authority-data"},
	{"insecure-skip-tls-verify as a number",
	 CONFIG(SERVER CA_DATA "    insecure-skip-tls-verify: 1\n", TOKEN),
	 "kubeconfig: insecure-skip-tls-verify is not served; use certificate-authority-data"},
	{"proxy-url", CONFIG(SERVER CA_DATA "    proxy-url: http://proxy\n", TOKEN),
	 "kubeconfig: proxy-url is not served; use a server that is reached directly"},
	{"no server", CONFIG(CA_DATA, TOKEN), "kubeconfig: server is missing"},
	{"an empty server", CONFIG(CA_DATA "    server: ''\n", TOKEN),
	 "kubeconfig: server is missing"},
	{"a server that is a number", CONFIG(CA_DATA "    server: 1\n", TOKEN),
	 "kubeconfig: server is no string"},
	{"plain http", CONFIG(CA_DATA "    server: http://a\n", TOKEN),
	 "kubeconfig: server: does not begin with https://"},
	{"userinfo", CONFIG(CA_DATA "    server: https://u@a\n", TOKEN),
	 "kubeconfig: server: has no plain host name or address"},
	{"a query", CONFIG(CA_DATA "    server: https://a/?b\n", TOKEN),
	 "kubeconfig: server: has something other than a plain path behind its host"},
	{"no CA", CONFIG(SERVER, TOKEN), "kubeconfig: certificate-authority-data is missing"},
	{"a CA that is a list", CONFIG(SERVER "    certificate-authority-data: [a]\n", TOKEN),
	 "kubeconfig: certificate-authority-data is no string"},
	{"a CA that is no base64", CONFIG(SERVER "    certificate-authority-data: '!'\n", TOKEN),
	 "kubeconfig: certificate-authority-data: not base64"},
	{"a CA that is no PEM", CONFIG(SERVER "    certificate-authority-data: Y2FuYXJ5\n", TOKEN),
	 "kubeconfig: certificate-authority-data is no PEM of certificates alone"},
	{"a key as CA", CONFIG(SERVER "    certificate-authority-data: " KEY "\n", TOKEN),
	 "kubeconfig: certificate-authority-data is no PEM of certificates alone"},
	{"a tls-server-name that is no name",
	 CONFIG(SERVER CA_DATA "    tls-server-name: 'a b'\n", TOKEN),
	 "kubeconfig: tls-server-name is no host name"},
	{"a tls-server-name with a port",
	 CONFIG(SERVER CA_DATA "    tls-server-name: 'a:1'\n", TOKEN),
	 "kubeconfig: tls-server-name is no host name"},
	{"a tls-server-name that is a list",
	 CONFIG(SERVER CA_DATA "    tls-server-name: [a]\n", TOKEN),
	 "kubeconfig: tls-server-name is no string"},
	{"no credential", CONFIG(SERVER CA_DATA, "    {}\n"), NO_CREDENTIAL},
	{"an empty token", CONFIG(SERVER CA_DATA, "    token: ''\n"), NO_CREDENTIAL},
	{"a token that is a number", CONFIG(SERVER CA_DATA, "    token: 123\n"),
	 "kubeconfig: token is no string"},
	{"a token with a line end", CONFIG(SERVER CA_DATA, "    token: \"a\\r\\nHost: b\"\n"),
	 "kubeconfig: token has characters that no token has"},
	{"a token with a blank", CONFIG(SERVER CA_DATA, "    token: a b\n"),
	 "kubeconfig: token has characters that no token has"},
	{"a token with an equals sign inside", CONFIG(SERVER CA_DATA, "    token: a=b\n"),
	 "kubeconfig: token has characters that no token has"},
	{"a token of equals signs", CONFIG(SERVER CA_DATA, "    token: '=='\n"),
	 "kubeconfig: token has characters that no token has"},
	{"a token beyond ASCII", CONFIG(SERVER CA_DATA, "    token: caf\xc3\xa9\n"),
	 "kubeconfig: token has characters that no token has"},
	{"a certificate without key",
	 CONFIG(SERVER CA_DATA, TOKEN "    client-certificate-data: " CERT "\n"),
	 "kubeconfig: client-key-data is missing"},
	{"a key without certificate",
	 CONFIG(SERVER CA_DATA, TOKEN "    client-key-data: " KEY "\n"),
	 "kubeconfig: client-certificate-data is missing"},
	{"a key as certificate",
	 CONFIG(SERVER CA_DATA,
		"    client-certificate-data: " KEY "\n    client-key-data: " KEY "\n"),
	 "kubeconfig: client-certificate-data is no PEM of certificates alone"},
	{"a certificate as key",
	 CONFIG(SERVER CA_DATA,
		"    client-certificate-data: " CERT "\n    client-key-data: " CERT "\n"),
	 "kubeconfig: client-key-data is no PEM of one unencrypted private key"},
	{"an encrypted key",
	 CONFIG(SERVER CA_DATA,
		"    client-certificate-data: " CERT "\n    client-key-data: " ENCRYPTED_KEY "\n"),
	 "kubeconfig: client-key-data is no PEM of one unencrypted private key"},
	{"a client certificate that is no base64",
	 CONFIG(SERVER CA_DATA, "    client-certificate-data: '!'\n    client-key-data: " KEY "\n"),
	 "kubeconfig: client-certificate-data: not base64"},
	{"a client key that is no base64",
	 CONFIG(SERVER CA_DATA,
		"    client-certificate-data: " CERT "\n    client-key-data: '!'\n"),
	 "kubeconfig: client-key-data: not base64"},
	{"nothing", "", "kubeconfig: YAML has no mapping at its root at line 1, column 1"},
	{"no YAML", "{", NULL},
	{"JSON with the same key twice", "{\"a\":1,\"a\":1}",
	 "kubeconfig: YAML has the same key twice at line 1, column 8"},
	{"another kind", "kind: Secret\n" CONTEXT, "kubeconfig: it is no v1 Config"},
	{"another version", "apiVersion: v2\n" CONTEXT, "kubeconfig: it is no v1 Config"},
	{"no current context", "contexts: []\n", "kubeconfig: current-context is missing"},
	{"an empty current context", "current-context: ''\n",
	 "kubeconfig: current-context is missing"},
	{"a current context that is a list", "current-context: [c]\n",
	 "kubeconfig: current-context is missing"},
	{"no contexts", "current-context: c\n",
	 "kubeconfig: contexts: the name in use has no context"},
	{"contexts that are no list", "current-context: c\ncontexts: {c: {}}\n",
	 "kubeconfig: contexts: the name in use has no context"},
	{"another context", "current-context: c\ncontexts: [{name: d, context: {}}]\n",
	 "kubeconfig: contexts: the name in use has no context"},
	{"an entry without its object", "current-context: c\ncontexts: [{name: c}]\n",
	 "kubeconfig: contexts: the name in use has no context"},
	{"an entry that is no object", "current-context: c\ncontexts: [c, {name: c, context: 1}]\n",
	 "kubeconfig: contexts: the name in use has no context"},
	{"two contexts of that name",
	 "current-context: c\ncontexts: [{name: c, context: {}}, {name: c, context: {}}]\n",
	 "kubeconfig: contexts: the name in use is there twice"},
	{"a context without cluster",
	 "current-context: c\ncontexts: [{name: c, context: {user: u}}]\n",
	 "kubeconfig: contexts: the current one names no cluster"},
	{"a context without user",
	 "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: ''}}]\n",
	 "kubeconfig: contexts: the current one names no user"},
	{"no such cluster", CONTEXT "clusters: [{name: x, cluster: {}}]\n",
	 "kubeconfig: clusters: the name in use has no cluster"},
	{"two clusters of that name",
	 CONTEXT "clusters: [{name: k, cluster: {}}, {name: k, cluster: {}}]\n",
	 "kubeconfig: clusters: the name in use is there twice"},
	{"no such user", CONTEXT "clusters: [{name: k, cluster: {}}]\nusers: []\n",
	 "kubeconfig: users: the name in use has no user"},
	{"two users of that name",
	 CONTEXT "clusters: [{name: k, cluster: {}}]\nusers: [{name: u, user: {}}, {name: u, user: "
		 "{}}]\n",
	 "kubeconfig: users: the name in use is there twice"},
};

/* Refused only when the kubeconfig comes through an API. */
static const struct row refused_inline[] = {
	{"certificate-authority", CONFIG(SERVER CA_DATA "    certificate-authority: ca\n", TOKEN),
	 "kubeconfig: certificate-authority is not served; use certificate-authority-data"},
	{"client-certificate",
	 CONFIG(SERVER CA_DATA, TOKEN CERT_KEY "    client-certificate: cert\n"),
	 "kubeconfig: client-certificate is not served; use client-certificate-data"},
	{"client-key", CONFIG(SERVER CA_DATA, TOKEN CERT_KEY "    client-key: key\n"),
	 "kubeconfig: client-key is not served; use client-key-data"},
	{"tokenFile", CONFIG(SERVER CA_DATA, TOKEN "    tokenFile: token\n"),
	 "kubeconfig: tokenFile is not served; use token"},
	{"a field of the cluster that nobody knows",
	 CONFIG(SERVER CA_DATA "    canary-field: x\n", TOKEN),
	 "kubeconfig: it has a field that is not known"},
	{"a field of the user in another case", CONFIG(SERVER CA_DATA, TOKEN "    Exec: {}\n"),
	 "kubeconfig: it has a field that is not known"},
};

static bool read_nothing(void *context, const char *path, struct secret *ret_bytes,
			 struct error *err)
{
	(void)ret_bytes;
	(*(int *)context)++;
	return error_set(err, ERROR_INVALID, "%s is not there", path);
}

static void assert_refused(const struct row *row, bool ok, const struct error *err,
			   const struct kube_endpoint *endpoint)
{
	static const struct kube_endpoint untouched;

	if (ok || err->kind != ERROR_INVALID)
		fail_msg("%s was accepted", row->what);
	if (row->why && strcmp(err->text, row->why) != 0)
		fail_msg("%s: %s", row->what, err->text);
	assert_null(strstr(err->text, "canary"));
	assert_memory_equal(endpoint, &untouched, sizeof(untouched));
}

static void kubeconfig_read_inline__refuses_what_is_not_served(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct kube_endpoint endpoint = {0};
		struct error err = {0};
		bool ok = read_inline(refused[i].text, &endpoint, &err);
		assert_refused(&refused[i], ok, &err, &endpoint);
	}
}

static void kubeconfig_read_inline__refuses_whatever_names_a_file(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused_inline) / sizeof(refused_inline[0]); i++) {
		struct kube_endpoint endpoint = {0};
		struct error err = {0};
		bool ok = read_inline(refused_inline[i].text, &endpoint, &err);
		assert_refused(&refused_inline[i], ok, &err, &endpoint);
	}
}

static void kubeconfig_read_local__refuses_what_is_not_served(void **state)
{
	int reads = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct kube_endpoint endpoint = {0};
		struct error err = {0};
		bool ok = kubeconfig_read_local(refused[i].text, strlen(refused[i].text), "/etc",
						read_nothing, &reads, &endpoint, &err);
		assert_refused(&refused[i], ok, &err, &endpoint);
	}
	assert_int_equal(reads, 0);
}

static char *with_padding(const char *before, char padding, size_t count, const char *after)
{
	struct text text = text_with_max(4 << 20);

	text_append(&text, before);
	for (size_t i = 0; i < count; i++)
		text_append_bytes(&text, &padding, 1);
	text_append(&text, after);
	return text_take(&text);
}

static void kubeconfig_read_inline__refuses_what_is_over_a_cap(void **state)
{
	cleanup_free char *ca_pem = with_padding("-----BEGIN CERTIFICATE-----\n", 'A', CA_PEM_MAX,
						 "\n-----END CERTIFICATE-----\n");
	cleanup_free char *ca = base64_encode(ca_pem, strlen(ca_pem));
	cleanup_free char *ca_field =
		with_padding(ca, '\n', 1, "users:\n- name: u\n  user:\n" TOKEN);
	const struct {
		const char *what;
		char *text;
		const char *why;
	} rows[] = {
		{"a token",
		 with_padding(CONFIG(SERVER CA_DATA, "    token: "), 'a', TOKEN_MAX + 1, "\n"),
		 "kubeconfig: token is longer than 16384 bytes"},
		{"a CA",
		 with_padding(CONTEXT "clusters:\n- name: k\n  cluster:\n" SERVER
				      "    certificate-authority-data:",
			      ' ', 1, ca_field),
		 "kubeconfig: certificate-authority-data is longer than 65536 bytes"},
		{"the whole", with_padding("", '\n', KUBECONFIG_MAX, CONFIG(SERVER CA_DATA, TOKEN)),
		 "kubeconfig: it is longer than 1048576 bytes"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kube_endpoint endpoint = {0};
		struct error err = {0};
		cleanup_free char *text = rows[i].text;
		const struct row row = {rows[i].what, text, rows[i].why};
		bool ok = read_inline(text, &endpoint, &err);
		assert_refused(&row, ok, &err, &endpoint);
	}
}

/* Files that hold their content, and a record of what was asked for. */
static bool read_from_disk(void *context, const char *path, struct secret *ret_bytes,
			   struct error *err)
{
	static const struct {
		const char *path, *content;
	} files[] = {
		{"/etc/broker/ca.pem", CA_PEM},
		{"/tls/cert.pem", CERT_PEM},
		{"/etc/broker/../key.pem", KEY_PEM},
		{"/etc/broker/text", "no PEM"},
	};

	text_appendf(context, "%s ", path);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (strcmp(files[i].path, path) != 0)
			continue;
		*ret_bytes = secret_from_bytes(files[i].content, strlen(files[i].content));
		return true;
	}
	return error_set(err, ERROR_NOT_FOUND, "no such file");
}

static bool read_local(const char *text, struct text *asked, struct kube_endpoint *ret_endpoint,
		       struct error *err)
{
	return kubeconfig_read_local(text, strlen(text), "/etc/broker", read_from_disk, asked,
				     ret_endpoint, err);
}

static void kubeconfig_read_local__reads_files_relative_to_the_directory(void **state)
{
	cleanup_with(kube_endpoint_done) struct kube_endpoint endpoint = {0};
	cleanup_text struct text asked = text_with_max(1000);
	struct error err = {0};

	(void)state;
	if (!read_local(
		    CONFIG(SERVER "    certificate-authority: ca.pem\n",
			   "    client-certificate: /tls/cert.pem\n    client-key: ../key.pem\n"),
		    &asked, &endpoint, &err))
		fail_msg("%s", err.text);
	assert_string_equal(text_chars(&asked),
			    "/etc/broker/ca.pem /tls/cert.pem /etc/broker/../key.pem ");
	assert_string_equal(endpoint.ca_pem, CA_PEM);
	assert_string_equal(secret_expose(&endpoint.client_cert_pem), CERT_PEM);
	assert_string_equal(secret_expose(&endpoint.client_key_pem), KEY_PEM);
}

static void kubeconfig_read_local__takes_data_before_files(void **state)
{
	cleanup_with(kube_endpoint_done) struct kube_endpoint endpoint = {0};
	cleanup_text struct text asked = text_with_max(1000);

	(void)state;
	assert_true(read_local(CONFIG(SERVER CA_DATA "    certificate-authority: absent\n",
				      CERT_KEY "    client-certificate: absent\n    client-key: "
					       "absent\n"),
			       &asked, &endpoint, &(struct error){0}));
	assert_string_equal(text_chars(&asked), "");
	assert_string_equal(endpoint.ca_pem, CA_PEM);
}

static void kubeconfig_read_local__names_the_token_file_and_does_not_read_it(void **state)
{
	static const struct {
		const char *text, *path;
	} rows[] = {
		{CONFIG(SERVER CA_DATA, "    tokenFile: token\n"), "/etc/broker/token"},
		{CONFIG(SERVER CA_DATA, TOKEN "    tokenFile: /run/token\n"), "/run/token"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_with(kube_endpoint_done) struct kube_endpoint endpoint = {0};
		cleanup_text struct text asked = text_with_max(1000);
		assert_true(read_local(rows[i].text, &asked, &endpoint, &(struct error){0}));
		assert_string_equal(endpoint.token_file, rows[i].path);
		assert_string_equal(text_chars(&asked), "");
	}
}

static void kubeconfig_read_local__passes_over_fields_of_newer_tools(void **state)
{
	cleanup_with(kube_endpoint_done) struct kube_endpoint endpoint = {0};
	cleanup_text struct text asked = text_with_max(1000);

	(void)state;
	assert_true(read_local(CONFIG(SERVER CA_DATA "    novelty: x\n", TOKEN "    novelty: x\n"),
			       &asked, &endpoint, &(struct error){0}));
}

static void kubeconfig_read_local__says_which_file_is_wrong(void **state)
{
	static const struct row rows[] = {
		{"an absent file", CONFIG(SERVER "    certificate-authority: absent\n", TOKEN),
		 "kubeconfig: certificate-authority: no such file"},
		{"a file that is no PEM", CONFIG(SERVER "    certificate-authority: text\n", TOKEN),
		 "kubeconfig: certificate-authority is no PEM of certificates alone"},
		{"a name that is a list", CONFIG(SERVER "    certificate-authority: [a]\n", TOKEN),
		 "kubeconfig: certificate-authority is no string"},
		{"a token file that is a number", CONFIG(SERVER CA_DATA, "    tokenFile: 1\n"),
		 "kubeconfig: tokenFile is no string"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kube_endpoint endpoint = {0};
		cleanup_text struct text asked = text_with_max(1000);
		struct error err = {0};
		assert_false(read_local(rows[i].text, &asked, &endpoint, &err));
		assert_string_equal(err.text, rows[i].why);
	}
}

static void kube_endpoint_done__is_fine_twice(void **state)
{
	struct kube_endpoint endpoint = {0};

	(void)state;
	kube_endpoint_done(&endpoint);
	assert_true(
		read_inline(CONFIG(SERVER CA_DATA, TOKEN CERT_KEY), &endpoint, &(struct error){0}));
	kube_endpoint_done(&endpoint);
	kube_endpoint_done(&endpoint);
	assert_null(endpoint.server);
	assert_true(secret_is_empty(&endpoint.token));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kubeconfig_read_inline__takes_a_token),
		cmocka_unit_test(kubeconfig_read_inline__takes_a_client_certificate),
		cmocka_unit_test(kubeconfig_read_inline__takes_both_credentials),
		cmocka_unit_test(kubeconfig_read_inline__takes_json),
		cmocka_unit_test(kubeconfig_read_inline__takes_only_the_current_context),
		cmocka_unit_test(kubeconfig_read_inline__takes_empty_fields_for_absent),
		cmocka_unit_test(kubeconfig_read_inline__refuses_what_is_not_served),
		cmocka_unit_test(kubeconfig_read_inline__refuses_whatever_names_a_file),
		cmocka_unit_test(kubeconfig_read_inline__refuses_what_is_over_a_cap),
		cmocka_unit_test(kubeconfig_read_local__refuses_what_is_not_served),
		cmocka_unit_test(kubeconfig_read_local__reads_files_relative_to_the_directory),
		cmocka_unit_test(kubeconfig_read_local__takes_data_before_files),
		cmocka_unit_test(kubeconfig_read_local__names_the_token_file_and_does_not_read_it),
		cmocka_unit_test(kubeconfig_read_local__passes_over_fields_of_newer_tools),
		cmocka_unit_test(kubeconfig_read_local__says_which_file_is_wrong),
		cmocka_unit_test(kube_endpoint_done__is_fine_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
