#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <base/base64.h>
#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/secret.h>

#include "broker/delivery/cluster_facts.h"
#include "broker/delivery/kubeconfig_format.h"

#define CA_PEM "-----BEGIN CERTIFICATE-----\nMIIBCgKC\n-----END CERTIFICATE-----\n"

static const struct cluster_facts member = {
	.name = "member-1",
	.server = "https://member:6443",
	.ca_pem = CA_PEM,
};

static struct secret formatted(const struct cluster_facts *facts, const char *token)
{
	cleanup_secret struct secret secret = secret_from_bytes(token, strlen(token));

	return kubeconfig_format(facts, &secret);
}

static void kubeconfig_format__is_the_one_profile_that_every_reader_accepts(void **state)
{
	cleanup_secret struct secret kubeconfig = formatted(&member, "aaa.bbb.ccc");

	(void)state;
	assert_string_equal(
		secret_expose(&kubeconfig),
		"{\"apiVersion\":\"v1\",\"clusters\":[{\"cluster\":{"
		"\"certificate-authority-data\":"
		"\"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJDZ0tDCi0tLS0t"
		"RU5EIENFUlRJRklDQVRFLS0tLS0K\",\"server\":\"https://member:6443\"},"
		"\"name\":\"member-1\"}],\"contexts\":[{\"context\":{\"cluster\":\"member-1\","
		"\"user\":\"member-1\"},\"name\":\"member-1\"}],\"current-context\":\"member-1\","
		"\"kind\":\"Config\",\"users\":[{\"name\":\"member-1\",\"user\":{"
		"\"token\":\"aaa.bbb.ccc\"}}]}");
	assert_int_equal(kubeconfig.size, strlen(secret_expose(&kubeconfig)));
}

static void kubeconfig_format__names_the_servers_certificate_when_it_has_another_name(void **state)
{
	struct cluster_facts facts = member;
	cleanup_secret struct secret plain = formatted(&member, "t");
	cleanup_secret struct secret named = {0};

	(void)state;
	facts.tls_server_name = "kubernetes.default";
	named = formatted(&facts, "t");
	assert_null(strstr(secret_expose(&plain), "tls-server-name"));
	assert_non_null(
		strstr(secret_expose(&named), "\"tls-server-name\":\"kubernetes.default\""));
}

static void kubeconfig_format__gives_the_same_bytes_for_the_same_input(void **state)
{
	cleanup_secret struct secret one = formatted(&member, "aaa.bbb.ccc");
	cleanup_secret struct secret other = formatted(&member, "aaa.bbb.ccc");

	(void)state;
	assert_true(secret_equal(&one, &other));
}

/* Whatever the values hold, they stay values. */
static void kubeconfig_format__lets_no_value_break_out_of_its_place(void **state)
{
	static const char hostile[] = "x\"}],\"users\":[{\"name\":\"evil\\\n---\nkind: Config\n# ";
	const struct cluster_facts facts = {.name = hostile, .server = hostile, .ca_pem = hostile};
	cleanup_secret struct secret kubeconfig = formatted(&facts, hostile);
	struct error err = {0};
	cleanup_json struct json *config =
		json_parse(secret_expose(&kubeconfig), kubeconfig.size, &err);
	const struct json *users = json_find(config, "users");
	const struct json *cluster =
		json_find(json_item(json_find(config, "clusters"), 0), "cluster");

	(void)state;
	assert_non_null(config);
	assert_null(strchr(secret_expose(&kubeconfig), '\n'));
	assert_int_equal(json_size(users), 1);
	assert_string_equal(json_find_string(json_item(users, 0), "user", "token"), hostile);
	assert_string_equal(json_find_string(cluster, "server"), hostile);
	assert_string_equal(json_find_string(config, "current-context"), hostile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kubeconfig_format__is_the_one_profile_that_every_reader_accepts),
		cmocka_unit_test(
			kubeconfig_format__names_the_servers_certificate_when_it_has_another_name),
		cmocka_unit_test(kubeconfig_format__gives_the_same_bytes_for_the_same_input),
		cmocka_unit_test(kubeconfig_format__lets_no_value_break_out_of_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
