#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/text.h>
#include <rbac/access_policy.h>
#include <rbac/rbac_template.h>

#include "broker/core/cluster_profile.h"
#include "broker/core/hub_namespace.h"
#include "broker/core/hub_state.h"
#include "broker/core/kube_path.h"
#include "broker/core/ledger.h"
#include "broker/core/ledger_record.h"
#include "broker/core/request.h"
#include "broker/core/store.h"
#include "support/json_pattern.h"
#include "support/sample_policy.h"
#include "support/sample_request.h"

static struct hub_state seen;

static int setup(void **state)
{
	(void)state;
	hub_state_init(&seen);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hub_state_done(&seen);
	return 0;
}

static void put(const struct kube_resource *resource, struct json *object)
{
	cleanup_json struct json *taken = object;

	assert_true(hub_state_put(&seen, resource, "key", taken));
}

static struct json *stored_ledger(void)
{
	struct request *request = sample_request("{}");
	struct ledger *ledger = sample_request_ledger(request);
	struct json *object = ledger_record_render(ledger, "credbroker-system");

	json_add_string((struct json *)json_find(object, "metadata"), "resourceVersion", "7");
	ledger_free(ledger);
	request_free(request);
	return object;
}

/* Each kind is read by its own reader into its own store. */
static void hub_state_put__fills_the_store_of_the_resource(void **state)
{
	(void)state;
	put(&KUBE_AUTH_TOKEN_REQUESTS, sample_request_json("{}"));
	put(&KUBE_CLUSTER_PROFILES, json_pattern_parse("{'metadata':{'uid':'p-1'}}"));
	put(&KUBE_ISSUED_CREDENTIALS, stored_ledger());
	put(&KUBE_ACCESS_POLICIES, sample_policy_json("{}"));
	put(&KUBE_RBAC_TEMPLATES, json_pattern_parse("{'metadata':{'name':'jobs','uid':'t-1'},"
						     "'spec':{'clusterRoles':[{'name':'view'}]}}"));
	put(&KUBE_NAMESPACES,
	    json_pattern_parse("{'metadata':{'uid':'n-1','labels':{'team':'a'}}}"));
	assert_string_equal(((struct request *)store_find(seen.requests, "key"))->uid, "request-1");
	assert_string_equal(((struct cluster_profile *)store_find(seen.profiles, "key"))->uid,
			    "p-1");
	assert_string_equal(((struct ledger *)store_find(seen.ledgers, "key"))->member_uid,
			    "cluster-1");
	assert_string_equal(access_policy_name(store_find(seen.policies, "key")),
			    SAMPLE_POLICY_NAME);
	assert_string_equal(rbac_template_name(store_find(seen.templates, "key")), "jobs");
	assert_non_null(((struct hub_namespace *)store_find(seen.namespaces, "key"))->labels);
}

static void hub_state_put__replaces_what_was_there(void **state)
{
	(void)state;
	put(&KUBE_CLUSTER_PROFILES, json_pattern_parse("{'metadata':{'uid':'p-1'}}"));
	put(&KUBE_CLUSTER_PROFILES, json_pattern_parse("{'metadata':{'uid':'p-2'}}"));
	assert_int_equal(store_count(seen.profiles), 1);
	assert_string_equal(((struct cluster_profile *)store_find(seen.profiles, "key"))->uid,
			    "p-2");
}

static void hub_state_put__leaves_what_is_there_when_it_cannot_read(void **state)
{
	cleanup_json struct json *nothing = json_pattern_parse("{}");
	const struct kube_resource *const resources[] = {
		&KUBE_AUTH_TOKEN_REQUESTS, &KUBE_CLUSTER_PROFILES, &KUBE_ISSUED_CREDENTIALS,
		&KUBE_ACCESS_POLICIES,     &KUBE_RBAC_TEMPLATES,   &KUBE_NAMESPACES,
	};

	(void)state;
	put(&KUBE_CLUSTER_PROFILES, json_pattern_parse("{'metadata':{'uid':'p-1'}}"));
	for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
		assert_false(hub_state_put(&seen, resources[i], "key", nothing));
	assert_int_equal(store_count(seen.profiles), 1);
	assert_int_equal(store_count(seen.requests) + store_count(seen.ledgers) +
				 store_count(seen.policies) + store_count(seen.templates) +
				 store_count(seen.namespaces),
			 0);
}

static void hub_state_put__knows_nothing_of_other_resources(void **state)
{
	cleanup_json struct json *object = json_pattern_parse("{'metadata':{'uid':'s-1'}}");

	(void)state;
	assert_false(hub_state_put(&seen, &KUBE_SECRETS, "key", object));
}

static void hub_state_store__gives_store_and_reader(void **state)
{
	cleanup_json struct json *object = json_pattern_parse("{'metadata':{'uid':'p-1'}}");
	hub_state_read *reader = NULL;
	struct error err = {0};
	void *profile;

	(void)state;
	assert_ptr_equal(hub_state_store(&seen, &KUBE_CLUSTER_PROFILES, &reader), seen.profiles);
	profile = reader(object, &err);
	assert_non_null(profile);
	cluster_profile_free(profile);
	assert_null(hub_state_store(&seen, &KUBE_SECRETS, &reader));
}

static bool knows_identities_in(const char *namespace_name)
{
	return store_find(seen.identity_namespaces, namespace_name) != NULL;
}

static void hub_state_learn_identities__knows_policies_and_records(void **state)
{
	(void)state;
	put(&KUBE_ACCESS_POLICIES,
	    sample_policy_json("{'spec':{'allow':{'identities':[{'namespace':'robots'},"
			       "{'namespace':'bots','names':['one']}]}}}"));
	put(&KUBE_ISSUED_CREDENTIALS, stored_ledger());
	assert_false(knows_identities_in("robots"));
	hub_state_learn_identities(&seen);
	assert_true(knows_identities_in("robots"));
	assert_true(knows_identities_in("bots"));
	assert_true(knows_identities_in("credbroker-identities"));
	assert_int_equal(store_count(seen.identity_namespaces), 3);
}

static void hub_state_learn_identities__forgets_what_nobody_names_any_more(void **state)
{
	(void)state;
	hub_state_note_identity(&seen, "robots");
	hub_state_note_identity(&seen, NULL);
	assert_true(knows_identities_in("robots"));
	put(&KUBE_ACCESS_POLICIES, sample_policy_json("{}"));
	hub_state_learn_identities(&seen);
	assert_int_equal(store_count(seen.identity_namespaces), 0);
}

static void hub_state_done__leaves_nothing(void **state)
{
	struct hub_state other;

	(void)state;
	hub_state_init(&other);
	hub_state_done(&other);
	assert_null(other.requests);
	assert_null(other.namespaces);
	hub_state_done(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hub_state_put__fills_the_store_of_the_resource),
		TEST(hub_state_put__replaces_what_was_there),
		TEST(hub_state_put__leaves_what_is_there_when_it_cannot_read),
		TEST(hub_state_put__knows_nothing_of_other_resources),
		TEST(hub_state_store__gives_store_and_reader),
		TEST(hub_state_learn_identities__knows_policies_and_records),
		TEST(hub_state_learn_identities__forgets_what_nobody_names_any_more),
		TEST(hub_state_done__leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
