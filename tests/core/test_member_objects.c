#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "broker/core/kube_path.h"
#include "broker/core/ledger.h"
#include "broker/core/member_objects.h"
#include "broker/core/request.h"
#include "broker/core/rights.h"
#include "support/json_pattern.h"
#include "support/sample_request.h"

static struct request *request;
static struct rights *rights;
static struct ledger *ledger;

static int setup(void **state)
{
	(void)state;
	request = sample_request(
		"{'spec':{'roles':[{'name':'pod-reader','namespace':'apps','rules':["
		"{'apiGroups':[''],'resources':['pods'],'resourceNames':[],'verbs':['get']}]}],"
		"'clusterRoles':[{'name':'system:metrics','rules':["
		"{'nonResourceURLs':['/"
		"metrics'],'verbs':['get'],'apiGroups':null}]},{'name':'view'}],"
		"'credential':{'audiences':['vault','kube'],'expirationSeconds':1200}}}");
	rights = sample_request_rights(request);
	ledger = sample_request_ledger(request);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	request_free(request);
	rights_free(rights);
	ledger_free(ledger);
	return 0;
}

enum { ACCOUNT, ROLE, CLUSTER_ROLE, ROLE_BINDING, METRICS_BINDING, VIEW_BINDING, OBJECTS };

static void assert_matches(const struct json *object, const char *pattern)
{
	cleanup_json struct json *wanted = json_pattern_parse(pattern);
	cleanup_text struct text why = text_with_max(10000);

	if (!json_pattern_matches(wanted, object, &why))
		fail_msg("%s", text_chars(&why));
}

static void assert_object(size_t index, const char *pattern)
{
	cleanup_json struct json *object = member_object_render(ledger, index, rights);

	assert_matches(object, pattern);
}

static void member_object_render__makes_an_identity_that_is_not_mounted(void **state)
{
	(void)state;
	assert_object(ACCOUNT, "{'apiVersion':'v1','kind':'ServiceAccount',"
			       "'metadata':{'namespace':'credbroker-identities','name':'reader'},"
			       "'automountServiceAccountToken':false,'secrets':null,'rules':null}");
}

static void member_object_render__makes_roles_with_the_rules_asked_for(void **state)
{
	(void)state;
	assert_object(ROLE, "{'apiVersion':'rbac.authorization.k8s.io/v1','kind':'Role',"
			    "'metadata':{'namespace':'apps','name':'credbroker-pod-reader-*'},"
			    "'rules':[{'apiGroups':[''],'resources':['pods'],'resourceNames':null,"
			    "'verbs':['get']}]}");
	assert_object(CLUSTER_ROLE,
		      "{'apiVersion':'rbac.authorization.k8s.io/v1','kind':'ClusterRole',"
		      "'metadata':{'namespace':null,'name':'credbroker-system-metrics-*',"
		      "'annotations':{'credbroker.dev/requested-name':'system:metrics'}},"
		      "'rules':[{'apiGroups':null,'resources':null,'nonResourceURLs':['/metrics'],"
		      "'verbs':['get']}]}");
}

static void member_object_render__binds_derived_roles_and_existing_ones(void **state)
{
	cleanup_json struct json *binding = member_object_render(ledger, ROLE_BINDING, rights);
	cleanup_json struct json *metrics = member_object_render(ledger, METRICS_BINDING, rights);

	(void)state;
	assert_matches(binding,
		       "{'apiVersion':'rbac.authorization.k8s.io/v1','kind':'RoleBinding',"
		       "'metadata':{'namespace':'apps'},'roleRef':{"
		       "'apiGroup':'rbac.authorization.k8s.io','kind':'Role'},"
		       "'subjects':[{'kind':'ServiceAccount','namespace':'credbroker-identities',"
		       "'name':'reader','apiGroup':null}]}");
	assert_string_equal(json_find_string(binding, "roleRef", "name"),
			    ledger->objects[ROLE].name);
	assert_string_equal(json_find_string(metrics, "roleRef", "name"),
			    ledger->objects[CLUSTER_ROLE].name);
	assert_object(VIEW_BINDING, "{'kind':'ClusterRoleBinding','metadata':{'namespace':null},"
				    "'roleRef':{'kind':'ClusterRole','name':'view'}}");
}

static void member_object_binds_existing__knows_whose_role_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < OBJECTS; i++)
		assert_true(member_object_binds_existing(ledger, i) == (i == VIEW_BINDING));
}

static void member_object_render__marks_everything(void **state)
{
	(void)state;
	for (size_t i = 0; i < OBJECTS; i++) {
		const struct ledger_object *object = &ledger->objects[i];
		cleanup_json struct json *json = member_object_render(ledger, i, rights);
		char mark[DIGEST_SHORT_SIZE];

		ledger_mark(ledger, object->resource->kind, object->namespace, object->name, mark);
		assert_matches(json, "{'metadata':{'labels':{"
				     "'app.kubernetes.io/managed-by':'credbroker',"
				     "'credbroker.dev/hub-id':'hub-1',"
				     "'credbroker.dev/request-uid':'request-1'},"
				     "'annotations':{'credbroker.dev/request':'team-a/reader'}}}");
		assert_string_equal(
			json_find_string(json, "metadata", "annotations", "credbroker.dev/mark"),
			mark);
		assert_string_equal(json_find_string(json, "metadata", "annotations",
						     "credbroker.dev/requested-name"),
				    object->requested_name);
	}
}

static void member_object_render__gives_the_same_bytes_for_the_same_input(void **state)
{
	(void)state;
	for (size_t i = 0; i < OBJECTS; i++) {
		cleanup_json struct json *one = member_object_render(ledger, i, rights);
		cleanup_json struct json *other = member_object_render(ledger, i, rights);

		assert_true(json_equal(one, other));
	}
}

static struct json *live_object(size_t index, const char *changes)
{
	cleanup_json struct json *rendered = member_object_render(ledger, index, rights);
	cleanup_json struct json *patch = json_pattern_parse(changes);

	return json_pattern_merge(rendered, patch);
}

struct ownership {
	const char *sentence;
	const char *recorded_uid;
	const char *changes;
	bool ours;
};

static const struct ownership ownerships[] = {
	{"the mark proves it where no UID is recorded", NULL, "{'metadata':{'uid':'u-1'}}", true},
	{"an object without a UID is none", NULL, "{}", false},
	{"without the mark it is foreign, whatever its labels say", NULL,
	 "{'metadata':{'uid':'u-1','annotations':{'credbroker.dev/mark':null}}}", false},
	{"another mark is foreign", NULL,
	 "{'metadata':{'uid':'u-1','annotations':{'credbroker.dev/"
	 "mark':'aaaaaaaaaaaaaaaaaaaaaaaaaa'}}}",
	 false},
	{"the recorded UID proves it", "u-1",
	 "{'metadata':{'uid':'u-1','annotations':null,'labels':null}}", true},
	{"another UID is foreign, whatever its mark says", "u-1", "{'metadata':{'uid':'u-2'}}",
	 false},
};

static void member_object_is_ours__believes_uid_and_mark_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ownerships) / sizeof(ownerships[0]); i++) {
		const struct ownership *row = &ownerships[i];
		cleanup_json struct json *live = live_object(ACCOUNT, row->changes);

		ledger->objects[ACCOUNT].uid = memory_text(row->recorded_uid);
		if (member_object_is_ours(ledger, ACCOUNT, live) != row->ours)
			fail_msg("%s", row->sentence);
		memory_free(TAKE_PTR(ledger->objects[ACCOUNT].uid));
	}
	assert_false(member_object_is_ours(ledger, ACCOUNT, NULL));
}

/* A mark that was read from one of our objects is worth nothing on another. */
static void member_object_is_ours__takes_no_mark_of_another_object(void **state)
{
	cleanup_json struct json *role = live_object(ROLE, "{'metadata':{'uid':'u-1'}}");

	(void)state;
	assert_true(member_object_is_ours(ledger, ROLE, role));
	assert_false(member_object_is_ours(ledger, ROLE_BINDING, role));
	assert_false(member_object_is_ours(ledger, ACCOUNT, role));
}

static void member_object_is_intact__compares_what_gives_rights(void **state)
{
	static const struct {
		size_t index;
		const char *changes, *text;
	} rows[] = {
		{ROLE, "{'metadata':{'labels':null,'uid':'x','annotations':{'a':'b'}}}", NULL},
		{ROLE, "{'rules':[]}", "the member changed the rules of what was made"},
		{ROLE, "{'rules':null}", "the member changed the rules of what was made"},
		{ROLE_BINDING, "{'roleRef':{'name':'cluster-admin'}}",
		 "the member changed the roleRef of what was made"},
		{ROLE_BINDING, "{'subjects':[]}",
		 "the member changed the subjects of what was made"},
		{ACCOUNT, "{'secrets':[{'name':'x'}]}", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_json struct json *intended =
			member_object_render(ledger, rows[i].index, rights);
		cleanup_json struct json *live = live_object(rows[i].index, rows[i].changes);
		struct error err = {0};
		bool intact = member_object_is_intact(intended, live, &err);

		assert_true(intact == (rows[i].text == NULL));
		assert_string_equal(err.text, rows[i].text ? rows[i].text : "");
		assert_int_equal(err.kind, intact ? ERROR_NONE : ERROR_CONFLICT);
	}
}

static void member_anchor_render__holds_nothing_and_goes_with_its_account(void **state)
{
	cleanup_free char *name = ledger_anchor_name(ledger, 7);
	cleanup_json struct json *anchor = NULL;

	(void)state;
	ledger->objects[ACCOUNT].uid = memory_text("account-1");
	anchor = member_anchor_render(ledger, 7);
	assert_matches(anchor, "{'apiVersion':'v1','kind':'Secret','type':'credbroker.dev/anchor',"
			       "'data':null,'stringData':null,'metadata':{"
			       "'namespace':'credbroker-identities','finalizers':null,"
			       "'ownerReferences':[{'apiVersion':'v1','kind':'ServiceAccount',"
			       "'name':'reader','uid':'account-1','controller':null,"
			       "'blockOwnerDeletion':null}],"
			       "'labels':{'app.kubernetes.io/managed-by':'credbroker'}}}");
	assert_string_equal(json_find_string(anchor, "metadata", "name"), name);
}

static void member_token_request_render__binds_to_anchor_and_identity_by_uid(void **state)
{
	cleanup_json struct json *body = NULL;
	cleanup_json struct json *expected = json_pattern_parse(
		"{'apiVersion':'authentication.k8s.io/v1','kind':'TokenRequest',"
		"'metadata':{'namespace':'credbroker-identities','name':'reader','uid':'account-1'}"
		","
		"'spec':{'audiences':['vault','kube'],'expirationSeconds':1200,"
		"'boundObjectRef':{'apiVersion':'v1','kind':'Secret','uid':'anchor-7'}}}");
	cleanup_free char *name = ledger_anchor_name(ledger, 7);
	struct json *reference = (struct json *)json_find(expected, "spec", "boundObjectRef");

	(void)state;
	ledger->objects[ACCOUNT].uid = memory_text("account-1");
	body = member_token_request_render(ledger, request, 7, "anchor-7");
	json_add_string(reference, "name", name);
	assert_true(json_equal(body, expected));
}

static void member_username__is_the_one_that_tokens_carry(void **state)
{
	cleanup_free char *username = member_username(ledger);
	cleanup_json struct json *review = member_review_render();

	(void)state;
	assert_string_equal(username, "system:serviceaccount:credbroker-identities:reader");
	assert_matches(review,
		       "{'apiVersion':'authentication.k8s.io/v1','kind':'SelfSubjectReview'}");
}

static void assert_uid(const char *pattern, const char *expected)
{
	cleanup_json struct json *live = json_pattern_parse(pattern);
	const char *uid = member_object_uid(live);

	if (expected)
		assert_string_equal(uid, expected);
	else
		assert_null(uid);
}

static void member_object_uid__is_one_that_the_ledger_can_hold(void **state)
{
	char longest[129] = {0};
	char pattern[200];

	(void)state;
	assert_uid("{'metadata':{'uid':'2f1a-7'}}", "2f1a-7");
	assert_uid("{'metadata':{'uid':''}}", NULL);
	assert_uid("{'metadata':{'uid':7}}", NULL);
	assert_uid("{'metadata':{}}", NULL);
	assert_uid("{'metadata':{'uid':'a b'}}", NULL);
	assert_uid("{'metadata':{'uid':'a\\nb'}}", NULL);
	assert_uid("{'metadata':{'uid':'a\u00e4'}}", NULL);
	memset(longest, 'u', 128);
	snprintf(pattern, sizeof(pattern), "{'metadata':{'uid':'%s'}}", longest);
	assert_uid(pattern, longest);
	snprintf(pattern, sizeof(pattern), "{'metadata':{'uid':'%su'}}", longest);
	assert_uid(pattern, NULL);
	assert_null(member_object_uid(NULL));
}

static void assert_difference(size_t index, const char *changes, const char *difference)
{
	cleanup_json struct json *intended = member_object_render(ledger, index, rights);
	cleanup_json struct json *patch = json_pattern_parse(changes);
	cleanup_json struct json *live = json_pattern_merge(intended, patch);
	char wanted[DIGEST_SHORT_SIZE];
	char digest[DIGEST_SHORT_SIZE];

	if (!text_same(member_object_difference(intended, live), difference))
		fail_msg("%s: %s", changes, member_object_difference(intended, live));
	member_object_digest(intended, wanted);
	member_object_digest(live, digest);
	assert_int_equal(strcmp(wanted, digest) == 0, difference == NULL);
}

static void member_object_difference__is_what_makes_it_ours_and_what_it_gives(void **state)
{
	(void)state;
	assert_difference(ROLE, "{'rules':[{'apiGroups':['*'],'verbs':['*']}]}", "rules");
	assert_difference(ROLE, "{'rules':null}", "rules");
	assert_difference(CLUSTER_ROLE, "{'aggregationRule':{'clusterRoleSelectors':[]}}",
			  "aggregationRule");
	assert_difference(ROLE_BINDING, "{'subjects':[]}", "subjects");
	assert_difference(ROLE_BINDING, "{'roleRef':{'name':'admin'}}", "roleRef");
	assert_difference(ACCOUNT, "{'metadata':{'labels':null}}", "labels");
	assert_difference(ACCOUNT, "{'metadata':{'labels':{'app.kubernetes.io/managed-by':'me'}}}",
			  "labels");
	assert_difference(ROLE, "{'metadata':{'labels':{'credbroker.dev/hub-id':'hub-2'}}}",
			  "labels");
	assert_difference(ROLE, "{'metadata':{'labels':{'credbroker.dev/request-uid':null}}}",
			  "labels");
	assert_difference(ROLE, "{'metadata':{'annotations':{'credbroker.dev/mark':'x'}}}",
			  "annotations");
}

static void member_object_difference__leaves_to_others_what_is_theirs(void **state)
{
	(void)state;
	for (size_t i = 0; i < OBJECTS; i++)
		assert_difference(i,
				  "{'metadata':{'uid':'1','resourceVersion':'7','labels':{'a':'b'},"
				  "'annotations':{'a':'b','credbroker.dev/request':null},"
				  "'ownerReferences':[{}],'managedFields':[{}],'finalizers':['a']},"
				  "'automountServiceAccountToken':true,'secrets':[{'name':'a'}]}",
				  NULL);
}

static void assert_editor(const char *managed_fields, const char *editor)
{
	cleanup_json struct json *list = json_pattern_parse(managed_fields);
	cleanup_json struct json *live = json_object_new();

	json_add_copy(json_add_object(live, "metadata"), "managedFields", list);
	if (!text_same(member_object_editor(live), editor))
		fail_msg("%s: %s", managed_fields, member_object_editor(live));
}

static void member_object_editor__is_the_last_one_but_us(void **state)
{
	(void)state;
	assert_editor("[]", NULL);
	assert_editor("7", NULL);
	assert_editor("[{'manager':'credbroker','time':'2026-03-01T12:00:00Z'}]", NULL);
	assert_editor("[{'manager':'kubectl-edit','time':'2026-03-01T12:00:00Z'},"
		      "{'manager':'argocd','time':'2026-03-01T13:00:00Z'},"
		      "{'manager':'credbroker','time':'2026-03-01T14:00:00Z'}]",
		      "argocd");
	assert_editor("[{'manager':'argocd','time':'2026-03-01T13:00:00Z'},"
		      "{'manager':'kubectl-edit','time':'2026-03-01T12:00:00Z'}]",
		      "argocd");
	assert_editor("[{'manager':'two words','time':'2026-03-01T13:00:00Z'}]", NULL);
	assert_editor("[{'manager':'a\\nb','time':'2026-03-01T13:00:00Z'}]", NULL);
	assert_editor("[{'manager':'','time':'2026-03-01T13:00:00Z'}]", NULL);
	assert_editor("[{'manager':'kubectl','time':7},{'manager':7},{},7]", NULL);
}

static void member_objects_selector__is_for_one_hub(void **state)
{
	cleanup_free char *selector = member_objects_selector("hub-1");

	(void)state;
	assert_string_equal(selector,
			    "app.kubernetes.io/managed-by=credbroker,credbroker.dev/hub-id=hub-1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(member_object_render__makes_an_identity_that_is_not_mounted),
		TEST(member_object_render__makes_roles_with_the_rules_asked_for),
		TEST(member_object_render__binds_derived_roles_and_existing_ones),
		TEST(member_object_binds_existing__knows_whose_role_it_is),
		TEST(member_object_render__marks_everything),
		TEST(member_object_render__gives_the_same_bytes_for_the_same_input),
		TEST(member_object_is_ours__believes_uid_and_mark_alone),
		TEST(member_object_is_ours__takes_no_mark_of_another_object),
		TEST(member_object_uid__is_one_that_the_ledger_can_hold),
		TEST(member_object_is_intact__compares_what_gives_rights),
		TEST(member_object_difference__is_what_makes_it_ours_and_what_it_gives),
		TEST(member_object_difference__leaves_to_others_what_is_theirs),
		TEST(member_object_editor__is_the_last_one_but_us),
		TEST(member_objects_selector__is_for_one_hub),
		TEST(member_anchor_render__holds_nothing_and_goes_with_its_account),
		TEST(member_token_request_render__binds_to_anchor_and_identity_by_uid),
		TEST(member_username__is_the_one_that_tokens_carry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
