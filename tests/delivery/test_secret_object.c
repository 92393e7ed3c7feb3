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
#include <base/json.h>
#include <base/memory.h>
#include <base/secret.h>
#include <base/text.h>

#include "broker/delivery/cluster_facts.h"
#include "broker/delivery/secret_object.h"
#include "support/json_pattern.h"

#define TOKEN "aaa.bbb.ccc"

static const struct cluster_facts member = {
	.name = "member-1",
	.server = "https://member:6443",
	.ca_pem = "CA",
};

/* The Secret of generation 3; UID and VERSION are NULL for one to be created. The caller's. */
static struct json *rendered(const char *uid, const char *version)
{
	cleanup_secret struct secret token = secret_from_bytes(TOKEN, strlen(TOKEN));

	return secret_object_render(&(struct secret_object){
		.namespace = "team-a",
		.name = "reader",
		.uid = uid,
		.resource_version = version,
		.request_name = "reader",
		.request_uid = "request-1",
		.mark = "the-mark",
		.generation = 3,
		.expires_at = 1772366400,
		.cluster = &member,
		.token = &token,
	});
}

static void secret_object_render__says_what_it_is_and_whose(void **state)
{
	cleanup_json struct json *object = rendered(NULL, NULL);
	cleanup_json struct json *expected = json_pattern_parse(
		"{'apiVersion':'v1','kind':'Secret','type':'Opaque','metadata':{"
		"'namespace':'team-a','name':'reader',"
		"'labels':{'app.kubernetes.io/managed-by':'credbroker',"
		"'credbroker.dev/request-uid':'request-1'},"
		"'annotations':{'credbroker.dev/cluster-profile':'member-1',"
		"'credbroker.dev/expires-at':'2026-03-01T12:00:00Z',"
		"'credbroker.dev/anchor-generation':'3','credbroker.dev/mark':'the-mark'},"
		"'ownerReferences':[{'apiVersion':'multicluster.x-k8s.io/v1alpha1',"
		"'kind':'AuthTokenRequest','name':'reader','uid':'request-1'}]}}");

	(void)state;
	json_remove(object, "data");
	assert_true(json_equal(object, expected));
}

static void secret_object_render__replaces_only_the_one_that_was_read(void **state)
{
	cleanup_json struct json *object = rendered("secret-1", "17");

	(void)state;
	assert_string_equal(json_find_string(object, "metadata", "uid"), "secret-1");
	assert_string_equal(json_find_string(object, "metadata", "resourceVersion"), "17");
}

static void assert_data(const struct json *object, const char *key, const char *expected)
{
	cleanup_secret struct secret plain = {0};
	struct error err = {0};

	assert_true(base64_decode(json_find_string(object, "data", key), &plain, &err));
	assert_string_equal(secret_expose(&plain), expected);
}

static bool is_known_key(void *context, const char *key, const struct json *value)
{
	(void)context;
	(void)value;
	return strcmp(key, "token") == 0 || strcmp(key, "ca.crt") == 0 ||
	       strcmp(key, "kubeconfig") == 0;
}

static void secret_object_render__has_three_keys(void **state)
{
	cleanup_json struct json *object = rendered(NULL, NULL);
	cleanup_secret struct secret kubeconfig = {0};
	struct error err = {0};

	(void)state;
	assert_data(object, "token", TOKEN);
	assert_data(object, "ca.crt", "CA");
	assert_true(
		base64_decode(json_find_string(object, "data", "kubeconfig"), &kubeconfig, &err));
	assert_non_null(strstr(secret_expose(&kubeconfig), "\"token\":\"" TOKEN "\""));
	assert_true(json_each(json_find(object, "data"), is_known_key, NULL));
	assert_null(json_find(object, "stringData"));
}

static void secret_object_render__gives_the_same_bytes_for_the_same_input(void **state)
{
	cleanup_json struct json *one = rendered("secret-1", "17");
	cleanup_json struct json *other = rendered("secret-1", "17");

	(void)state;
	assert_true(json_equal(one, other));
}

static void secret_object_render__shows_the_token_nowhere_in_clear(void **state)
{
	cleanup_json struct json *object = rendered(NULL, NULL);
	cleanup_free char *text = NULL;
	size_t size;

	(void)state;
	text = json_dump(object, &size);
	assert_null(strstr(text, TOKEN));
}

static void secret_object_mark__reads_the_mark(void **state)
{
	cleanup_json struct json *object = rendered(NULL, NULL);
	static const char *const without[] = {
		"{}",
		"{'metadata':{}}",
		"{'metadata':{'annotations':null}}",
		"{'metadata':{'annotations':{'credbroker.dev/mark':7}}}",
	};

	(void)state;
	assert_string_equal(secret_object_mark(object), "the-mark");
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++) {
		cleanup_json struct json *live = json_pattern_parse(without[i]);

		assert_null(secret_object_mark(live));
	}
	assert_null(secret_object_mark(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secret_object_render__says_what_it_is_and_whose),
		cmocka_unit_test(secret_object_render__replaces_only_the_one_that_was_read),
		cmocka_unit_test(secret_object_render__has_three_keys),
		cmocka_unit_test(secret_object_render__gives_the_same_bytes_for_the_same_input),
		cmocka_unit_test(secret_object_render__shows_the_token_nowhere_in_clear),
		cmocka_unit_test(secret_object_mark__reads_the_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
