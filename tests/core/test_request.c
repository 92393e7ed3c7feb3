#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "broker/core/request.h"
#include "broker/core/yaml.h"
#include "support/json_pattern.h"
#include "support/sample_request.h"

#define NAME63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NAME253                                                                                    \
	NAME63 "." NAME63 "." NAME63 "."                                                           \
	       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void request_read__projects_what_was_asked_for(void **state)
{
	struct request *request = sample_request(
		"{'metadata':{'generation':7,'finalizers':['a','credbroker.dev/revocation','b']},"
		"'spec':{'serviceAccountNamespace':'ids','credential':{'type':'ServiceAccountToken'"
		","
		"'audiences':['a','b'],'expirationSeconds':1200},"
		"'deliveries':[{'name':'main','format':'Kubeconfig'}]}}");

	(void)state;
	assert_string_equal(request->invalid, "");
	assert_false(request->deleting || request->has_conditions);
	assert_string_equal(request->key, "team-a/reader");
	assert_string_equal(request->namespace, "team-a");
	assert_string_equal(request->name, "reader");
	assert_string_equal(request->uid, "request-1");
	assert_string_equal(request->resource_version, "100");
	assert_int_equal(request->generation, 7);
	assert_int_equal(request->finalizer_count, 3);
	assert_int_equal(request->finalizer_index, 1);
	assert_string_equal(request->profile_namespace, "fleet-system");
	assert_string_equal(request->profile_name, "member-1");
	assert_string_equal(request->service_account, "reader");
	assert_string_equal(request->service_account_namespace, "ids");
	assert_int_equal(request->audience_count, 2);
	assert_string_equal(request->audiences[1], "b");
	assert_int_equal(request->expiration_s, 1200);
	assert_string_equal(request->delivery_name, "main");
	assert_null(request->status);
	request_free(request);
}

static void request_read__takes_roles_and_then_cluster_roles(void **state)
{
	struct request *request = sample_request("{}");

	(void)state;
	assert_int_equal(request->role_count, 2);
	assert_string_equal(request->roles[0].namespace, "apps");
	assert_string_equal(request->roles[0].name, "pod-reader");
	assert_string_equal(request->roles[0].rules,
			    "[{\"apiGroups\":[\"\"],\"resources\":[\"pods\"],"
			    "\"verbs\":[\"get\",\"list\"]}]");
	assert_null(request->roles[1].namespace);
	assert_string_equal(request->roles[1].name, "view");
	assert_null(request->roles[1].rules);
	request_free(request);
}

static void request_read__fills_in_what_is_not_said(void **state)
{
	struct request *request = sample_request(
		"{'metadata':{'generation':null},'spec':{'roles':null,'clusterRoles':[]}}");

	(void)state;
	assert_string_equal(request->invalid, "");
	assert_int_equal(request->generation, 0);
	assert_int_equal(request->finalizer_index, -1);
	assert_int_equal(request->finalizer_count, 0);
	assert_string_equal(request->service_account_namespace, "");
	assert_int_equal(request->role_count, 0);
	assert_int_equal(request->audience_count, 0);
	assert_int_equal(request->expiration_s, 3600);
	assert_string_equal(request->delivery_name, "kubeconfig");
	request_free(request);
}

static void request_read__sees_deletion_and_status(void **state)
{
	struct request *request =
		sample_request("{'metadata':{'deletionTimestamp':'2026-03-01T12:00:00Z'},"
			       "'status':{'conditions':[{'type':'Ready'}]}}");
	struct request *bare = sample_request("{'status':{'conditions':[]}}");

	(void)state;
	assert_true(request->deleting && request->has_conditions);
	assert_string_equal(request->status, "{\"conditions\":[{\"type\":\"Ready\"}]}");
	assert_false(bare->has_conditions);
	assert_string_equal(bare->status, "{\"conditions\":[]}");
	request_free(request);
	request_free(bare);
}

static void request_read__sees_who_asks_and_since_when(void **state)
{
	struct request *request = sample_request(
		"{'metadata':{'creationTimestamp':'2026-03-01T12:00:00Z'},'spec':{'requester':"
		"{'username':'alice','uid':'u','groups':['dev','ops']}}}");
	struct request *other = sample_request(
		"{'spec':{'requester':{'username':'alice','groups':['u','dev','ops']}}}");
	char digest[DIGEST_SHORT_SIZE];
	char other_digest[DIGEST_SHORT_SIZE];

	(void)state;
	assert_int_equal(request->created_s, 1772366400);
	assert_string_equal(request->requester, "alice");
	assert_string_equal(request->requester_uid, "u");
	assert_int_equal(request->requester_group_count, 2);
	assert_string_equal(request->requester_groups[1], "ops");
	request_requester_digest(request, digest);
	request_requester_digest(other, other_digest);
	assert_string_not_equal(digest, other_digest);
	assert_int_equal(other->created_s, 0);
	request_free(request);
	request_free(other);
}

static void request_read__knows_no_requester_in_part(void **state)
{
	cleanup_json struct json *object =
		sample_request_json("{'spec':{'requester':{'username':'alice'}}}");
	struct json *groups =
		json_add_array((struct json *)json_find(object, "spec", "requester"), "groups");
	struct error err = {0};

	(void)state;
	for (int count = 0; count <= 257; count++) {
		struct request *request = request_read(object, &err);

		assert_string_equal(request->invalid, "");
		assert_true((request->requester != NULL) == (count <= 256));
		request_free(request);
		json_append_string(groups, "group");
	}
}

static void request_read__refuses_an_object_that_nobody_can_be_told_of(void **state)
{
	static const char *const changes[] = {
		"{'metadata':{'namespace':null}}",
		"{'metadata':{'name':''}}",
		"{'metadata':{'uid':null}}",
		"{'metadata':{'uid':7}}",
		"{'metadata':null}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		cleanup_json struct json *object = sample_request_json(changes[i]);
		struct error err = {0};

		assert_null(request_read(object, &err));
		assert_int_equal(err.kind, ERROR_INVALID);
	}
}

struct row {
	const char *spec; /* changes */
	const char *invalid;
};

#define RULE   "{'apiGroups':[''],'resources':['pods'],'verbs':['get']}"
#define TARGET "'targetClusterProfile':"

static const struct row rows[] = {
	{"{" TARGET "null}", "targetClusterProfile needs a name"},
	{"{" TARGET "{'name':null}}", "targetClusterProfile needs a name"},
	{"{" TARGET "{'name':'a/b'}}", "targetClusterProfile needs a name"},
	{"{" TARGET "{'name':'..'}}", "targetClusterProfile needs a name"},
	{"{" TARGET "{'name':'a%2fb'}}", "targetClusterProfile needs a name"},
	{"{" TARGET "{'kind':'Cluster'}}", "targetClusterProfile must be a ClusterProfile"},
	{"{" TARGET "{'kind':''}}", ""},
	{"{" TARGET "{'kind':null}}", ""},
	{"{" TARGET "{'name':'" NAME253 "'}}", ""},
	{"{" TARGET "{'name':'" NAME253 "a'}}", "targetClusterProfile needs a name"},
	{"{'serviceAccountName':null}", "serviceAccountName is empty or no legal name"},
	{"{'serviceAccountName':''}", "serviceAccountName is empty or no legal name"},
	{"{'serviceAccountName':'.'}", "serviceAccountName is empty or no legal name"},
	{"{'serviceAccountName':'a/token'}", "serviceAccountName is empty or no legal name"},
	{"{'serviceAccountName':'" NAME63 "'}", ""},
	{"{'serviceAccountName':'" NAME63 "a'}", "serviceAccountName is empty or no legal name"},
	{"{'serviceAccountNamespace':''}", ""},
	{"{'serviceAccountNamespace':'a/b'}", "serviceAccountNamespace is no legal name"},
	{"{'serviceAccountNamespace':'a%b'}", "serviceAccountNamespace is no legal name"},
	{"{'credential':{'type':'OIDCToken'}}", "credential.type OIDCToken is not served"},
	{"{'credential':{'expirationSeconds':600}}", ""},
	{"{'credential':{'expirationSeconds':599}}",
	 "credential.expirationSeconds is not between 600 and 86400"},
	{"{'credential':{'expirationSeconds':86400}}", ""},
	{"{'credential':{'expirationSeconds':86401}}",
	 "credential.expirationSeconds is not between 600 and 86400"},
	{"{'credential':{'expirationSeconds':9223372036854775807}}",
	 "credential.expirationSeconds is not between 600 and 86400"},
	{"{'credential':{'expirationSeconds':-1}}",
	 "credential.expirationSeconds is not between 600 and 86400"},
	{"{'deliveries':[]}", ""},
	{"{'deliveries':null}", ""},
	{"{'deliveries':[{'name':'a'}]}", ""},
	{"{'deliveries':[{'name':'a'},{'name':'b'}]}", "more than one delivery is not served"},
	{"{'deliveries':[{'name':'a','format':'ArgoCD'}]}", "delivery format ArgoCD is not served"},
	{"{'deliveries':[{'format':'Kubeconfig'}]}", "a delivery needs a name"},
	{"{'deliveries':[{'name':''}]}", "a delivery needs a name"},
	{"{'roles':[{'namespace':'a'}]}", "a role needs a name without '/' and '%'"},
	{"{'roles':[{'namespace':'a','name':''}]}", "a role needs a name without '/' and '%'"},
	{"{'roles':[{'namespace':'a','name':'..'}]}", "a role needs a name without '/' and '%'"},
	{"{'clusterRoles':[{'name':'a/b'}]}", "a role needs a name without '/' and '%'"},
	{"{'clusterRoles':[{'name':'" NAME253 "'}]}", ""},
	{"{'clusterRoles':[{'name':'system:node'}]}", ""},
	{"{'roles':[{'name':'a'}]}", "role \"a\" needs a namespace"},
	{"{'roles':[{'name':'a','namespace':'b/c'}]}", "role \"a\" needs a namespace"},
	{"{'roles':[{'name':'a','namespace':'" NAME63 "a'}]}", "role \"a\" needs a namespace"},
	{"{'roles':[{'name':'a','namespace':'b','rules':[{'resources':['pods']}]}]}",
	 "role \"a\" has a rule without verbs"},
	{"{'roles':[{'name':'a','namespace':'b','rules':[" RULE ",{'verbs':[]}]}]}",
	 "role \"a\" has a rule without verbs"},
	{"{'roles':[{'name':'a','namespace':'b'},{'name':'a','namespace':'b'}]}",
	 "role \"a\" is named twice"},
	{"{'roles':[{'name':'a','namespace':'b','rules':[" RULE "]},{'name':'a','namespace':'b'}]}",
	 "role \"a\" is named twice"},
	{"{'roles':[{'name':'a','namespace':'b'},{'name':'a','namespace':'c'}],"
	 "'clusterRoles':[{'name':'a'}]}",
	 ""},
	{"{'clusterRoles':[{'name':'a'},{'name':'a'}]}", "role \"a\" is named twice"},
	{"{'clusterRoles':[{'name':'a','rules':null},{'name':'b','rules':[]}]}", ""},
};

static void request_read__says_why_it_cannot_be_served(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char changes[2000];
		struct request *request;

		snprintf(changes, sizeof(changes), "{'spec':%s}", rows[i].spec);
		request = sample_request(changes);
		if (strcmp(request->invalid, rows[i].invalid) != 0)
			fail_msg("%s: %s", rows[i].spec, request->invalid);
		assert_string_equal(request->key, "team-a/reader");
		request_free(request);
	}
}

/* As many roles as there may be, and one more. */
static void request_read__takes_forty_roles_and_no_more(void **state)
{
	(void)state;
	for (int count = REQUEST_ROLES_MAX; count <= REQUEST_ROLES_MAX + 1; count++) {
		cleanup_json struct json *object =
			sample_request_json("{'spec':{'clusterRoles':null}}");
		struct json *list =
			json_add_array((struct json *)json_find(object, "spec"), "roles");
		struct error err = {0};
		struct request *request;

		for (int i = 0; i < count; i++) {
			struct json *role = json_append_object(list);
			char name[32];

			snprintf(name, sizeof(name), "role-%d", i);
			json_add_string(role, "name", name);
			json_add_string(role, "namespace", "apps");
		}
		request = request_read(object, &err);
		assert_int_equal(request->role_count, REQUEST_ROLES_MAX);
		assert_string_equal(request->invalid,
				    count > REQUEST_ROLES_MAX ? "more than 40 roles" : "");
		request_free(request);
	}
}

static void request_read__caps_the_rules_of_a_role(void **state)
{
	cleanup_json struct json *object = sample_request_json("{'spec':{'roles':null}}");
	struct json *role = json_append_object(
		json_add_array((struct json *)json_find(object, "spec"), "clusterRoles"));
	struct json *rule = json_append_object(json_add_array(role, "rules"));
	struct json *names = json_add_array(rule, "resourceNames");
	struct error err = {0};
	struct request *request;

	(void)state;
	json_add_string(role, "name", "large");
	json_append_string(json_add_array(rule, "verbs"), "get");
	for (int i = 0; i < REQUEST_RULES_MAX / 64 + 1; i++)
		json_append_string(names, NAME63);
	request = request_read(object, &err);
	assert_non_null(strstr(request->invalid, "the rules of role \"large\" take more than "));
	request_free(request);
}

static struct json *read_file(const char *path)
{
	enum { FILE_MAX = 1 << 20 };
	cleanup_free char *bytes = memory_new(FILE_MAX);
	FILE *file = fopen(path, "r");
	struct error err = {0};
	struct json *object;
	size_t size;

	assert_non_null(file);
	size = fread(bytes, 1, FILE_MAX, file);
	fclose(file);
	object = yaml_parse(bytes, size, &err);
	if (!object)
		fail_msg("%s: %s", path, err.text);
	return object;
}

static void request_read__serves_what_the_clients_of_every_variant_sent(void **state)
{
	glob_t files;

	(void)state;
	assert_int_equal(glob(TEST_DATA "/requests/accepted/*", 0, NULL, &files), 0);
	assert_true(files.gl_pathc >= 9);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		cleanup_json struct json *sent = read_file(files.gl_pathv[i]);
		cleanup_json struct json *stored =
			json_pattern_parse("{'metadata':{'namespace':'team-a','uid':'request-1','"
					   "resourceVersion':'1'}}");
		cleanup_json struct json *object = json_pattern_merge(sent, stored);
		struct error err = {0};
		struct request *request = request_read(object, &err);

		if (!request || request->invalid[0])
			fail_msg("%s: %s", files.gl_pathv[i],
				 request ? request->invalid : err.text);
		request_free(request);
	}
	globfree(&files);
}

static void assert_profile(const char *target, const char *default_namespace, const char *expected)
{
	char changes[500];
	cleanup_free char *key = NULL;
	struct request *request;

	snprintf(changes, sizeof(changes), "{'spec':{'targetClusterProfile':%s}}", target);
	request = sample_request(changes);
	key = request_profile_key(request, default_namespace);
	assert_string_equal(key, expected);
	request_free(request);
}

static void request_profile_key__takes_the_namespace_that_is_named(void **state)
{
	(void)state;
	assert_profile("{}", NULL, "fleet-system/member-1");
	assert_profile("{}", "fleet", "fleet-system/member-1");
	assert_profile("{'namespace':null}", "fleet", "fleet/member-1");
	assert_profile("{'namespace':''}", "fleet", "fleet/member-1");
	assert_profile("{'namespace':null}", NULL, "team-a/member-1");
	assert_profile("null", NULL, "team-a/");
}

static void assert_terms_equal(const char *spec, const char *other_spec, bool equal)
{
	struct request *one = sample_request(spec);
	struct request *other = sample_request(other_spec);
	char terms[DIGEST_SHORT_SIZE];
	char other_terms[DIGEST_SHORT_SIZE];

	request_terms(one, terms);
	request_terms(other, other_terms);
	if (text_same(terms, other_terms) != equal)
		fail_msg("%s and %s", spec, other_spec);
	request_free(one);
	request_free(other);
}

#define AUDIENCES(list) "{'spec':{'credential':{'audiences':[" list "]}}}"
#define LIFETIME(s)     "{'spec':{'credential':{'expirationSeconds':" s "}}}"

static void request_terms__differ_with_what_the_token_is_asked_for(void **state)
{
	(void)state;
	assert_terms_equal("{}", "{}", true);
	assert_terms_equal("{}", LIFETIME("3600"), true);
	assert_terms_equal("{}", AUDIENCES(""), true);
	assert_terms_equal(
		"{}", "{'metadata':{'generation':9},'spec':{'deliveries':[{'name':'x'}]}}", true);
	assert_terms_equal("{}", LIFETIME("3601"), false);
	assert_terms_equal("{}", AUDIENCES("'a'"), false);
	assert_terms_equal(AUDIENCES("'a','b'"), AUDIENCES("'b','a'"), false);
	assert_terms_equal(AUDIENCES("'a','b'"), AUDIENCES("'ab'"), false);
	assert_terms_equal(AUDIENCES("'a'"), AUDIENCES("'a',''"), false);
}

#define ROTATE_AT(value) "{'metadata':{'annotations':{'credbroker.dev/rotate-at':" value "}}}"

static void request_read__reads_when_to_rotate(void **state)
{
	const struct {
		const char *changes;
		int64_t rotate_at_s;
		bool is_wrong;
	} cases[] = {
		{"{}", 0, false},
		{ROTATE_AT("'1970-01-01T00:10:00Z'"), 600, false},
		{ROTATE_AT("'1970-01-01T02:10:00+02:00'"), 600, false},
		{ROTATE_AT("''"), 0, false},
		{ROTATE_AT("'now'"), 0, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct request *request = sample_request(cases[i].changes);

		assert_int_equal(request->rotate_at_s, cases[i].rotate_at_s);
		assert_int_equal(request->rotate_at_is_wrong, cases[i].is_wrong);
		assert_string_equal(request->invalid, "");
		request_free(request);
	}
}

static void request_free__takes_nothing(void **state)
{
	(void)state;
	request_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_read__projects_what_was_asked_for),
		cmocka_unit_test(request_read__takes_roles_and_then_cluster_roles),
		cmocka_unit_test(request_read__fills_in_what_is_not_said),
		cmocka_unit_test(request_read__sees_deletion_and_status),
		cmocka_unit_test(request_read__sees_who_asks_and_since_when),
		cmocka_unit_test(request_read__knows_no_requester_in_part),
		cmocka_unit_test(request_read__refuses_an_object_that_nobody_can_be_told_of),
		cmocka_unit_test(request_read__says_why_it_cannot_be_served),
		cmocka_unit_test(request_read__takes_forty_roles_and_no_more),
		cmocka_unit_test(request_read__caps_the_rules_of_a_role),
		cmocka_unit_test(request_read__serves_what_the_clients_of_every_variant_sent),
		cmocka_unit_test(request_profile_key__takes_the_namespace_that_is_named),
		cmocka_unit_test(request_terms__differ_with_what_the_token_is_asked_for),
		cmocka_unit_test(request_read__reads_when_to_rotate),
		cmocka_unit_test(request_free__takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
