#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "broker/core/access_steps.h"
#include "broker/core/explanation.h"
#include "broker/core/hub_state.h"
#include "broker/core/kube_path.h"
#include "broker/core/ledger.h"
#include "broker/core/member_objects.h"
#include "broker/core/request.h"
#include "broker/core/rights.h"
#include "support/json_pattern.h"
#include "support/sample_policy.h"
#include "support/sample_request.h"

#define PROFILE "fleet-system/member-1"

static struct hub_state seen;
static struct access_settings settings;
static struct explanation_basis basis;

static void show(const struct kube_resource *resource, const char *key, const char *object)
{
	cleanup_json struct json *json = json_pattern_parse(object);

	assert_true(hub_state_put(&seen, resource, key, json));
}

static void show_policy(const char *name, const char *changes)
{
	cleanup_json struct json *object = sample_policy_json(changes);

	json_add_string((struct json *)json_find(object, "metadata"), "name", name);
	assert_true(hub_state_put(&seen, &KUBE_ACCESS_POLICIES, name, object));
}

static int setup(void **state)
{
	(void)state;
	hub_state_init(&seen);
	settings = (struct access_settings){
		.hub_id = "hub-1",
		.namespace = "credbroker-system",
		.identity_namespace = "credbroker-identities",
	};
	basis = (struct explanation_basis){.seen = &seen, .settings = &settings};
	show_policy("sample", "{}");
	show(&KUBE_NAMESPACES, "team-a", "{'metadata':{'uid':'n-1'}}");
	show(&KUBE_CLUSTER_PROFILES, PROFILE, "{'metadata':{'uid':'p-1'}}");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hub_state_done(&seen);
	return 0;
}

/* What is said of the sample request with CHANGES. */
static struct json *explain(const char *changes)
{
	cleanup_json struct json *object = sample_request_json(changes);
	struct error err = {0};
	struct json *report = explanation_render(&basis, object, &err);

	if (!report)
		fail_msg("%s", err.text);
	return report;
}

static void assert_says(const struct json *report, const char *pattern)
{
	cleanup_json struct json *expected = json_pattern_parse(pattern);
	struct text why = text_with_max(4096);

	if (!json_pattern_matches(expected, report, &why))
		fail_msg("%s", text_chars(&why));
	text_done(&why);
}

static void explanation_render__names_the_policy_and_each_object(void **state)
{
	cleanup_json struct json *report = explain("{}");

	(void)state;
	assert_says(report,
		    "{'request':'team-a/reader','clusterProfile':'fleet-system/member-1',"
		    "'requester':null,'allowed':true,'policy':'sample','reason':null,"
		    "'policies':[{'name':'sample','allowed':true,'refuses':null}],"
		    "'objects':[{'kind':'ServiceAccount','metadata':{'name':'reader'}},"
		    "{'kind':'Role','rules':[{}]},{'kind':'RoleBinding'},"
		    "{'kind':'ClusterRoleBinding','roleRef':{'name':'view'}},"
		    "{'kind':'Secret','type':'credbroker.dev/anchor'}],"
		    "'tokenRequest':{'spec':{'expirationSeconds':3600}},'renewAtPercent':60,"
		    "'notes':['The marks*']}");
}

static void explanation_render__says_when_it_is_renewed(void **state)
{
	cleanup_json struct json *by_operator = NULL;
	cleanup_json struct json *by_policy = NULL;

	(void)state;
	settings.renew_at_percent = 70;
	by_operator = explain("{}");
	assert_says(by_operator, "{'renewAtPercent':70}");
	show_policy("sample", "{'spec':{'allow':{'lifetime':{'renewAtPercent':40}}}}");
	by_policy = explain("{}");
	assert_says(by_policy, "{'renewAtPercent':40}");
}

/* The controller, for this very request, and another nonce: only what notes speak of differs. */
static void explanation_render__gives_what_the_controller_makes(void **state)
{
	cleanup_json struct json *report = explain("{}");
	struct request *request = sample_request("{}");
	struct rights *rights = sample_request_rights(request);
	struct ledger *ledger = ledger_new(request, rights,
					   &(struct ledger_plan){
						   .hub_id = "hub-1",
						   .profile_key = PROFILE,
						   .identity_namespace = "credbroker-identities",
						   .nonce = "another",
					   });

	(void)state;
	assert_int_equal(json_size(json_find(report, "objects")), ledger->object_count + 1);
	for (size_t i = 0; i < ledger->object_count; i++) {
		cleanup_json struct json *made = member_object_render(ledger, i, rights);
		struct json *shown = (struct json *)json_item(json_find(report, "objects"), i);

		json_remove((struct json *)json_find(made, "metadata", "annotations"),
			    "credbroker.dev/mark");
		json_remove((struct json *)json_find(shown, "metadata", "annotations"),
			    "credbroker.dev/mark");
		assert_true(json_equal(made, shown));
	}
	ledger_free(ledger);
	rights_free(rights);
	request_free(request);
}

static void explanation_render__says_what_stands_for_what_is_not_known(void **state)
{
	cleanup_json struct json *report = NULL;

	(void)state;
	settings.hub_id = NULL;
	report = explain("{'metadata':{'uid':null}}");
	assert_says(report, "{'allowed':true,'notes':['*" EXPLANATION_NO_UID "*',"
			    "'*" EXPLANATION_NO_HUB_ID "*','*nonce*']}");
}

static void explanation_render__tells_of_each_policy_where_it_stops(void **state)
{
	cleanup_json struct json *report = NULL;

	(void)state;
	show_policy("sample", "{'spec':{'allow':{'clusterRules':null}}}");
	show_policy("others", "{'spec':{'subjects':[{'namespaces':['team-b']}]}}");
	report = explain("{}");
	assert_says(report,
		    "{'allowed':false,'policy':null,'reason':'RulesNotAllowed',"
		    "'message':'these rules are not allowed*','objects':null,'notes':[],"
		    "'policies':[{'name':'sample','allowed':false,'agrees':'dangers',"
		    "'refuses':'clusterRules and namespacedRules','reason':'RulesNotAllowed'},"
		    "{'name':'others','agrees':null,'refuses':'subjects'}]}");
}

static void explanation_render__looks_at_what_templates_give(void **state)
{
	static const char *const patterns[] = {"vault-*"};
	cleanup_json struct json *report = NULL;

	(void)state;
	show_policy("sample", "{'spec':{'allow':{'templates':[{'name':'t'}]}}}");
	show(&KUBE_RBAC_TEMPLATES, "t",
	     "{'metadata':{'name':'t','uid':'t-1'},'spec':{'roles':[{'namespace':'vault-1',"
	     "'name':'r','rules':[{'apiGroups':[''],'resources':['pods'],'verbs':['get']}]}]}}");
	settings.protected_patterns = patterns;
	settings.protected_count = 1;
	report = explain("{'spec':{'templates':[{'name':'t'}]}}");
	assert_says(report, "{'allowed':false,'reason':'NamespaceProtected',"
			    "'policies':[{'name':'sample','refuses':'protectedNamespaces'}]}");
}

static void explanation_render__says_what_else_is_in_the_way(void **state)
{
	cleanup_json struct json *invalid = explain("{'spec':{'serviceAccountName':''}}");
	cleanup_json struct json *suspended = explain("{'spec':{'suspend':true}}");
	cleanup_json struct json *absent = NULL;
	cleanup_json struct json *nowhere = NULL;

	(void)state;
	assert_says(suspended, "{'allowed':false,'policy':'sample','reason':'Suspended',"
			       "'message':'*suspended*','objects':null}");
	assert_says(invalid, "{'allowed':false,'reason':'InvalidRequest','policies':null}");
	show_policy("sample", "{'spec':{'allow':{'templates':[{'name':'t'}]}}}");
	absent = explain("{'spec':{'templates':[{'name':'t'}]}}");
	assert_says(absent, "{'allowed':false,'policy':'sample','reason':'TemplateNotFound',"
			    "'message':'*no RBACTemplate t','objects':null}");
	nowhere = explain("{'spec':{'targetClusterProfile':{'name':'nowhere'},"
			  "'templates':[{'name':'t'}]}}");
	assert_says(nowhere, "{'allowed':false,'reason':'ClusterProfileNotFound'}");
}

static void explanation_render__takes_the_requester_that_is_given_or_claimed(void **state)
{
	static const char *const groups[] = {"ops"};
	cleanup_json struct json *unknown = NULL;
	cleanup_json struct json *claimed = NULL;
	cleanup_json struct json *given = NULL;

	(void)state;
	show_policy("sample", "{'spec':{'subjects':[{'groups':['ops']}]}}");
	unknown = explain("{}");
	assert_says(unknown, "{'allowed':false,'requester':null}");
	claimed = explain("{'spec':{'requester':{'username':'jane','groups':['ops','dev']}}}");
	assert_says(claimed, "{'allowed':true,'requester':{'username':'jane',"
			     "'groups':['ops','dev']},'notes':['*nobody has proven*','*','*']}");
	basis.username = "joe";
	given = explain("{'spec':{'requester':{'username':'jane','groups':['ops']}}}");
	assert_says(given, "{'allowed':false,'requester':{'username':'joe','groups':[]}}");
	json_free(TAKE_PTR(given));
	basis.groups = groups;
	basis.group_count = 1;
	given = explain("{}");
	assert_says(given, "{'allowed':true,'requester':{'username':'joe','groups':['ops']}}");
}

static void explanation_render__needs_a_name_and_a_namespace(void **state)
{
	static const char *const changes[] = {
		"{'metadata':{'name':null}}",
		"{'metadata':{'namespace':''}}",
		"{'metadata':null}",
		"{'metadata':'x'}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		cleanup_json struct json *object = sample_request_json(changes[i]);
		struct error err = {0};

		assert_null(explanation_render(&basis, object, &err));
		assert_int_equal(err.kind, ERROR_INVALID);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(explanation_render__names_the_policy_and_each_object),
		TEST(explanation_render__says_when_it_is_renewed),
		TEST(explanation_render__gives_what_the_controller_makes),
		TEST(explanation_render__says_what_stands_for_what_is_not_known),
		TEST(explanation_render__tells_of_each_policy_where_it_stops),
		TEST(explanation_render__looks_at_what_templates_give),
		TEST(explanation_render__says_what_else_is_in_the_way),
		TEST(explanation_render__takes_the_requester_that_is_given_or_claimed),
		TEST(explanation_render__needs_a_name_and_a_namespace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
