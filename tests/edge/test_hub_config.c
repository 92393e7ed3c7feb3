#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/secret.h>

#include "broker/edge/hub_config.h"
#include "support/fake_clock.h"

#define CA_PEM "-----BEGIN CERTIFICATE-----\nMIIBCgKC\n-----END CERTIFICATE-----\n"
#define CA                                                                                         \
	"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJD"                                             \
	"Z0tDCi0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K"
#define KUBECONFIG(cluster, user)                                                                  \
	"{apiVersion: v1, kind: Config, current-context: c,"                                       \
	" contexts: [{name: c, context: {cluster: k, user: u}}],"                                  \
	" clusters: [{name: k, cluster: {server: 'https://hub:6443', " cluster "}}],"              \
	" users: [{name: u, user: {" user "}}]}"

static char directory[256];
static char path[512];

static int setup(void **state)
{
	const char *parent = getenv("TMPDIR");

	(void)state;
	snprintf(directory, sizeof(directory), "%s/hub-config-XXXXXX", parent ? parent : P_tmpdir);
	return mkdtemp(directory) ? 0 : -1;
}

static const char *in_directory(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static int teardown(void **state)
{
	static const char *const names[] = {"hub.yaml", "ca.crt", "token"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in_directory(names[i]));
	unsetenv("KUBERNETES_SERVICE_HOST");
	unsetenv("KUBERNETES_SERVICE_PORT");
	return rmdir(directory);
}

static const char *write_file(const char *name, const char *text)
{
	FILE *file = fopen(in_directory(name), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	return path;
}

static void hub_config_read_file__takes_a_kubeconfig_that_names_files(void **state)
{
	cleanup_with(kube_endpoint_done) struct kube_endpoint endpoint = {0};
	struct error err = {0};

	(void)state;
	write_file("ca.crt", CA_PEM);
	write_file("hub.yaml", KUBECONFIG("certificate-authority: ca.crt", "tokenFile: token"));
	if (!hub_config_read_file(path, &endpoint, &err))
		fail_msg("%s", err.text);
	assert_string_equal(endpoint.server, "https://hub:6443");
	assert_string_equal(endpoint.ca_pem, CA_PEM);
	assert_string_equal(endpoint.token_file, in_directory("token"));
}

static void hub_config_read_file__finds_files_beside_one_without_a_directory(void **state)
{
	cleanup_with(kube_endpoint_done) struct kube_endpoint endpoint = {0};
	char before[512];
	struct error err = {0};

	(void)state;
	write_file("ca.crt", CA_PEM);
	write_file("hub.yaml", KUBECONFIG("certificate-authority: ca.crt", "token: canary"));
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(directory), 0);
	if (!hub_config_read_file("hub.yaml", &endpoint, &err))
		fail_msg("%s", err.text);
	assert_int_equal(chdir(before), 0);
	assert_string_equal(endpoint.ca_pem, CA_PEM);
}

static void hub_config_read_file__says_which_file_is_wrong(void **state)
{
	cleanup_with(kube_endpoint_done) struct kube_endpoint endpoint = {0};
	struct error err = {0};

	(void)state;
	assert_false(hub_config_read_file(in_directory("absent"), &endpoint, &err));
	assert_int_equal(err.kind, ERROR_INVALID);
	assert_non_null(strstr(err.text, "read the hub's kubeconfig: "));
	assert_non_null(strstr(err.text, "/absent: No such file"));
	err = (struct error){0};
	write_file("hub.yaml", KUBECONFIG("certificate-authority: gone.crt", "token: canary"));
	assert_false(hub_config_read_file(path, &endpoint, &err));
	assert_non_null(strstr(err.text, "gone.crt: No such file"));
	err = (struct error){0};
	assert_false(hub_config_read_file(directory, &endpoint, &err));
	assert_non_null(strstr(err.text, "Is a directory"));
}

static void hub_config_read_file__gives_up_on_a_file_without_an_end(void **state)
{
	cleanup_with(kube_endpoint_done) struct kube_endpoint endpoint = {0};
	struct error err = {0};

	(void)state;
	assert_false(hub_config_read_file("/dev/zero", &endpoint, &err));
	assert_int_equal(err.kind, ERROR_INVALID);
}

static void hub_config_read_file__repeats_nothing_of_a_bad_file(void **state)
{
	cleanup_with(kube_endpoint_done) struct kube_endpoint endpoint = {0};
	struct error err = {0};

	(void)state;
	write_file("hub.yaml", "token: canary: canary");
	assert_false(hub_config_read_file(path, &endpoint, &err));
	assert_null(strstr(err.text, "canary"));
}

static void hub_config_read_pod__uses_the_pods_own_identity(void **state)
{
	cleanup_with(kube_endpoint_done) struct kube_endpoint endpoint = {0};
	struct error err = {0};

	(void)state;
	write_file("ca.crt", CA_PEM);
	setenv("KUBERNETES_SERVICE_HOST", "192.0.2.1", 1);
	setenv("KUBERNETES_SERVICE_PORT", "443", 1);
	if (!hub_config_read_pod(directory, &endpoint, &err))
		fail_msg("%s", err.text);
	assert_string_equal(endpoint.server, "https://192.0.2.1:443");
	assert_string_equal(endpoint.ca_pem, CA_PEM);
	assert_string_equal(endpoint.token_file, in_directory("token"));
	assert_true(secret_is_empty(&endpoint.token));
}

static void hub_config_read_pod__puts_an_ipv6_address_in_brackets(void **state)
{
	cleanup_with(kube_endpoint_done) struct kube_endpoint endpoint = {0};
	struct error err = {0};

	(void)state;
	write_file("ca.crt", CA_PEM);
	setenv("KUBERNETES_SERVICE_HOST", "2001:db8::1", 1);
	setenv("KUBERNETES_SERVICE_PORT", "6443", 1);
	assert_true(hub_config_read_pod(directory, &endpoint, &err));
	assert_string_equal(endpoint.server, "https://[2001:db8::1]:6443");
}

static void hub_config_read_pod__says_what_to_do_outside_of_a_pod(void **state)
{
	static const char *const values[][2] = {{NULL, NULL}, {"h", NULL}, {NULL, "1"}, {"", "1"}};
	cleanup_with(kube_endpoint_done) struct kube_endpoint endpoint = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct error err = {0};

		unsetenv("KUBERNETES_SERVICE_HOST");
		unsetenv("KUBERNETES_SERVICE_PORT");
		if (values[i][0])
			setenv("KUBERNETES_SERVICE_HOST", values[i][0], 1);
		if (values[i][1])
			setenv("KUBERNETES_SERVICE_PORT", values[i][1], 1);
		assert_false(hub_config_read_pod(directory, &endpoint, &err));
		assert_non_null(strstr(err.text, "give --kubeconfig FILE"));
		assert_null(endpoint.server);
	}
}

static void hub_config_read_pod__needs_the_ca(void **state)
{
	cleanup_with(kube_endpoint_done) struct kube_endpoint endpoint = {0};
	struct error err = {0};

	(void)state;
	setenv("KUBERNETES_SERVICE_HOST", "h", 1);
	setenv("KUBERNETES_SERVICE_PORT", "1", 1);
	assert_false(hub_config_read_pod(directory, &endpoint, &err));
	assert_non_null(strstr(err.text, "in-cluster configuration: "));
	assert_non_null(strstr(err.text, "/ca.crt: No such file"));
}

static void hub_config_pod_ca_changed__tells_another_ca_from_none(void **state)
{
	struct kube_endpoint endpoint = {.ca_pem = (char *)CA_PEM};

	(void)state;
	assert_false(hub_config_pod_ca_changed(directory, &endpoint));
	write_file("ca.crt", "");
	assert_false(hub_config_pod_ca_changed(directory, &endpoint));
	write_file("ca.crt", CA_PEM);
	assert_false(hub_config_pod_ca_changed(directory, &endpoint));
	write_file("ca.crt", CA_PEM CA_PEM);
	assert_true(hub_config_pod_ca_changed(directory, &endpoint));
}

static struct hub_token *new_token(struct fake_clock *clock)
{
	struct kube_endpoint endpoint = {.token_file = path};

	fake_clock_init(clock);
	in_directory("token");
	return hub_token_new(&endpoint, &clock->clock);
}

static void assert_token(struct hub_token *token, bool expired, const char *expected)
{
	assert_string_equal(secret_expose(hub_token_current(token, expired)), expected);
}

static void hub_token_current__reads_the_file_again_after_a_minute(void **state)
{
	struct fake_clock clock;
	struct hub_token *token = new_token(&clock);

	(void)state;
	write_file("token", "first\n");
	assert_token(token, false, "first");
	write_file("token", " second \r\n\t");
	fake_clock_advance(&clock, 59999);
	assert_token(token, false, "first");
	fake_clock_advance(&clock, 2);
	assert_token(token, false, " second");
	hub_token_free(token);
}

static void hub_token_current__reads_the_file_again_when_it_was_refused(void **state)
{
	struct fake_clock clock;
	struct hub_token *token = new_token(&clock);

	(void)state;
	write_file("token", "first");
	assert_token(token, false, "first");
	write_file("token", "second");
	assert_token(token, true, "second");
	hub_token_free(token);
}

static void hub_token_current__keeps_the_last_good_one(void **state)
{
	struct fake_clock clock;
	struct hub_token *token = new_token(&clock);
	cleanup_free char *long_text = memory_new(TOKEN_MAX + 2);

	(void)state;
	assert_token(token, false, "");
	write_file("token", "first");
	assert_token(token, false, "first");
	write_file("token", "\n");
	assert_token(token, true, "first");
	memset(long_text, 'a', TOKEN_MAX + 1);
	write_file("token", long_text);
	assert_token(token, true, "first");
	unlink(path);
	assert_token(token, true, "first");
	hub_token_free(token);
}

static void hub_token_new__is_none_without_a_file(void **state)
{
	struct fake_clock clock;
	struct kube_endpoint endpoint = {0};

	(void)state;
	fake_clock_init(&clock);
	assert_null(hub_token_new(&endpoint, &clock.clock));
	hub_token_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hub_config_read_file__takes_a_kubeconfig_that_names_files),
		TEST(hub_config_read_file__finds_files_beside_one_without_a_directory),
		TEST(hub_config_read_file__says_which_file_is_wrong),
		TEST(hub_config_read_file__gives_up_on_a_file_without_an_end),
		TEST(hub_config_read_file__repeats_nothing_of_a_bad_file),
		TEST(hub_config_read_pod__uses_the_pods_own_identity),
		TEST(hub_config_read_pod__puts_an_ipv6_address_in_brackets),
		TEST(hub_config_read_pod__says_what_to_do_outside_of_a_pod),
		TEST(hub_config_read_pod__needs_the_ca),
		TEST(hub_config_pod_ca_changed__tells_another_ca_from_none),
		TEST(hub_token_current__reads_the_file_again_after_a_minute),
		TEST(hub_token_current__reads_the_file_again_when_it_was_refused),
		TEST(hub_token_current__keeps_the_last_good_one),
		TEST(hub_token_new__is_none_without_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
