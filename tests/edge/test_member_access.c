#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <base/base64.h>
#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/secret.h>

#include "broker/edge/member_access.h"
#include "support/json_pattern.h"

#define CA "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJDZ0tDCi0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K"
#define KUBECONFIG                                                                                 \
	"{apiVersion: v1, kind: Config, current-context: c,"                                       \
	" contexts: [{name: c, context: {cluster: k, user: u}}],"                                  \
	" clusters: [{name: k, cluster: {server: 'https://member:6443',"                           \
	" certificate-authority-data: " CA "}}],"                                                  \
	" users: [{name: u, user: {token: canary-token}}]}"

/* A member access Secret with KUBECONFIG, changed by CHANGES. The caller's. */
static struct json *secret_with(const char *kubeconfig, const char *changes)
{
	cleanup_json struct json *base = json_pattern_parse(
		"{'metadata':{'namespace':'credbroker-system','name':'member-1','uid':'u-1',"
		"'resourceVersion':'7','annotations':{'credbroker.dev/cluster-profile':"
		"'fleet-system/member-1'}},'data':{}}");
	cleanup_json struct json *patch = json_pattern_parse(changes);
	cleanup_json struct json *with_data = json_dup(base);
	cleanup_free char *encoded = NULL;

	if (kubeconfig) {
		encoded = base64_encode(kubeconfig, strlen(kubeconfig));
		json_add_string(json_add_object(with_data, "data"), "kubeconfig", encoded);
	}
	return json_pattern_merge(with_data, patch);
}

static struct member_access *read_access(const char *kubeconfig, const char *changes,
					 struct error *err)
{
	cleanup_json struct json *secret = secret_with(kubeconfig, changes);

	return member_access_read(secret, err);
}

static void member_access_read__projects_the_secret(void **state)
{
	struct error err = {0};
	struct member_access *access = read_access(KUBECONFIG, "{}", &err);

	(void)state;
	assert_non_null(access);
	assert_string_equal(access->invalid, "");
	assert_string_equal(access->name, "member-1");
	assert_string_equal(access->profile_key, "fleet-system/member-1");
	assert_string_equal(access->version, "u-1/7");
	assert_string_equal(access->endpoint.server, "https://member:6443");
	assert_string_equal(secret_expose(&access->endpoint.token), "canary-token");
	member_access_free(access);
}

static void member_access_read__knows_its_bootstrap(void **state)
{
	struct error err = {0};
	struct member_access *access = read_access(KUBECONFIG, "{}", &err);
	struct member_access *edited = read_access(
		KUBECONFIG,
		"{'metadata':{'resourceVersion':'8','annotations':{'credbroker.dev/rotate-at':"
		"'2023-11-14T22:13:20Z'}}}",
		&err);
	struct member_access *other = read_access(KUBECONFIG "\n", "{}", &err);
	struct own_bootstrap bootstrap = member_access_bootstrap(access);

	(void)state;
	assert_string_equal(bootstrap.access_name, "member-1");
	assert_string_equal(bootstrap.access_uid, "u-1");
	assert_string_equal(bootstrap.profile_key, "fleet-system/member-1");
	assert_string_equal(bootstrap.digest, edited->digest);
	assert_string_not_equal(bootstrap.digest, other->digest);
	assert_int_equal(access->rotate_at, 0);
	assert_int_equal(edited->rotate_at, 1700000000);
	member_access_free(access);
	member_access_free(edited);
	member_access_free(other);
}

static void member_access_read__takes_the_mode_that_is_served(void **state)
{
	struct error err = {0};
	struct member_access *access =
		read_access(KUBECONFIG, "{'data':{'mode':'cHVzaA=='}}", &err);

	(void)state;
	assert_string_equal(access->invalid, "");
	member_access_free(access);
}

static void member_access_read__has_another_version_when_the_secret_is_another(void **state)
{
	static const char *const changes[] = {
		"{'metadata':{'resourceVersion':'8'}}",
		"{'metadata':{'uid':'u-2'}}",
		"{'metadata':{'uid':'u-','resourceVersion':'17'}}",
	};
	struct error err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct member_access *access = read_access(KUBECONFIG, changes[i], &err);

		assert_string_not_equal(access->version, "u-1/7");
		member_access_free(access);
	}
}

#define LABEL63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void member_access_read__needs_the_name_of_a_profile(void **state)
{
	static const char *const keys[] = {
		"null",
		"7",
		"''",
		"'member-1'",
		"'/member-1'",
		"'fleet-system/'",
		"'a/b/c'",
		"'/'",
		"'" LABEL63 "/" LABEL63 "." LABEL63 "." LABEL63 "." LABEL63 "'",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char changes[1000];
		struct error err = {0};
		struct member_access *access;

		snprintf(changes, sizeof(changes),
			 "{'metadata':{'annotations':{'credbroker.dev/cluster-profile':%s}}}",
			 keys[i]);
		access = read_access(KUBECONFIG, changes, &err);
		if (access)
			fail_msg("%s is taken", keys[i]);
		assert_int_equal(err.kind, ERROR_INVALID);
		assert_string_equal(err.text, "annotation credbroker.dev/cluster-profile must be "
					      "<namespace>/<name>");
	}
}

static void member_access_read__takes_the_longest_name_of_a_profile(void **state)
{
	struct error err = {0};
	struct member_access *access =
		read_access(KUBECONFIG,
			    "{'metadata':{'annotations':{'credbroker.dev/cluster-profile':'" LABEL63
			    "/" LABEL63 "." LABEL63 "." LABEL63 "."
			    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			    "'}}}",
			    &err);

	(void)state;
	assert_non_null(access);
	assert_string_equal(access->invalid, "");
	member_access_free(access);
}

struct refusal {
	const char *kubeconfig;
	const char *changes;
	const char *text;
};

static const struct refusal refusals[] = {
	{NULL, "{}", "the member access has no key kubeconfig"},
	{NULL, "{'data':null}", "the member access has no key kubeconfig"},
	{NULL, "{'data':{'kubeconfig':7}}", "the member access has no key kubeconfig"},
	{NULL, "{'data':{'kubeconfig':'***'}}", "kubeconfig of the member access: "},
	{"", "{}", "kubeconfig of the member access: "},
	{"{}", "{}", "kubeconfig of the member access: "},
	{KUBECONFIG, "{'data':{'mode':'cHVsbA=='}}",
	 "key mode of the member access: only push is served"},
	{KUBECONFIG, "{'data':{'mode':''}}", "key mode of the member access: only push is served"},
	{KUBECONFIG, "{'data':{'mode':'*'}}", "mode: "},
};

static void member_access_read__says_why_it_must_not_be_used(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct error err = {0};
		struct member_access *access =
			read_access(refusals[i].kubeconfig, refusals[i].changes, &err);

		assert_non_null(access);
		assert_int_equal(err.kind, ERROR_NONE);
		if (strncmp(access->invalid, refusals[i].text, strlen(refusals[i].text)) != 0)
			fail_msg("%s is not %s", access->invalid, refusals[i].text);
		assert_null(strstr(access->invalid, "canary"));
		member_access_free(access);
	}
}

static void member_access_free__takes_nothing(void **state)
{
	(void)state;
	member_access_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(member_access_read__projects_the_secret),
		cmocka_unit_test(member_access_read__knows_its_bootstrap),
		cmocka_unit_test(member_access_read__takes_the_mode_that_is_served),
		cmocka_unit_test(
			member_access_read__has_another_version_when_the_secret_is_another),
		cmocka_unit_test(member_access_read__needs_the_name_of_a_profile),
		cmocka_unit_test(member_access_read__takes_the_longest_name_of_a_profile),
		cmocka_unit_test(member_access_read__says_why_it_must_not_be_used),
		cmocka_unit_test(member_access_free__takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
