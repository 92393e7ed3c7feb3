#include <rbac/access_policy.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include <rbac/rule_set.h>

#include "support/json_pattern.h"
#include "support/rule_sample.h"

enum { WORDS_MAX = 16, POLICIES_MAX = 8 };

static const char base_question[] =
	"{'namespace': {'name': 'kueue-system', 'known': true, 'labels': {'team': 'batch'}},"
	" 'profile': {'namespace': 'fleet-system', 'name': 'member-1', 'known': true,"
	"             'labels': {'env': 'dev'}, 'manager': 'open-cluster-management'},"
	" 'identity': {'namespace': 'credbroker-identities', 'name': 'multikueue',"
	"              'default': 'credbroker-identities'},"
	" 'lifetime': 3600, 'formats': ['Kubeconfig'], 'destinations': ['kueue-system']}";

/* A question and what it borrows. */
struct sample {
	struct policy_question question;
	struct json *json;
	struct rule_set *rules;
	struct policy_template templates[WORDS_MAX];
	struct policy_role roles[WORDS_MAX];
	const char *words[6][WORDS_MAX];
};

static struct policy_words list_words(const struct json *list, const char *words[WORDS_MAX])
{
	assert_true(json_size(list) <= WORDS_MAX);
	for (size_t i = 0; i < json_size(list); i++)
		words[i] = json_string(json_item(list, i));
	return (struct policy_words){words, json_size(list)};
}

static void ask_who(struct policy_question *question, const struct json *json,
		    const char *words[WORDS_MAX])
{
	const struct json *requester = json_find(json, "requester");

	question->request_namespace = json_find_string(json, "namespace", "name");
	question->namespace_known = json_is_true(json_find(json, "namespace", "known"));
	question->namespace_labels = json_find(json, "namespace", "labels");
	question->requester_known = requester && !json_is_true(json_find(requester, "unproven"));
	question->username = json_find_string(requester, "username");
	question->groups = list_words(json_find(requester, "groups"), words);
	question->profile_namespace = json_find_string(json, "profile", "namespace");
	question->profile_name = json_find_string(json, "profile", "name");
	question->profile_known = json_is_true(json_find(json, "profile", "known"));
	question->profile_labels = json_find(json, "profile", "labels");
	question->cluster_manager = json_find_string(json, "profile", "manager");
}

static void ask_rights(struct sample *sample)
{
	struct policy_question *question = &sample->question;
	const struct json *templates = json_find(sample->json, "templates");
	const struct json *roles = json_find(sample->json, "roles");
	const struct json *rules = json_find(sample->json, "rules");
	struct error err = {0};

	question->templates = sample->templates;
	question->template_count = json_size(templates);
	for (size_t i = 0; i < json_size(templates); i++)
		sample->templates[i] =
			(struct policy_template){json_find_string(json_item(templates, i), "name"),
						 json_find(json_item(templates, i), "parameters")};
	question->existing_roles = sample->roles;
	question->existing_role_count = json_size(roles);
	for (size_t i = 0; i < json_size(roles); i++)
		sample->roles[i] =
			(struct policy_role){json_find_string(json_item(roles, i), "namespace"),
					     json_find_string(json_item(roles, i), "name")};
	sample->rules = rules ? rule_sample_read(rules, &err) : NULL;
	assert_string_equal(err.text, "");
	question->inline_rules = sample->rules;
}

static enum policy_identity identity_of(const char *state)
{
	if (!state)
		return POLICY_IDENTITY_NEW;
	return text_same(state, "made") ? POLICY_IDENTITY_MADE : POLICY_IDENTITY_EXISTING;
}

/* SAMPLE must stay where it is. */
static void sample_init(struct sample *sample, const struct json *change)
{
	struct policy_question *question = &sample->question;
	cleanup_json struct json *base = json_pattern_parse(base_question);
	cleanup_json struct json *none = json_object_new();

	*sample = (struct sample){.json = json_pattern_merge(base, change ? change : none)};
	ask_who(question, sample->json, sample->words[0]);
	ask_rights(sample);
	question->identity_namespace = json_find_string(sample->json, "identity", "namespace");
	question->identity_name = json_find_string(sample->json, "identity", "name");
	question->default_identity_namespace =
		json_find_string(sample->json, "identity", "default");
	question->identity = identity_of(json_find_string(sample->json, "identity", "state"));
	question->role_namespaces = list_words(json_find(sample->json, "places"), sample->words[1]);
	question->broker_namespace = "credbroker";
	question->protected_patterns =
		list_words(json_find(sample->json, "protected"), sample->words[2]);
	question->audiences = list_words(json_find(sample->json, "audiences"), sample->words[3]);
	question->formats = list_words(json_find(sample->json, "formats"), sample->words[4]);
	question->destination_namespaces =
		list_words(json_find(sample->json, "destinations"), sample->words[5]);
	assert_true(json_integer(json_find(sample->json, "lifetime"), &question->lifetime_s));
}

static void sample_done(struct sample *sample)
{
	rule_set_free(sample->rules);
	json_free(sample->json);
}

static struct access_policy *read_policy(const struct json *change, struct error *err)
{
	cleanup_json struct json *bases = rule_sample_rows(TEST_DATA "/policies/policy.json");
	const struct json *base = json_item(bases, 0);
	cleanup_json struct json *changed = change ? json_pattern_merge(base, change) : NULL;

	return access_policy_read(changed ? changed : base, err);
}

/* The policies of ROW; without any, that of the test. */
static size_t read_policies(const struct json *row, struct access_policy *policies[POLICIES_MAX])
{
	const struct json *changes = json_find(row, "policies");
	size_t count = changes ? json_size(changes) : 1;
	struct error err = {0};

	assert_true(count <= POLICIES_MAX);
	for (size_t i = 0; i < count; i++) {
		policies[i] = read_policy(json_item(changes, i), &err);
		if (!policies[i])
			fail_msg("%s: %s", json_find_string(row, "what"), err.text);
	}
	return count;
}

/* What is said of a policy alone is what is decided when there is no other. */
static void compare_opinion(const struct access_policy *policy,
			    const struct policy_question *question, const char *what)
{
	struct policy_decision decision = {0};
	struct policy_decision first = {0};
	struct policy_opinion opinion = {0};
	bool allowed = access_policies_decide(&policy, 1, question, &decision);
	bool missing = text_same(decision.reason, "PolicyMissing");

	assert_int_equal(access_policies_are_for(&policy, 1, question, &first), !missing);
	assert_true(text_same(first.reason, missing ? decision.reason : NULL));
	assert_string_equal(first.text, missing ? decision.text : "");
	access_policy_judge(policy, question, &opinion);
	if (opinion.allowed != allowed || !text_same(opinion.reason, decision.reason) ||
	    (opinion.refused == NULL) != allowed || (allowed && !opinion.agreed) ||
	    (missing ? strstr(opinion.text, "match") == NULL
		     : strcmp(opinion.text, decision.text) != 0))
		fail_msg("%s: %s: %s", what, opinion.refused ? opinion.refused : "-", opinion.text);
}

static void decide_row(const struct json *row)
{
	struct access_policy *policies[POLICIES_MAX] = {NULL};
	const struct access_policy *borrowed[POLICIES_MAX];
	struct policy_decision decision = {.reason = "untouched"};
	struct sample sample;
	size_t count = read_policies(row, policies);

	memcpy(borrowed, policies, sizeof(borrowed));
	sample_init(&sample, json_find(row, "question"));
	bool allowed = access_policies_decide(borrowed, count, &sample.question, &decision);
	const char *text = json_find_string(row, "text");
	int64_t percent = 0;

	json_integer(json_find(row, "renewAtPercent"), &percent);
	if (allowed != (decision.policy != NULL) ||
	    decision.existing_identity != json_is_true(json_find(row, "existing")) ||
	    decision.renew_at_percent != percent ||
	    !text_same(decision.policy, json_find_string(row, "policy")) ||
	    !text_same(decision.reason, json_find_string(row, "reason")) ||
	    strcmp(decision.text, text ? text : "") != 0)
		fail_msg("%s: %s %s: %s", json_find_string(row, "what"),
			 decision.policy ? decision.policy : "-",
			 decision.reason ? decision.reason : "-", decision.text);
	for (size_t i = 0; i < count; i++) {
		compare_opinion(policies[i], &sample.question, json_find_string(row, "what"));
		access_policy_free(policies[i]);
	}
	sample_done(&sample);
}

static void access_policies_decide__decides_every_row(void **state)
{
	cleanup_json struct json *rows = rule_sample_rows(TEST_DATA "/policies/decisions.json");

	(void)state;
	for (size_t i = 0; i < json_size(rows); i++)
		decide_row(json_item(rows, i));
}

static void access_policies_decide__refuses_a_question_that_asks_nothing(void **state)
{
	cleanup_json struct json *change =
		json_pattern_parse("{'spec': {'subjects': [{'namespaceSelector': {}}],"
				   " 'clusterProfiles': [{'selector': {}}]}}");
	struct error err = {0};
	struct access_policy *policy = read_policy(change, &err);
	const struct access_policy *policies[] = {policy};
	struct policy_question question = {0};
	struct policy_decision decision = {0};

	(void)state;
	assert_non_null(policy);
	assert_false(access_policies_decide(policies, 1, &question, &decision));
	assert_string_equal(decision.reason, "IdentityNotAllowed");
	access_policy_free(policy);
}

static void access_policy_judge__names_the_fields_up_to_the_refusal(void **state)
{
	static const struct {
		const char *question, *agreed, *refused, *text;
	} rows[] = {
		{"{}", "destinationNamespaces", NULL, ""},
		{"{'namespace':{'name':'team-a'}}", NULL, "subjects",
		 "no subject matches namespace \"team-a\" and a requester who is not known"},
		{"{'namespace':{'name':'team-a'},'requester':{'username':'al'}}", NULL, "subjects",
		 "no subject matches namespace \"team-a\" and user \"al\""},
		{"{'profile':{'namespace':'x','known':false}}", "subjects", "clusterProfiles",
		 "no entry matches ClusterProfile \"x/member-1\", which is not there"},
		{"{'identity':{'namespace':'x'}}", "clusterProfiles", "identities",
		 "the ServiceAccount x/multikueue is not allowed"},
		{"{'templates':[{'name':'x'}]}", "identities", "templates",
		 "the template \"x\" is not allowed"},
		{"{'lifetime':1}", "audiences", "lifetime",
		 "a lifetime of 1 seconds is not allowed"},
	};
	struct error err = {0};
	struct access_policy *policy = read_policy(NULL, &err);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_json struct json *change = json_pattern_parse(rows[i].question);
		struct policy_opinion opinion = {0};
		struct sample sample;

		sample_init(&sample, change);
		access_policy_judge(policy, &sample.question, &opinion);
		if (!text_same(opinion.agreed, rows[i].agreed) ||
		    !text_same(opinion.refused, rows[i].refused) ||
		    strcmp(opinion.text, rows[i].text) != 0)
			fail_msg("%s: %s, %s: %s", rows[i].question,
				 opinion.agreed ? opinion.agreed : "-",
				 opinion.refused ? opinion.refused : "-", opinion.text);
		sample_done(&sample);
	}
	access_policy_free(policy);
}

static void access_policy_read__takes_or_refuses_every_row(void **state)
{
	cleanup_json struct json *rows = rule_sample_rows(TEST_DATA "/policies/refused.json");

	(void)state;
	for (size_t i = 0; i < json_size(rows); i++) {
		const struct json *row = json_item(rows, i);
		const char *message = json_find_string(row, "message");
		struct error err = {0};
		struct access_policy *policy = read_policy(json_find(row, "change"), &err);

		if ((policy != NULL) != (*message == '\0') || strcmp(err.text, message) != 0 ||
		    (!policy && err.kind != ERROR_INVALID))
			fail_msg("%s: %s", json_find_string(row, "what"), err.text);
		access_policy_free(policy);
	}
}

static void access_policy_read__refuses_what_is_no_object(void **state)
{
	struct error err = {0};

	(void)state;
	assert_null(access_policy_read(NULL, &err));
	assert_int_equal(err.kind, ERROR_INVALID);
}

static void access_policy_name__is_that_of_the_object(void **state)
{
	struct error err = {0};
	struct access_policy *policy = read_policy(NULL, &err);

	(void)state;
	assert_string_equal(access_policy_name(policy), "kueue");
	access_policy_free(policy);
}

static void access_policy_free__takes_null(void **state)
{
	(void)state;
	access_policy_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(access_policies_decide__decides_every_row),
		cmocka_unit_test(access_policies_decide__refuses_a_question_that_asks_nothing),
		cmocka_unit_test(access_policy_judge__names_the_fields_up_to_the_refusal),
		cmocka_unit_test(access_policy_read__takes_or_refuses_every_row),
		cmocka_unit_test(access_policy_read__refuses_what_is_no_object),
		cmocka_unit_test(access_policy_name__is_that_of_the_object),
		cmocka_unit_test(access_policy_free__takes_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
