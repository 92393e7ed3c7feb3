#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "broker/core/kube_path.h"

static void kube_path_object__names_every_resource(void **state)
{
	static const struct {
		const struct kube_resource *resource;
		const char *namespace, *expected, *api_version;
	} rows[] = {
		{&KUBE_SECRETS, "ns", "/api/v1/namespaces/ns/secrets/x", "v1"},
		{&KUBE_SERVICE_ACCOUNTS, "ns", "/api/v1/namespaces/ns/serviceaccounts/x", "v1"},
		{&KUBE_NAMESPACES, NULL, "/api/v1/namespaces/x", "v1"},
		{&KUBE_ROLES, "ns", "/apis/rbac.authorization.k8s.io/v1/namespaces/ns/roles/x",
		 "rbac.authorization.k8s.io/v1"},
		{&KUBE_CLUSTER_ROLES, NULL, "/apis/rbac.authorization.k8s.io/v1/clusterroles/x",
		 "rbac.authorization.k8s.io/v1"},
		{&KUBE_ROLE_BINDINGS, "ns",
		 "/apis/rbac.authorization.k8s.io/v1/namespaces/ns/rolebindings/x",
		 "rbac.authorization.k8s.io/v1"},
		{&KUBE_CLUSTER_ROLE_BINDINGS, NULL,
		 "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/x",
		 "rbac.authorization.k8s.io/v1"},
		{&KUBE_EVENTS, "ns", "/apis/events.k8s.io/v1/namespaces/ns/events/x",
		 "events.k8s.io/v1"},
		{&KUBE_SELF_SUBJECT_REVIEWS, NULL,
		 "/apis/authentication.k8s.io/v1/selfsubjectreviews/x", "authentication.k8s.io/v1"},
		{&KUBE_SELF_SUBJECT_ACCESS_REVIEWS, NULL,
		 "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews/x",
		 "authorization.k8s.io/v1"},
		{&KUBE_AUTH_TOKEN_REQUESTS, "ns",
		 "/apis/multicluster.x-k8s.io/v1alpha1/namespaces/ns/authtokenrequests/x",
		 "multicluster.x-k8s.io/v1alpha1"},
		{&KUBE_CLUSTER_PROFILES, "ns",
		 "/apis/multicluster.x-k8s.io/v1alpha1/namespaces/ns/clusterprofiles/x",
		 "multicluster.x-k8s.io/v1alpha1"},
		{&KUBE_ISSUED_CREDENTIALS, "ns",
		 "/apis/credbroker.dev/v1alpha1/namespaces/ns/issuedcredentials/x",
		 "credbroker.dev/v1alpha1"},
	};
	char version[KUBE_API_VERSION_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};
		cleanup_free char *path = NULL;
		assert_true(kube_path_object(rows[i].resource, rows[i].namespace, "x", NULL, &path,
					     &err));
		assert_string_equal(path, rows[i].expected);
		assert_string_equal(kube_resource_api_version(rows[i].resource, version),
				    rows[i].api_version);
	}
}

static void kube_path_object__adds_a_subresource(void **state)
{
	cleanup_free char *path = NULL;
	struct error err = {0};

	(void)state;
	assert_true(kube_path_object(&KUBE_SERVICE_ACCOUNTS, "ns", "sa", "token", &path, &err));
	assert_string_equal(path, "/api/v1/namespaces/ns/serviceaccounts/sa/token");
}

static void kube_path_object__escapes_what_is_special_in_a_url(void **state)
{
	static const struct {
		const char *name, *segment;
	} rows[] = {
		{"system:node:x", "system%3Anode%3Ax"},
		{"a b", "a%20b"},
		{"a?watch=1", "a%3Fwatch%3D1"},
		{"a#b", "a%23b"},
		{"a\\b", "a%5Cb"},
		{"a\nb\x7f", "a%0Ab%7F"},
		{"caf\xc3\xa9", "caf%C3%A9"},
		{"a;b&c+d@e", "a%3Bb%26c%2Bd%40e"},
		{"...", "..."},
		{".a", ".a"},
		{"Az09-._~", "Az09-._~"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};
		cleanup_free char *path = NULL;
		cleanup_text struct text expected = text_with_max(500);
		assert_true(kube_path_object(&KUBE_SECRETS, rows[i].name, rows[i].name,
					     rows[i].name, &path, &err));
		text_appendf(&expected, "/api/v1/namespaces/%s/secrets/%s/%s", rows[i].segment,
			     rows[i].segment, rows[i].segment);
		assert_string_equal(path, text_chars(&expected));
	}
}

/* Reads %XX back, as a server does. */
static void unescape(const char *segment, char *ret_name)
{
	for (; *segment && *segment != '/'; segment++) {
		unsigned byte = (unsigned char)*segment;
		if (*segment == '%') {
			assert_int_equal(sscanf(segment + 1, "%2x", &byte), 1);
			segment += 2;
		}
		*ret_name++ = (char)byte;
	}
	*ret_name = '\0';
}

static void kube_path_object__gives_a_server_the_same_name_back(void **state)
{
	uint32_t random = 5;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char name[24] = {0};
		char back[24];
		struct error err = {0};
		cleanup_free char *path = NULL;
		size_t size = 1 + random % 20;
		for (size_t i = 0; i < size; i++) {
			random = random * 1664525u + 1013904223u;
			name[i] = (char)(1 + (random >> 16) % 255);
		}
		bool refused =
			strpbrk(name, "/%") || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
		bool ok = kube_path_object(&KUBE_ROLES, "ns", name, NULL, &path, &err);
		assert_int_equal(ok, !refused);
		if (!ok)
			continue;
		assert_int_equal(strcspn(path, "?#\\ \n"), strlen(path));
		unescape(strrchr(path, '/') + 1, back);
		assert_string_equal(back, name);
	}
}

static void kube_path_object__refuses_what_is_no_segment(void **state)
{
	static const struct {
		const char *what, *namespace, *name, *subresource, *text;
	} rows[] = {
		{"no namespace", NULL, "x", NULL, "namespace is empty"},
		{"an empty namespace", "", "x", NULL, "namespace is empty"},
		{"a namespace with a slash", "a/b", "x", NULL,
		 "namespace cannot be part of a path"},
		{"a dot namespace", ".", "x", NULL, "namespace cannot be part of a path"},
		{"no name", "ns", NULL, NULL, "name is empty"},
		{"an empty name", "ns", "", NULL, "name is empty"},
		{"a name with a slash", "ns", "../x", NULL, "name cannot be part of a path"},
		{"a name with a percent", "ns", "a%2fb", NULL, "name cannot be part of a path"},
		{"a dot name", "ns", ".", NULL, "name cannot be part of a path"},
		{"a two-dot name", "ns", "..", NULL, "name cannot be part of a path"},
		{"an empty subresource", "ns", "x", "", "subresource is empty"},
		{"a subresource with a slash", "ns", "x", "token/y",
		 "subresource cannot be part of a path"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};
		char *path = NULL;
		if (kube_path_object(&KUBE_SECRETS, rows[i].namespace, rows[i].name,
				     rows[i].subresource, &path, &err))
			fail_msg("%s was accepted", rows[i].what);
		assert_null(path);
		assert_int_equal(err.kind, ERROR_INVALID);
		assert_string_equal(err.text, rows[i].text);
	}
}

static void kube_path_object__refuses_a_namespace_where_there_is_none(void **state)
{
	struct error err = {0};
	char *path = NULL;

	(void)state;
	assert_false(kube_path_object(&KUBE_CLUSTER_ROLES, "ns", "x", NULL, &path, &err));
	assert_string_equal(err.text, "ClusterRole has no namespace");
	cleanup_free char *fine = NULL;
	assert_true(kube_path_object(&KUBE_CLUSTER_ROLES, "", "x", NULL, &fine, &err));
}

static void kube_path_object__refuses_a_path_over_the_cap(void **state)
{
	char name[HTTP_PATH_MAX];
	struct error err = {0};
	char *path = NULL;

	(void)state;
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_false(kube_path_object(&KUBE_SECRETS, "ns", name, NULL, &path, &err));
	assert_string_equal(err.text, "path is longer than 4096 bytes");
	assert_null(path);
}

static void kube_path_list__lists_one_namespace_or_all(void **state)
{
	cleanup_free char *one = NULL;
	cleanup_free char *all = NULL;
	cleanup_free char *cluster = NULL;
	struct error err = {0};

	(void)state;
	assert_true(kube_path_list(&KUBE_SECRETS, "ns", &one, &err));
	assert_string_equal(one, "/api/v1/namespaces/ns/secrets");
	assert_true(kube_path_list(&KUBE_SECRETS, NULL, &all, &err));
	assert_string_equal(all, "/api/v1/secrets");
	assert_true(kube_path_list(&KUBE_CLUSTER_ROLES, NULL, &cluster, &err));
	assert_string_equal(cluster, "/apis/rbac.authorization.k8s.io/v1/clusterroles");
}

static void kube_path_list__never_takes_an_empty_namespace_for_all(void **state)
{
	struct error err = {0};
	char *path = NULL;

	(void)state;
	assert_false(kube_path_list(&KUBE_SECRETS, "", &path, &err));
	assert_int_equal(err.kind, ERROR_INVALID);
	assert_null(path);
}

static void kube_path_create__needs_the_namespace(void **state)
{
	cleanup_free char *secrets = NULL;
	cleanup_free char *reviews = NULL;
	struct error err = {0};
	char *none = NULL;

	(void)state;
	assert_true(kube_path_create(&KUBE_SECRETS, "ns", &secrets, &err));
	assert_string_equal(secrets, "/api/v1/namespaces/ns/secrets");
	assert_true(kube_path_create(&KUBE_SELF_SUBJECT_REVIEWS, NULL, &reviews, &err));
	assert_string_equal(reviews, "/apis/authentication.k8s.io/v1/selfsubjectreviews");
	assert_false(kube_path_create(&KUBE_SECRETS, NULL, &none, &err));
	assert_false(kube_path_create(&KUBE_SECRETS, "", &none, &(struct error){0}));
	assert_false(kube_path_create(&KUBE_CLUSTER_ROLES, "ns", &none, &(struct error){0}));
	assert_null(none);
}

static void kube_path_add_query__escapes_keys_and_values(void **state)
{
	cleanup_free char *path = memory_text("/api/v1/secrets");
	struct error err = {0};

	(void)state;
	assert_true(kube_path_add_query(&path, "limit", "500", &err));
	assert_true(kube_path_add_query(&path, "labelSelector", "a.b/c=d,e&f", &err));
	assert_true(kube_path_add_query(&path, "continue", "", &err));
	assert_true(kube_path_add_query(&path, "a=b", "x#y z", &err));
	assert_string_equal(path, "/api/v1/secrets?limit=500&labelSelector=a.b%2Fc%3Dd%2Ce%26f"
				  "&continue=&a%3Db=x%23y%20z");
}

static void kube_path_add_query__over_the_cap_leaves_the_path(void **state)
{
	cleanup_free char *path = memory_text("/api/v1/secrets");
	char value[HTTP_PATH_MAX];
	struct error err = {0};

	(void)state;
	memset(value, 'a', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	assert_false(kube_path_add_query(&path, "continue", value, &err));
	assert_int_equal(err.kind, ERROR_INVALID);
	assert_string_equal(path, "/api/v1/secrets");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kube_path_object__names_every_resource),
		cmocka_unit_test(kube_path_object__adds_a_subresource),
		cmocka_unit_test(kube_path_object__escapes_what_is_special_in_a_url),
		cmocka_unit_test(kube_path_object__gives_a_server_the_same_name_back),
		cmocka_unit_test(kube_path_object__refuses_what_is_no_segment),
		cmocka_unit_test(kube_path_object__refuses_a_namespace_where_there_is_none),
		cmocka_unit_test(kube_path_object__refuses_a_path_over_the_cap),
		cmocka_unit_test(kube_path_list__lists_one_namespace_or_all),
		cmocka_unit_test(kube_path_list__never_takes_an_empty_namespace_for_all),
		cmocka_unit_test(kube_path_create__needs_the_namespace),
		cmocka_unit_test(kube_path_add_query__escapes_keys_and_values),
		cmocka_unit_test(kube_path_add_query__over_the_cap_leaves_the_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
