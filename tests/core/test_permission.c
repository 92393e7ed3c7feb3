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

#include "broker/core/hub_state.h"
#include "broker/core/kube_path.h"
#include "broker/core/permission.h"
#include "broker/core/request.h"
#include "broker/core/rights.h"
#include "broker/core/store.h"
#include "support/json_pattern.h"
#include "support/sample_policy.h"
#include "support/sample_request.h"

#define PROFILE     "fleet-system/member-1"
#define RULES(verb) "'rules':[{'apiGroups':[''],'resources':['pods'],'verbs':['" verb "']}]"
/* A template with a role in the namespace that is a parameter. */
#define JOBS                                                                                       \
	"{'metadata':{'name':'jobs','uid':'t-1'},'spec':{'parameters':[{'name':'where'}],"         \
	"'roles':[{'namespace':'$(where)','name':'runner'," RULES("get") "}]}}"
#define ASK_JOBS(where)                                                                            \
	"{'spec':{'templates':[{'name':'jobs','parameters':[{'name':'where','value':'" where       \
	"'}]}]}}"
#define ALLOW(what) "{'spec':{'allow':{" what "}}}"

/* What the watches show of the hub: the sample policy, its namespace, and the ClusterProfile. */
static struct hub_state seen;
static struct permission_basis basis;
static struct permission permission;

static void show(const struct kube_resource *resource, const char *key, const char *object)
{
	cleanup_json struct json *json = json_pattern_parse(object);

	if (!hub_state_put(&seen, resource, key, json))
		fail_msg("%s", object);
}

static void show_policy(const char *name, const char *changes)
{
	cleanup_json struct json *object = sample_policy_json(changes);

	json_add_string((struct json *)json_find(object, "metadata"), "name", name);
	if (!hub_state_put(&seen, &KUBE_ACCESS_POLICIES, name, object))
		fail_msg("%s", changes);
}

static void show_profile(const char *labels, const char *manager)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "{'metadata':{'uid':'p-1','labels':%s},'spec':{'clusterManager':{'name':'%s'}}}",
		 labels, manager);
	show(&KUBE_CLUSTER_PROFILES, PROFILE, text);
}

static int setup(void **state)
{
	(void)state;
	hub_state_init(&seen);
	basis = (struct permission_basis){
		.policies = seen.policies,
		.namespaces = seen.namespaces,
		.profiles = seen.profiles,
		.identity_namespaces = seen.identity_namespaces,
		.broker_namespace = "credbroker-system",
		.identity_namespace = "credbroker-identities",
	};
	show_policy(SAMPLE_POLICY_NAME, "{}");
	show(&KUBE_NAMESPACES, "team-a", "{'metadata':{'uid':'n-1','labels':{'team':'a'}}}");
	show_profile("{'env':'dev'}", "ocm");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	permission_done(&permission);
	hub_state_done(&seen);
	return 0;
}

/* Decides on the sample request with CHANGES. */
static void decide(const char *changes)
{
	struct request *request = sample_request(changes);
	struct error err = {0};
	struct rights *rights = rights_gather(request, &seen, PROFILE, &err);

	assert_string_equal(request->invalid, "");
	permission_decide(&permission, &basis, request, rights, PROFILE);
	rights_free(rights);
	request_free(request);
}

static void assert_allowed_by(const char *policy)
{
	assert_true(permission.allowed);
	assert_true(text_same(permission.policy, policy));
	assert_null(permission.reason);
	assert_string_equal(permission.text, "");
}

static void assert_denied(const char *reason)
{
	assert_false(permission.allowed);
	assert_null(permission.policy);
	assert_true(text_same(permission.reason, reason));
	assert_true(permission.text[0] != '\0');
}

struct row {
	const char *sentence;
	const char *policy;
	const char *request;
	const char *reason; /* NULL: it is allowed */
};

static const struct row rows[] = {
	{"the sample is allowed", "{}", "{}", NULL},

	{"a policy for other namespaces", "{'spec':{'subjects':[{'namespaces':['team-b']}]}}", "{}",
	 "PolicyMissing"},
	{"the labels of the namespace are known",
	 "{'spec':{'subjects':[{'namespaceSelector':{'matchLabels':{'team':'a'}}}]}}", "{}", NULL},
	{"other labels are not its",
	 "{'spec':{'subjects':[{'namespaceSelector':{'matchLabels':{'team':'b'}}}]}}", "{}",
	 "PolicyMissing"},
	{"nobody is known to have asked", "{'spec':{'subjects':[{'users':['jane']}]}}", "{}",
	 "PolicyMissing"},
	{"profiles of another namespace", "{'spec':{'clusterProfiles':[{'namespaces':['fleet']}]}}",
	 "{}", "PolicyMissing"},
	{"the profile by its name", "{'spec':{'clusterProfiles':[{'names':['member-1']}]}}", "{}",
	 NULL},
	{"another profile", "{'spec':{'clusterProfiles':[{'names':['ember-1']}]}}", "{}",
	 "PolicyMissing"},
	{"the labels of the profile are known",
	 "{'spec':{'clusterProfiles':[{'selector':{'matchLabels':{'env':'dev'}}}]}}", "{}", NULL},
	{"other labels of the profile",
	 "{'spec':{'clusterProfiles':[{'selector':{'matchLabels':{'env':'prod'}}}]}}", "{}",
	 "PolicyMissing"},
	{"its manager is known", "{'spec':{'clusterProfiles':[{'clusterManagers':['ocm']}]}}", "{}",
	 NULL},
	{"another manager", "{'spec':{'clusterProfiles':[{'clusterManagers':['other']}]}}", "{}",
	 "PolicyMissing"},

	{"an identity that is not listed", ALLOW("'identities':[{'namespace':'ids'}]"), "{}",
	 "IdentityNotAllowed"},
	{"without a list only the default namespace", "{}",
	 "{'spec':{'serviceAccountNamespace':'ids'}}", "IdentityNotAllowed"},
	{"the default namespace may be said", "{}",
	 "{'spec':{'serviceAccountNamespace':'credbroker-identities'}}", NULL},
	{"an identity that is listed", ALLOW("'identities':[{'namespace':'ids'}]"),
	 "{'spec':{'serviceAccountNamespace':'ids'}}", NULL},
	{"an identity that is listed by name",
	 ALLOW("'identities':[{'namespace':'credbroker-identities','names':['reader']}]"), "{}",
	 NULL},
	{"another name",
	 ALLOW("'identities':[{'namespace':'credbroker-identities','names':['reader']}]"),
	 "{'spec':{'serviceAccountName':'writer'}}", "IdentityNotAllowed"},

	{"a template that is not listed", "{}", ASK_JOBS("apps"), "TemplateNotAllowed"},
	{"a template that is listed",
	 ALLOW("'templates':[{'name':'jobs','parameters':[{'name':'where','values':['apps']}]}]"),
	 ASK_JOBS("apps"), NULL},
	{"another value of its parameter",
	 ALLOW("'templates':[{'name':'jobs','parameters':[{'name':'where','values':['apps']}]}]"),
	 ASK_JOBS("apps-2"), "TemplateNotAllowed"},
	{"one of two templates is not listed", ALLOW("'templates':[{'name':'jobs'}]"),
	 "{'spec':{'templates':[{'name':'jobs'},{'name':'other'}]}}", "TemplateNotAllowed"},

	{"rules above the ceiling", ALLOW("'clusterRules':null"), "{}", "RulesNotAllowed"},
	{"rules within the ceiling of their namespace",
	 ALLOW("'clusterRules':null,'namespacedRules':[{'namespaces':['apps'],'rules':[{"
	       "'apiGroups':[''],'resources':['pods'],'verbs':['get','list']}]}]"),
	 "{}", NULL},
	{"rules of another namespace",
	 ALLOW("'clusterRules':null,'namespacedRules':[{'namespaces':['apps'],'rules':[{"
	       "'apiGroups':[''],'resources':['pods'],'verbs':['get','list']}]}]"),
	 "{'spec':{'roles':[{'namespace':'other','name':'r'," RULES("get") "}]}}",
	 "RulesNotAllowed"},
	{"the second role is looked at",
	 ALLOW("'clusterRules':[{'apiGroups':[''],'resources':['pods'],'verbs':['get']}]"),
	 "{'spec':{'roles':[{'namespace':'apps','name':'r'," RULES(
		 "get") "}],"
			"'clusterRoles':[{'name':'c'," RULES("delete") "}]}}",
	 "RulesNotAllowed"},
	{"a danger", "{}", "{'spec':{'clusterRoles':[{'name':'c'," RULES("*") "}]}}",
	 "RulesNotAllowed"},
	{"rules of templates are not those of the request",
	 ALLOW("'clusterRules':null,'templates':[{'name':'jobs','parameters':[{'name':'where','"
	       "values':['apps']}]}]"),
	 "{'spec':{'roles':null,'templates':[{'name':'jobs','parameters':[{'name':'where',"
	 "'value':'apps'}]}]}}",
	 NULL},

	{"an existing role that is not listed", ALLOW("'clusterRoles':null"), "{}",
	 "RoleNotAllowed"},
	{"the second existing role", "{}",
	 "{'spec':{'clusterRoles':[{'name':'view'},{'name':'admin'}]}}", "RoleNotAllowed"},
	{"a Role is no ClusterRole", "{}",
	 "{'spec':{'roles':[{'namespace':'apps','name':'view'}]}}", "RoleNotAllowed"},
	{"a Role that is listed", ALLOW("'roles':[{'namespace':'apps','name':'deployer'}]"),
	 "{'spec':{'roles':[{'namespace':'apps','name':'deployer'}]}}", NULL},

	{"an audience that is listed", "{}", "{'spec':{'credential':{'audiences':['vault']}}}",
	 NULL},
	{"an audience that is not", "{}", "{'spec':{'credential':{'audiences':['vault','x']}}}",
	 "AudienceNotAllowed"},

	{"the usual lifetime is an hour", ALLOW("'lifetime':null"), "{}", NULL},
	{"a longer one", ALLOW("'lifetime':null"),
	 "{'spec':{'credential':{'expirationSeconds':3601}}}", "LifetimeNotAllowed"},
	{"a shorter one", ALLOW("'lifetime':{'minSeconds':3601,'maxSeconds':7200}"), "{}",
	 "LifetimeNotAllowed"},

	{"a kubeconfig is what is made", ALLOW("'formats':['Kubeconfig']"), "{}", NULL},
	{"the namespace of the request is where it goes",
	 ALLOW("'destinationNamespaces':['team-a']"), "{}", NULL},
	{"another destination", ALLOW("'destinationNamespaces':['team-b']"), "{}",
	 "DestinationNotAllowed"},
};

static void permission_decide__asks_everything(void **state)
{
	(void)state;
	show(&KUBE_RBAC_TEMPLATES, "jobs", JOBS);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		show_policy(SAMPLE_POLICY_NAME, rows[i].policy);
		decide(rows[i].request);
		if (permission.allowed != !rows[i].reason ||
		    !text_same(permission.reason, rows[i].reason))
			fail_msg("%s: %s %s", rows[i].sentence,
				 permission.reason ? permission.reason : "allowed",
				 permission.text);
	}
}

struct place {
	const char *sentence;
	const char *where;
	const char *allowed; /* protectedNamespaces; NULL: none */
	bool protected;
};

static const struct place places[] = {
	{"a namespace like others", "apps", NULL, false},
	{"a system's", "kube-system", NULL, true},
	{"a system's that is allowed by name", "kube-system", "kube-system", false},
	{"the broker's own", "credbroker-system", NULL, true},
	{"that of identities", "credbroker-identities", NULL, true},
	{"where another policy lets identities be", "robots", NULL, true},
	{"where identities may be, allowed by name", "robots", "robots", false},
	{"the operator's first pattern", "vault", NULL, true},
	{"the operator's second pattern", "infra-dns", NULL, true},
	{"what only begins like it", "infra", NULL, false},
	{"the operator's, allowed by name", "infra-dns", "infra-dns", false},
};

/* The request is BEFORE, the namespace, and AFTER. */
static void decide_on_places(const char *before, const char *after)
{
	static const char *const patterns[] = {"vault", "infra-*"};

	basis.protected_patterns = patterns;
	basis.protected_count = 2;
	show_policy("of-others", "{'spec':{'subjects':[{'namespaces':['team-z']}],'allow':{"
				 "'identities':[{'namespace':'robots'}]}}}");
	hub_state_learn_identities(&seen);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char allow[512];
		char request[512];

		snprintf(allow, sizeof(allow),
			 ALLOW("'templates':[{'name':'jobs','parameters':[{'name':'where','values':"
			       "['%s']}]}],'protectedNamespaces':[%s%s%s],"
			       "'roles':[{'namespace':'%s','name':'deployer'}]"),
			 places[i].where, places[i].allowed ? "'" : "",
			 places[i].allowed ? places[i].allowed : "", places[i].allowed ? "'" : "",
			 places[i].where);
		show_policy(SAMPLE_POLICY_NAME, allow);
		snprintf(request, sizeof(request), "%s%s%s", before, places[i].where, after);
		decide(request);
		if (permission.allowed == places[i].protected ||
		    (places[i].protected && !text_same(permission.reason, "NamespaceProtected")))
			fail_msg("%s: %s %s", places[i].sentence,
				 permission.reason ? permission.reason : "allowed",
				 permission.text);
	}
}

static void permission_decide__protects_namespaces_from_written_rules(void **state)
{
	(void)state;
	decide_on_places("{'spec':{'roles':[{'namespace':'", "','name':'r'," RULES("get") "}]}}");
}

static void permission_decide__protects_namespaces_from_existing_roles(void **state)
{
	(void)state;
	decide_on_places("{'spec':{'roles':[{'namespace':'", "','name':'deployer'}]}}");
}

static void permission_decide__protects_namespaces_from_templates(void **state)
{
	(void)state;
	show(&KUBE_RBAC_TEMPLATES, "jobs", JOBS);
	decide_on_places("{'spec':{'templates':[{'name':'jobs','parameters':[{'name':'where',"
			 "'value':'",
			 "'}]}]}}");
}

static void permission_decide__protects_every_namespace_of_a_template(void **state)
{
	(void)state;
	show(&KUBE_RBAC_TEMPLATES, "jobs",
	     "{'metadata':{'name':'jobs','uid':'t-1'},'spec':{'clusterRoles':[{'name':'c'"
	     "," RULES("get") "}],'roles':[{'namespace':'apps','name':'a'," RULES(
		     "get") "},{'namespace':'kube-system','name':'b'," RULES("get") "}]}}");
	show_policy(SAMPLE_POLICY_NAME, ALLOW("'templates':[{'name':'jobs'}]"));
	decide("{'spec':{'templates':[{'name':'jobs'}]}}");
	assert_denied("NamespaceProtected");
	assert_non_null(strstr(permission.text, "kube-system"));
}

static void permission_decide__protects_the_identities_without_a_broker_namespace(void **state)
{
	(void)state;
	basis.broker_namespace = NULL;
	decide("{'spec':{'roles':[{'namespace':'credbroker-identities','name':'r'," RULES(
		"get") "}]}}");
	assert_denied("NamespaceProtected");
	decide("{'spec':{'roles':[{'namespace':'credbroker-system','name':'r'," RULES(
		"get") "}]}}");
	assert_allowed_by(SAMPLE_POLICY_NAME);
}

/* The namespace of the identities is the operator's word, not what a request names. */
static void permission_decide__takes_the_default_of_the_operator(void **state)
{
	(void)state;
	basis.identity_namespace = "ids";
	decide("{}");
	assert_allowed_by(SAMPLE_POLICY_NAME);
	decide("{'spec':{'serviceAccountNamespace':'credbroker-identities'}}");
	assert_denied("IdentityNotAllowed");
	assert_non_null(strstr(permission.text, "credbroker-identities/reader"));
}

/* A flag of another start must not decide on a credential that lives elsewhere. */
static void permission_decide__is_about_the_identity_on_record(void **state)
{
	(void)state;
	basis.identity_namespace = "ids";
	basis.made_in = "credbroker-identities";
	decide("{}");
	assert_denied("IdentityNotAllowed");
	basis.made_in = "ids";
	decide("{}");
	assert_allowed_by(SAMPLE_POLICY_NAME);
	basis.identity_namespace = "elsewhere";
	decide("{'spec':{'roles':[{'namespace':'ids','name':'r'," RULES("get") "}]}}");
	assert_denied("IdentityNotAllowed");
	show_policy(SAMPLE_POLICY_NAME, ALLOW("'identities':[{'namespace':'ids'}]"));
	decide("{'spec':{'roles':[{'namespace':'ids','name':'r'," RULES("get") "}]}}");
	assert_denied("NamespaceProtected");
}

static void permission_decide__knows_no_labels_of_what_is_not_shown(void **state)
{
	static const char *const by_label[] = {
		"{'spec':{'subjects':[{'namespaceSelector':{'matchExpressions':["
		"{'key':'team','operator':'NotIn','values':['b']}]}}]}}",
		"{'spec':{'clusterProfiles':[{'selector':{'matchExpressions':["
		"{'key':'env','operator':'NotIn','values':['prod']}]}}]}}",
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		show_policy(SAMPLE_POLICY_NAME, by_label[i]);
		decide("{}");
		assert_allowed_by(SAMPLE_POLICY_NAME);
	}
	store_remove(seen.namespaces, "team-a");
	store_remove(seen.profiles, PROFILE);
	for (int i = 0; i < 2; i++) {
		show_policy(SAMPLE_POLICY_NAME, by_label[i]);
		decide("{}");
		assert_denied("PolicyMissing");
	}
	show_policy(SAMPLE_POLICY_NAME, "{}");
	decide("{}");
	assert_allowed_by(SAMPLE_POLICY_NAME);
}

/* Whether a template exists is told to nobody who may not use it. */
static void permission_decide__needs_no_template_to_deny_it(void **state)
{
	(void)state;
	decide("{'spec':{'templates':[{'name':'jobs'}]}}");
	assert_denied("TemplateNotAllowed");
	show_policy(SAMPLE_POLICY_NAME, ALLOW("'templates':[{'name':'jobs'}]"));
	decide("{'spec':{'templates':[{'name':'jobs'}]}}");
	assert_allowed_by(SAMPLE_POLICY_NAME);
}

static void permission_decide__names_the_policy_that_allows(void **state)
{
	(void)state;
	show_policy("a-closed", ALLOW("'clusterRoles':[]"));
	show_policy("z-open", "{}");
	decide("{}");
	assert_allowed_by(SAMPLE_POLICY_NAME);
	store_remove(seen.policies, SAMPLE_POLICY_NAME);
	decide("{}");
	assert_allowed_by("z-open");
	store_remove(seen.policies, "z-open");
	decide("{}");
	assert_denied("RoleNotAllowed");
	store_remove(seen.policies, "a-closed");
	decide("{}");
	assert_denied("PolicyMissing");
	show_policy("z-open", "{}");
	decide("{}");
	assert_allowed_by("z-open");
}

static void permission_decide__refuses_rules_that_cannot_be_weighed(void **state)
{
	(void)state;
	decide("{'spec':{'roles':[{'namespace':'apps','name':'odd','rules':["
	       "{'verbs':['get'],'resources':['pods']}]}]}}");
	assert_denied("RulesNotAllowed");
	assert_non_null(strstr(permission.text, "role \"odd\""));
}

static void permission_decide__looks_at_nothing_but_the_spec(void **state)
{
	(void)state;
	show_policy(SAMPLE_POLICY_NAME,
		    "{'spec':{'subjects':[{'namespaceSelector':{'matchLabels':{'team':'b'}}}]}}");
	decide("{'metadata':{'labels':{'team':'b'},'annotations':{'team':'b'}},"
	       "'status':{'conditions':[{'type':'Ready','status':'True'}]}}");
	assert_denied("PolicyMissing");
}

static void permission_decide__takes_a_requester_who_is_given(void **state)
{
	static const char *const groups[] = {"dev", "ops"};

	(void)state;
	show_policy(SAMPLE_POLICY_NAME,
		    "{'spec':{'subjects':[{'users':['jane'],'groups':['ops']}]}}");
	basis.groups = groups;
	basis.group_count = 2;
	decide("{}");
	assert_denied("PolicyMissing");
	basis.username = "jane";
	decide("{}");
	assert_allowed_by(SAMPLE_POLICY_NAME);
	basis.group_count = 1;
	decide("{}");
	assert_denied("PolicyMissing");
}

/* Settles on the sample request with CHANGES; returns its rights. */
static struct rights *settle(const char *changes, struct error *err)
{
	struct request *request = sample_request(changes);
	struct rights *rights = NULL;

	permission_settle(&permission, &basis, request, &seen, PROFILE, &rights, err);
	request_free(request);
	return rights;
}

static void permission_settle__fills_in_what_names_allow_and_no_more(void **state)
{
	struct error err = {0};
	struct rights *rights = settle(ASK_JOBS("apps"), &err);

	(void)state;
	assert_denied("TemplateNotAllowed");
	assert_null(rights);
	show_policy(SAMPLE_POLICY_NAME, ALLOW("'templates':[{'name':'jobs'}]"));
	rights = settle("{'spec':{'templates':[{'name':'jobs'}]}}", &err);
	assert_allowed_by(SAMPLE_POLICY_NAME);
	assert_null(rights);
	assert_string_equal(rights_problem(&err), "TemplateNotFound");

	show(&KUBE_RBAC_TEMPLATES, "jobs", JOBS);
	rights = settle("{'spec':{'templates':[{'name':'jobs'}]}}", &err);
	assert_null(rights);
	assert_string_equal(rights_problem(&err), "TemplateInvalid");
}

static void permission_settle__looks_at_where_templates_make_roles(void **state)
{
	struct error err = {0};
	struct rights *rights;

	(void)state;
	show(&KUBE_RBAC_TEMPLATES, "jobs", JOBS);
	show_policy(SAMPLE_POLICY_NAME,
		    ALLOW("'templates':[{'name':'jobs','parameters':[{"
			  "'name':'where','values':['apps','kube-system']}]}]"));
	rights = settle(ASK_JOBS("apps"), &err);
	assert_allowed_by(SAMPLE_POLICY_NAME);
	assert_int_equal(rights->count, 3);
	rights_free(rights);
	rights = settle(ASK_JOBS("kube-system"), &err);
	assert_denied("NamespaceProtected");
	assert_non_null(rights);
	rights_free(rights);
}

static void permission_done__leaves_it_denied(void **state)
{
	(void)state;
	decide("{}");
	assert_true(permission.allowed);
	permission_done(&permission);
	assert_false(permission.allowed);
	assert_null(permission.policy);
	permission_done(&permission);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(permission_decide__asks_everything),
		TEST(permission_decide__protects_namespaces_from_written_rules),
		TEST(permission_decide__protects_namespaces_from_existing_roles),
		TEST(permission_decide__protects_namespaces_from_templates),
		TEST(permission_decide__protects_every_namespace_of_a_template),
		TEST(permission_decide__protects_the_identities_without_a_broker_namespace),
		TEST(permission_decide__takes_the_default_of_the_operator),
		TEST(permission_decide__is_about_the_identity_on_record),
		TEST(permission_decide__knows_no_labels_of_what_is_not_shown),
		TEST(permission_decide__needs_no_template_to_deny_it),
		TEST(permission_decide__names_the_policy_that_allows),
		TEST(permission_decide__refuses_rules_that_cannot_be_weighed),
		TEST(permission_decide__looks_at_nothing_but_the_spec),
		TEST(permission_decide__takes_a_requester_who_is_given),
		TEST(permission_settle__fills_in_what_names_allow_and_no_more),
		TEST(permission_settle__looks_at_where_templates_make_roles),
		TEST(permission_done__leaves_it_denied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
