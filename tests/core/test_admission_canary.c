#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/json.h>

#include "broker/core/admission_canary.h"
#include "support/json_pattern.h"
#include "support/scripted_port.h"

#define SELF   "{'username':'broker','uid':'b-1','groups':['g']}"
#define OWN    "{'spec':{'requester':" SELF "}}"
#define AGE(t) "{'metadata':{'creationTimestamp':'2026-03-01T" t "Z'}}"

/* What the hub answers; NULL: as it should. */
struct hub {
	const char *unnamed, *forged, *unauthorised, *policy, *binding;
	const char *abandoned, *own_fields, *own_binding;
	int failing; /* the HTTP status of a failure; 0: all answer */
	const char *failing_path;
	const char *refusing; /* the policy that refuses; NULL: ours */
};

static struct scripted_port *port;
static struct admission_canary *canary;
static int rounds;

static void ended(void *context)
{
	(void)context;
	rounds++;
}

static int setup(void **state)
{
	(void)state;
	rounds = 0;
	port = scripted_port_new();
	canary = admission_canary_new(&(struct admission_canary_config){
		.hub = scripted_port_hub(port), .namespace = "own", .ended = ended});
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scripted_port_free(port);
	admission_canary_free(canary);
	return 0;
}

static void answer(const struct scripted_call *call, int status, const char *reason,
		   const char *object)
{
	cleanup_json struct json *json = object ? json_pattern_parse(object) : NULL;

	scripted_port_answer(port, call, status, reason, json);
}

static void answer_request(const struct hub *hub, const struct scripted_call *call)
{
	const char *target = json_find_string(call->body, "spec", "targetClusterProfile", "name");
	bool unauthorised = strcmp(target, ADMISSION_PROFILE) != 0;
	bool forged = json_find(call->body, "spec", "requester") != NULL;
	const char *abandoned =
		json_find_string(call->body, "metadata", "annotations", "credbroker.dev/abandon");
	const char *reply = hub->unnamed ? hub->unnamed : OWN;

	if (forged)
		reply = hub->forged ? hub->forged : OWN;
	if (unauthorised)
		reply = hub->unauthorised ? hub->unauthorised : "refuse";
	assert_non_null(strstr(call->path, "?dryRun=All"));
	assert_string_equal(json_find_string(call->body, "metadata", "namespace"), "own");
	if (abandoned && !hub->abandoned)
		scripted_port_refuse(port, call, ADMISSION_OWN_FIELDS);
	else if (abandoned && strcmp(hub->abandoned, OWN) != 0)
		scripted_port_refuse(port, call, hub->abandoned);
	else if (strcmp(reply, "refuse") == 0)
		scripted_port_refuse(port, call, hub->refusing ? hub->refusing : ADMISSION_POLICY);
	else
		answer(call, 201, NULL, reply);
}

static void answer_one(const struct hub *hub, const struct scripted_call *call)
{
	/* who edited a policy, and when, stands in what is left out else */
	assert_int_equal(call->with_managers, strcmp(call->verb, "GET") == 0);
	if (hub->failing_path && strstr(call->path, hub->failing_path))
		answer(call, hub->failing, hub->failing == 403 ? "Forbidden" : NULL, NULL);
	else if (strstr(call->path, "selfsubjectreviews"))
		answer(call, 201, NULL, "{'status':{'userInfo':" SELF "}}");
	else if (strstr(call->path, "policybindings/" ADMISSION_OWN_FIELDS))
		answer(call, 200, NULL, hub->own_binding ? hub->own_binding : AGE("12:00:20"));
	else if (strstr(call->path, "policies/" ADMISSION_OWN_FIELDS))
		answer(call, 200, NULL, hub->own_fields ? hub->own_fields : AGE("12:00:30"));
	else if (strstr(call->path, "policybindings"))
		answer(call, 200, NULL, hub->binding ? hub->binding : AGE("12:00:05"));
	else if (strstr(call->path, "policies"))
		answer(call, 200, NULL, hub->policy ? hub->policy : AGE("12:00:00"));
	else
		answer_request(hub, call);
}

static const struct admission_proof *ask(const struct hub *hub)
{
	int before = rounds;

	admission_canary_start(canary);
	for (int i = 0; i < 12 && rounds == before; i++)
		answer_one(hub, scripted_port_oldest(port));
	assert_int_equal(rounds, before + 1);
	assert_int_equal(scripted_port_waiting(port), 0);
	return admission_canary_proof(canary);
}

static void check_unproven(const struct hub *hub, const char *word)
{
	const struct admission_proof *proof = ask(hub);

	assert_false(proof->ready);
	if (!strstr(proof->text, word))
		fail_msg("\"%s\" is not in: %s", word, proof->text);
}

static void admission_canary__proves_what_stamps_and_refuses(void **state)
{
	(void)state;
	assert_false(admission_canary_proof(canary)->ready);
	assert_true(ask(&(struct hub){0})->ready);
	/* ten seconds after the younger one */
	assert_int_equal(admission_canary_proof(canary)->since_s, 1772366415);
	assert_int_equal(admission_canary_delay_ms(canary), 120000);
	assert_int_equal(ask(&(struct hub){.policy = AGE("12:01:00")})->since_s, 1772366470);
}

/* It may have let anything through before somebody changed it back. */
static void admission_canary__counts_from_the_last_edit(void **state)
{
	static const char edited[] =
		"{'metadata':{'creationTimestamp':'2026-03-01T12:00:00Z','managedFields':["
		"{'manager':'kubectl','time':'2026-03-01T12:02:00Z'},"
		"{'manager':'kube-controller-manager','subresource':'status',"
		"'time':'2026-03-01T12:05:00Z'}]}}";

	(void)state;
	assert_int_equal(ask(&(struct hub){.binding = edited})->since_s, 1772366530);
	assert_int_equal(ask(&(struct hub){.policy = edited})->since_s, 1772366530);
	check_unproven(&(struct hub){.policy = "{'metadata':{'creationTimestamp':'2026-03-01T"
					       "12:00:00Z','managedFields':[{}]}}"},
		       "admission policies");
}

static void admission_canary__does_not_believe_an_old_proof_for_ever(void **state)
{
	const struct hub away = {.failing = 503, .failing_path = "/"};

	(void)state;
	assert_true(ask(&(struct hub){0})->ready);
	for (int i = 0; i < 60; i++)
		assert_true(ask(&away)->ready);
	check_unproven(&away, "503");
}

static void admission_canary__proves_a_hub_that_refuses_instead_of_stamping(void **state)
{
	(void)state;
	assert_true(ask(&(struct hub){.unnamed = "{'spec':{}}", .forged = "refuse"})->ready);
}

static void admission_canary__finds_what_is_not_in_force(void **state)
{
	static const char other[] = "{'spec':{'requester':{'username':'broker'}}}";

	(void)state;
	check_unproven(&(struct hub){.unnamed = other}, "another requester");
	check_unproven(&(struct hub){.forged = other}, "forged");
	check_unproven(&(struct hub){.forged = "{'spec':{}}"}, "deploy/policies");
	check_unproven(&(struct hub){.unauthorised = OWN}, "kubectl apply -f deploy/policies");
	check_unproven(&(struct hub){.unnamed = "refuse"}, "hub-rbac");
}

static void admission_canary__takes_no_other_refusal_for_the_policys(void **state)
{
	(void)state;
	check_unproven(&(struct hub){.refusing = "another-policy"}, ADMISSION_POLICY);
	check_unproven(&(struct hub){.forged = "refuse", .refusing = ""}, "403");
	check_unproven(&(struct hub){.failing = 403, .failing_path = "authtokenrequests"},
		       "hub-rbac");
	check_unproven(&(struct hub){.failing = 403, .failing_path = "policybindings"}, "hub-rbac");
	check_unproven(&(struct hub){.policy = "{}"}, "admission policies");
}

static void admission_canary__learns_nothing_from_a_hub_that_is_away(void **state)
{
	const struct hub away = {.failing = 503, .failing_path = "/"};

	(void)state;
	check_unproven(&away, "503");
	assert_true(ask(&(struct hub){0})->ready);
	assert_true(ask(&away)->ready);
	assert_int_equal(admission_canary_proof(canary)->since_s, 1772366415);
	assert_int_equal(admission_canary_delay_ms(canary), 500);
	check_unproven(&(struct hub){.unauthorised = OWN}, "deploy/policies");
	check_unproven(&away, "503");
}

static void admission_canary__asks_again_soon_until_there_is_proof(void **state)
{
	const struct hub open = {.unauthorised = OWN};

	(void)state;
	ask(&open);
	assert_int_equal(admission_canary_delay_ms(canary), 500);
	for (int i = 0; i < 9; i++)
		ask(&open);
	assert_int_equal(admission_canary_delay_ms(canary), 10000);
	ask(&(struct hub){0});
	assert_int_equal(admission_canary_delay_ms(canary), 120000);
}

/* Whatever comes of it, what is asked for is served. */
static void admission_canary__proves_that_not_everybody_abandons(void **state)
{
	(void)state;
	assert_int_equal(ask(&(struct hub){0})->abandon_since_s, 1772366440);
	assert_int_equal(ask(&(struct hub){.own_binding = AGE("12:01:00")})->abandon_since_s,
			 1772366470);
	const struct hub wrong[] = {
		{.abandoned = OWN},
		{.abandoned = "another-policy"},
		{.own_fields = "{}"},
		{.failing = 403, .failing_path = "policies/" ADMISSION_OWN_FIELDS},
		{.failing = 403, .failing_path = "policybindings/" ADMISSION_OWN_FIELDS},
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_true(ask(&(struct hub){0})->abandon_since_s > 0);
		assert_true(ask(&wrong[i])->ready);
		assert_int_equal(admission_canary_proof(canary)->abandon_since_s, 0);
		assert_int_equal(admission_canary_proof(canary)->since_s, 1772366415);
	}
}

static void admission_canary__keeps_that_proof_while_the_hub_is_away(void **state)
{
	const struct hub away = {.failing = 503, .failing_path = "/" ADMISSION_OWN_FIELDS};

	(void)state;
	assert_true(ask(&away)->ready);
	assert_int_equal(admission_canary_proof(canary)->abandon_since_s, 0);
	ask(&(struct hub){0});
	assert_int_equal(ask(&away)->abandon_since_s, 1772366440);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(admission_canary__proves_what_stamps_and_refuses),
		TEST(admission_canary__counts_from_the_last_edit),
		TEST(admission_canary__does_not_believe_an_old_proof_for_ever),
		TEST(admission_canary__proves_a_hub_that_refuses_instead_of_stamping),
		TEST(admission_canary__finds_what_is_not_in_force),
		TEST(admission_canary__takes_no_other_refusal_for_the_policys),
		TEST(admission_canary__learns_nothing_from_a_hub_that_is_away),
		TEST(admission_canary__asks_again_soon_until_there_is_proof),
		TEST(admission_canary__proves_that_not_everybody_abandons),
		TEST(admission_canary__keeps_that_proof_while_the_hub_is_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
