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
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "broker/core/hub_state.h"
#include "broker/core/kube_path.h"
#include "broker/core/ledger.h"
#include "broker/core/request.h"
#include "broker/core/rights.h"
#include "support/json_pattern.h"
#include "support/sample_request.h"

#define PROFILE      "fleet-system/member-1"
#define RULES(verb)  "'rules':[{'apiGroups':[''],'resources':['pods'],'verbs':['" verb "']}]"
#define ASK(items)   "{'spec':{'templates':[" items "]}}"
#define ALONE(items) "{'spec':{'roles':null,'clusterRoles':null,'templates':[" items "]}}"

static struct hub_state seen;
static struct rights *rights;
static struct error failure;

static void show_template(const char *name, const char *spec)
{
	cleanup_json struct json *object = json_pattern_parse("{'metadata':{'uid':'t-1'}}");
	cleanup_json struct json *parsed = json_pattern_parse(spec);

	json_add_string((struct json *)json_find(object, "metadata"), "name", name);
	json_add_copy(object, "spec", parsed);
	if (!hub_state_put(&seen, &KUBE_RBAC_TEMPLATES, name, object))
		fail_msg("%s", spec);
}

static int setup(void **state)
{
	cleanup_json struct json *profile =
		json_pattern_parse("{'metadata':{'uid':'p-1','labels':{'env':'dev'}},"
				   "'status':{'properties':[{'name':'region','value':'north'}]}}");

	(void)state;
	hub_state_init(&seen);
	hub_state_put(&seen, &KUBE_CLUSTER_PROFILES, PROFILE, profile);
	failure = (struct error){0};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rights_free(TAKE_PTR(rights));
	hub_state_done(&seen);
	return 0;
}

static bool gather(const char *changes)
{
	struct request *request = sample_request(changes);

	assert_string_equal(request->invalid, "");
	rights_free(rights);
	failure = (struct error){0};
	rights = rights_gather(request, &seen, PROFILE, &failure);
	request_free(request);
	return rights != NULL;
}

/* EXPECTED has one "namespace/name" for each role, with a * behind one that has rules. */
static void assert_roles(const char *expected)
{
	cleanup_text struct text got = text_with_max(4096);

	if (!rights)
		fail_msg("%s", failure.text);
	for (size_t i = 0; i < rights->count; i++)
		text_appendf(&got, "%s%s/%s%s", i > 0 ? " " : "",
			     rights->roles[i].namespace ? rights->roles[i].namespace : "",
			     rights->roles[i].name, rights->roles[i].rules ? "*" : "");
	assert_string_equal(text_chars(&got), expected);
}

static void assert_refused(enum error_kind kind, const char *text)
{
	assert_null(rights);
	assert_int_equal(failure.kind, kind);
	assert_string_equal(failure.text, text);
}

static void rights_gather__of_a_request_without_templates(void **state)
{
	(void)state;
	assert_true(gather("{}"));
	assert_roles("apps/pod-reader* /view");
	assert_int_equal(rights->inline_count, 2);
	assert_true(gather("{'spec':{'roles':null,'clusterRoles':null}}"));
	assert_int_equal(rights->count, 0);
}

static void rights_gather__puts_the_requests_own_first(void **state)
{
	(void)state;
	show_template(
		"jobs",
		"{'clusterRoles':[{'name':'c'," RULES(
			"get") "}],"
			       "'roles':[{'namespace':'b','name':'r'," RULES(
				       "get") "},{'namespace':'a','name':'r'," RULES("get") "}]}");
	show_template("logs", "{'clusterRoles':[{'name':'c'," RULES("list") "}]}");
	assert_true(gather(ASK("{'name':'logs'},{'name':'jobs'}")));
	assert_roles("apps/pod-reader* /view /logs:c* b/jobs:r* a/jobs:r* /jobs:c*");
	assert_int_equal(rights->inline_count, 2);
	assert_non_null(strstr(rights->roles[2].rules, "list"));
	assert_null(strstr(rights->roles[5].rules, "list"));
}

static void rights_gather__calls_existing_roles_by_their_names(void **state)
{
	(void)state;
	show_template("jobs", "{'clusterRoles':[{'name':'admin'}],"
			      "'roles':[{'namespace':'a','name':'deployer'}]}");
	assert_true(gather(ALONE("{'name':'jobs'}")));
	assert_roles("a/deployer /admin");
	assert_int_equal(rights->inline_count, 0);
}

static void rights_gather__takes_what_is_asked_for_twice_once(void **state)
{
	(void)state;
	show_template("jobs", "{'clusterRoles':[{'name':'view'},{'name':'c'," RULES("get") "}]}");
	show_template("logs", "{'clusterRoles':[{'name':'view'},{'name':'edit'}]}");
	assert_true(gather(ASK("{'name':'jobs'},{'name':'logs'},{'name':'jobs'}")));
	assert_roles("apps/pod-reader* /view /jobs:c* /edit");
	assert_int_equal(rights->inline_count, 2);
}

/* An object has one content: nothing that was asked for is left out without a word. */
static void rights_gather__refuses_a_role_with_two_contents(void **state)
{
	(void)state;
	show_template("jobs", "{'parameters':[{'name':'verb'}],'clusterRoles':[{'name':'c',"
			      "'rules':[{'apiGroups':[''],'resources':['pods'],"
			      "'verbs':['$(verb)']}]}]}");
	show_template("logs", "{'clusterRoles':[{'name':'own'}]}");
	assert_true(gather(ALONE("{'name':'jobs','parameters':[{'name':'verb','value':'get'}]},"
				 "{'name':'jobs','parameters':[{'name':'verb','value':'get'}]}")));
	assert_roles("/jobs:c*");
	gather(ALONE("{'name':'jobs','parameters':[{'name':'verb','value':'get'}]},"
		     "{'name':'jobs','parameters':[{'name':'verb','value':'list'}]}"));
	assert_refused(ERROR_INVALID, "template jobs: role \"jobs:c\" is there already, otherwise");
	gather("{'spec':{'clusterRoles':[{'name':'own'," RULES(
		"get") "}],"
		       "'templates':[{'name':'logs'}]}}");
	assert_refused(ERROR_INVALID, "template logs: role \"own\" is there already, otherwise");
}

static void rights_gather__fills_in_parameters_and_the_profile(void **state)
{
	(void)state;
	show_template("jobs", "{'parameters':[{'name':'where'}],'variables':["
			      "{'name':'env','from':{'label':'env'}},"
			      "{'name':'region','from':{'property':'region'}},"
			      "{'name':'profile','from':{'field':'name'}},"
			      "{'name':'home','from':{'field':'namespace'}}],"
			      "'roles':[{'namespace':'$(where)','name':'w'," RULES(
				      "get") "},{'namespace':'$(env)','name':'e'},"
					     "{'namespace':'$(region)','name':'r'},"
					     "{'namespace':'$(profile)','name':'p'},"
					     "{'namespace':'$(home)','name':'h'}]}");
	gather(ALONE("{'name':'jobs','parameters':[{'name':'where','value':'apps'}]}"));
	assert_roles("apps/jobs:w* dev/e north/r member-1/p fleet-system/h");
}

static void rights_gather__wants_every_template(void **state)
{
	(void)state;
	show_template("jobs", "{'clusterRoles':[{'name':'admin'}]}");
	gather(ASK("{'name':'jobs'},{'name':'logs'}"));
	assert_refused(ERROR_NOT_FOUND, "there is no RBACTemplate logs");
}

static void rights_gather__wants_the_profile_only_for_templates(void **state)
{
	(void)state;
	hub_state_done(&seen);
	hub_state_init(&seen);
	show_template("jobs", "{'clusterRoles':[{'name':'admin'}]}");
	assert_true(gather("{}"));
	gather(ASK("{'name':'jobs'}"));
	assert_refused(ERROR_NOT_FOUND, "the ClusterProfile does not exist yet");
}

static void rights_gather__says_which_template_cannot_be_filled(void **state)
{
	(void)state;
	show_template("jobs", "{'parameters':[{'name':'where'}],"
			      "'roles':[{'namespace':'$(where)','name':'r'}]}");
	gather(ASK("{'name':'jobs'}"));
	assert_null(rights);
	assert_int_equal(failure.kind, ERROR_INVALID);
	assert_ptr_equal(strstr(failure.text, "template jobs: "), failure.text);
	assert_non_null(strstr(failure.text, "where"));
}

/* A template of COUNT ClusterRoles that are called PREFIX and a number. */
static void show_many(const char *name, const char *prefix, size_t count)
{
	cleanup_text struct text spec = text_with_max(4096);

	text_append(&spec, "{'clusterRoles':[");
	for (size_t i = 0; i < count; i++)
		text_appendf(&spec, "%s{'name':'%s-%zu'}", i > 0 ? "," : "", prefix, i);
	text_append(&spec, "]}");
	show_template(name, text_chars(&spec));
}

static void rights_gather__takes_as_many_roles_as_a_record_holds(void **state)
{
	struct request *request;
	struct ledger *ledger;

	(void)state;
	show_many("first", "a", 20);
	show_many("second", "b", 20);
	show_many("third", "c", RIGHTS_ROLES_MAX - 40);
	show_many("fourth", "d", 1);
	assert_true(gather(ALONE("{'name':'first'},{'name':'second'},{'name':'third'}")));
	assert_int_equal(rights->count, RIGHTS_ROLES_MAX);
	/* what is there already needs no room */
	assert_true(gather(
		ALONE("{'name':'first'},{'name':'second'},{'name':'third'},{'name':'first'}")));
	gather(ALONE("{'name':'first'},{'name':'second'},{'name':'third'},{'name':'fourth'}"));
	assert_refused(ERROR_INVALID, "template fourth: more than 47 roles in all");

	request = sample_request("{'spec':{'roles':null,'clusterRoles':null}}");
	gather(ALONE("{'name':'first'},{'name':'second'},{'name':'third'}"));
	for (size_t i = 0; i < rights->count; i++)
		rights->roles[i].rules = memory_text("[]");
	ledger = ledger_new(request, rights, &(struct ledger_plan){.hub_id = "hub-1"});
	assert_int_equal(ledger->object_count, 2 * RIGHTS_ROLES_MAX + 1);
	assert_true(ledger->object_count <= LEDGER_OBJECTS_MAX);
	assert_ptr_equal(rights_role(rights, &ledger->objects[RIGHTS_ROLES_MAX]),
			 &rights->roles[RIGHTS_ROLES_MAX - 1]);
	assert_null(rights_role(rights, &ledger->objects[0]));
	ledger_free(ledger);
	request_free(request);
}

/* The keys of many rules count for a role's cap, but not for the template's. */
static void rights_gather__takes_no_more_rules_than_a_role_may_have(void **state)
{
	cleanup_text struct text spec = text_with_max(1 << 17);

	(void)state;
	text_append(&spec, "{'clusterRoles':[{'name':'c','rules':[");
	for (int i = 0; i < 38; i++) {
		text_appendf(&spec, "%s{'apiGroups':[''],'verbs':['get'],'resources':['r'",
			     i > 0 ? "," : "");
		for (int k = 0; k < 99; k++)
			text_appendf(&spec, ",'resource-x%02d%02d'", i, k);
		text_append(&spec, "]}");
	}
	text_append(&spec, "]}]}");
	show_template("jobs", text_chars(&spec));
	gather(ASK("{'name':'jobs'}"));
	assert_refused(ERROR_INVALID,
		       "template jobs: the rules of role \"c\" take more than 65536 bytes");
}

static void rights_role__is_found_by_namespace_and_name(void **state)
{
	char apps[] = "apps", reader[] = "pod-reader", view[] = "view";
	struct ledger_object object = {.namespace = apps, .requested_name = reader};

	(void)state;
	gather("{}");
	assert_ptr_equal(rights_role(rights, &object), &rights->roles[0]);
	object.namespace = NULL;
	assert_null(rights_role(rights, &object));
	object.requested_name = view;
	assert_ptr_equal(rights_role(rights, &object), &rights->roles[1]);
	object.namespace = apps;
	assert_null(rights_role(rights, &object));
	assert_null(rights_role(NULL, &object));
}

static void rights_digest__differs_when_the_object_must(void **state)
{
	char name[] = "r", one[] = "[1]", two[] = "[2]";
	char *const rules[] = {one, two, NULL};
	char roles[3][DIGEST_SHORT_SIZE];
	char bindings[3][DIGEST_SHORT_SIZE];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct request_role role = {.name = name, .rules = rules[i]};

		rights_digest(&role, false, roles[i]);
		rights_digest(&role, true, bindings[i]);
	}
	for (size_t i = 0; i < 3; i++) {
		assert_string_not_equal(roles[i], roles[(i + 1) % 3]);
		for (size_t k = 0; k < 3; k++)
			assert_string_not_equal(roles[i], bindings[k]);
	}
	/* a binding refers to the role that was made, whatever that allows */
	assert_string_equal(bindings[0], bindings[1]);
	assert_string_not_equal(bindings[0], bindings[2]);
}

/* Records hold digests, so that another version of the broker must come to the same. */
static void rights_digest__stays_what_it_is(void **state)
{
	char name[] = "r", other[] = "other", apps[] = "apps", rules[] = "[]";
	struct request_role role = {.name = name, .rules = rules};
	char digest[DIGEST_SHORT_SIZE];
	char again[DIGEST_SHORT_SIZE];
	const char *const fields[] = {"rules", "[]", NULL};

	(void)state;
	rights_digest(&role, false, digest);
	digest_short(fields, again);
	assert_string_equal(digest, again);
	role.name = other;
	role.namespace = apps;
	rights_digest(&role, false, again);
	assert_string_equal(digest, again);
}

/* A ledger of the sample request, whose rights are now those of RIGHTS. */
static void rights_amend__notes_what_goes_before_what_comes(void **state)
{
	struct request *request = sample_request("{}");
	struct ledger *ledger = sample_request_ledger(request);

	(void)state;
	assert_true(gather("{'spec':{'roles':null,'clusterRoles':[{'name':'admin'}]}}"));
	assert_int_equal(ledger->object_count, 4);
	assert_false(rights_are_on_record(rights, ledger));
	rights_amend(rights, ledger);
	assert_int_equal(ledger->object_count, 4);
	assert_null(ledger->objects[0].digest);
	for (size_t i = 1; i < 4; i++)
		assert_string_equal(ledger->objects[i].digest, RIGHTS_DIGEST_NONE);
	assert_true(rights_are_on_record(rights, ledger)); /* what is to come waits for that */
	while (ledger->object_count > 1)
		ledger_remove_object(ledger, 1);
	assert_false(rights_are_on_record(rights, ledger));
	rights_amend(rights, ledger);
	assert_int_equal(ledger->object_count, 2);
	assert_string_equal(ledger->objects[1].requested_name, "admin");
	assert_true(rights_are_on_record(rights, ledger));
	ledger_free(ledger);
	request_free(request);
}

static void rights_free__takes_nothing(void **state)
{
	(void)state;
	rights_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rights_gather__of_a_request_without_templates),
		TEST(rights_gather__puts_the_requests_own_first),
		TEST(rights_gather__calls_existing_roles_by_their_names),
		TEST(rights_gather__takes_what_is_asked_for_twice_once),
		TEST(rights_gather__refuses_a_role_with_two_contents),
		TEST(rights_gather__fills_in_parameters_and_the_profile),
		TEST(rights_gather__wants_every_template),
		TEST(rights_gather__wants_the_profile_only_for_templates),
		TEST(rights_gather__says_which_template_cannot_be_filled),
		TEST(rights_gather__takes_as_many_roles_as_a_record_holds),
		TEST(rights_gather__takes_no_more_rules_than_a_role_may_have),
		TEST(rights_role__is_found_by_namespace_and_name),
		TEST(rights_digest__differs_when_the_object_must),
		TEST(rights_digest__stays_what_it_is),
		TEST(rights_amend__notes_what_goes_before_what_comes),
		TEST(rights_free__takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
