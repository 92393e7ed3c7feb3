#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>

#include <base/cleanup.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "broker/core/access.h"
#include "broker/core/access_permission.h"
#include "broker/core/access_record.h"
#include "broker/core/access_steps.h"
#include "broker/core/hub_state.h"
#include "broker/core/kube_path.h"
#include "broker/core/ledger.h"
#include "broker/core/request.h"
#include "broker/core/rights.h"
#include "broker/core/store.h"
#include "support/json_pattern.h"
#include "support/sample_policy.h"
#include "support/sample_request.h"

#define PROFILE "fleet-system/member-1"

static const char *const patterns[] = {"vault", "apps"};
static struct access_settings settings;
static struct hub_state seen;
static struct request *request;
static struct access *access;

static void show_policy(const char *name, const char *changes)
{
	cleanup_json struct json *object = sample_policy_json(changes);

	json_add_string((struct json *)json_find(object, "metadata"), "name", name);
	hub_state_put(&seen, &KUBE_ACCESS_POLICIES, name, object);
}

static void show_template(const char *spec)
{
	cleanup_json struct json *object =
		json_pattern_parse("{'metadata':{'name':'jobs','uid':'t-1'}}");
	cleanup_json struct json *parsed = json_pattern_parse(spec);

	json_add_copy(object, "spec", parsed);
	if (!hub_state_put(&seen, &KUBE_RBAC_TEMPLATES, "jobs", object))
		fail_msg("%s", spec);
}

static void change_request(const char *changes)
{
	request_free(request);
	request = sample_request(changes);
}

static void show(const struct kube_resource *resource, const char *key, const char *text)
{
	cleanup_json struct json *object = json_pattern_parse(text);

	hub_state_put(&seen, resource, key, object);
}

static int setup(void **state)
{
	cleanup_json struct json *profile = json_pattern_parse("{'metadata':{'uid':'profile-1'}}");

	(void)state;
	hub_state_init(&seen);
	show_policy(SAMPLE_POLICY_NAME, "{}");
	hub_state_put(&seen, &KUBE_CLUSTER_PROFILES, PROFILE, profile);
	show(&KUBE_NAMESPACES, "team-a", "{'metadata':{'uid':'n-1'}}");
	settings = (struct access_settings){
		.hub_id = "hub-1",
		.namespace = "credbroker-system",
		.identity_namespace = "credbroker-identities",
	};
	request = sample_request("{}");
	access = access_new("request-1", "team-a/reader");
	access->profile_key = memory_text(PROFILE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	access_free(access);
	request_free(TAKE_PTR(request));
	hub_state_done(&seen);
	return 0;
}

static void update(uint64_t round)
{
	access_permission_update(access, request, &seen, &settings, round);
}

static void access_permission_update__decides_when_the_round_is_another(void **state)
{
	(void)state;
	update(1);
	assert_true(access->permission.allowed);
	assert_string_equal(access->permission.policy, SAMPLE_POLICY_NAME);
	assert_int_equal(access->rights->count, 2);
	store_remove(seen.policies, SAMPLE_POLICY_NAME);
	update(1);
	assert_true(access->permission.allowed);
	update(2);
	assert_false(access->permission.allowed);
	assert_string_equal(access->permission.reason, "PolicyMissing");
	show_policy("other", "{}");
	update(2);
	assert_false(access->permission.allowed);
	update(1);
	assert_string_equal(access->permission.policy, "other");
}

static void access_permission_update__decides_when_the_generation_is_another(void **state)
{
	(void)state;
	update(1);
	change_request("{'spec':{'clusterRoles':[{'name':'admin'}]}}");
	update(1);
	assert_true(access->permission.allowed);
	change_request("{'metadata':{'generation':2},'spec':{'clusterRoles':[{'name':'admin'}]}}");
	update(1);
	assert_string_equal(access->permission.reason, "RoleNotAllowed");
	assert_null(access->rights); /* what is denied is not filled in */
}

static void access_permission_update__keeps_its_word_while_nothing_changes(void **state)
{
	const struct rights *gathered;

	(void)state;
	update(1);
	gathered = access->rights;
	for (int i = 0; i < 3; i++)
		update(1);
	assert_ptr_equal(access->rights, gathered);
}

/* Else whoever changes some label again and again could keep a revocation from beginning. */
static void access_permission_update__keeps_a_confirmed_denial_until_it_turns(void **state)
{
	(void)state;
	access->denial_confirmed = true;
	update(1);
	assert_false(access->denial_confirmed);
	store_remove(seen.policies, SAMPLE_POLICY_NAME);
	update(2);
	assert_false(access->permission.allowed);
	access->denial_confirmed = true;
	for (uint64_t round = 3; round < 6; round++)
		update(round);
	assert_true(access->denial_confirmed);
}

static void access_permission_update__has_no_word_without_a_request_that_can_be_served(void **state)
{
	struct request *kept = TAKE_PTR(request);

	(void)state;
	update(1);
	assert_false(access->permission.allowed);
	assert_int_equal(access->permission_round, 0);
	request = kept;
	snprintf(request->invalid, sizeof(request->invalid), "wrong");
	update(1);
	assert_false(access->permission.allowed);
	assert_int_equal(access->permission_round, 0);
	request->invalid[0] = '\0';
	update(1);
	assert_true(access->permission.allowed);
}

/* Nobody can say whether what it has is allowed, but whether anything is. */
static void access_permission_update__asks_for_any_policy_for_what_is_invalid(void **state)
{
	(void)state;
	update(1);
	access->ledger = sample_request_ledger(request);
	snprintf(request->invalid, sizeof(request->invalid), "wrong");
	show_policy(SAMPLE_POLICY_NAME, "{'spec':{'allow':{'clusterRules':null}}}");
	update(2);
	assert_true(access->permission.allowed);
	assert_null(access->rights);
	access->ledger->policy = memory_text("before");
	update(2);
	assert_string_equal(access->ledger->policy, "before");
	show_policy(SAMPLE_POLICY_NAME, "{'spec':{'subjects':[{'namespaces':['team-b']}]}}");
	update(3);
	assert_false(access->permission.allowed);
	assert_string_equal(access->permission.reason, "PolicyMissing");
	show_policy(SAMPLE_POLICY_NAME, "{'spec':{'clusterProfiles':[{'names':['other']}]}}");
	update(4);
	assert_false(access->permission.allowed);
	show_policy(SAMPLE_POLICY_NAME, "{}");
	update(5);
	assert_true(access->permission.allowed);
	store_remove(seen.profiles, PROFILE);
	update(6);
	assert_string_equal(access->permission.reason, "ClusterProfileNotFound");
}

/* What was decided holds for one that vanished, so that its revocation waits for nothing. */
static void access_permission_update__keeps_its_word_of_a_request_that_went(void **state)
{
	(void)state;
	update(1);
	change_request("{}");
	request_free(TAKE_PTR(request));
	store_remove(seen.policies, SAMPLE_POLICY_NAME);
	update(2);
	assert_true(access->permission.allowed);
	assert_int_equal(access->permission_round, 1);
}

static void access_permission_update__gives_what_the_operator_set(void **state)
{
	(void)state;
	settings.protected_patterns = patterns;
	settings.protected_count = 1;
	update(1);
	assert_true(access->permission.allowed);
	settings.protected_count = 2;
	update(2);
	assert_string_equal(access->permission.reason, "NamespaceProtected");
	settings.protected_count = 0;
	settings.namespace = "apps";
	update(3);
	assert_string_equal(access->permission.reason, "NamespaceProtected");
	settings.namespace = "credbroker-system";
	settings.identity_namespace = "apps";
	update(4);
	assert_string_equal(access->permission.reason, "NamespaceProtected");
}

static void access_permission_update__knows_namespaces_and_profiles(void **state)
{
	cleanup_json struct json *object =
		json_pattern_parse("{'metadata':{'uid':'x','labels':{'a':'b'}}}");

	(void)state;
	show_policy(SAMPLE_POLICY_NAME,
		    "{'spec':{'subjects':[{'namespaceSelector':{'matchLabels':{'a':'b'}}}],"
		    "'clusterProfiles':[{'selector':{'matchLabels':{'a':'b'}}}]}}");
	hub_state_put(&seen, &KUBE_NAMESPACES, "team-a", object);
	update(1);
	assert_false(access->permission.allowed);
	hub_state_put(&seen, &KUBE_CLUSTER_PROFILES, PROFILE, object);
	update(2);
	assert_true(access->permission.allowed);
	store_remove(seen.namespaces, "team-a");
	update(3);
	assert_false(access->permission.allowed);
}

static void access_permission_update__says_why_templates_cannot_be_filled(void **state)
{
	(void)state;
	show_policy(SAMPLE_POLICY_NAME, "{'spec':{'allow':{'templates':[{'name':'jobs'}]}}}");
	change_request("{'spec':{'templates':[{'name':'jobs'}]}}");
	update(1);
	assert_true(access->permission.allowed);
	assert_null(access->rights);
	assert_string_equal(access->rights_problem, "TemplateNotFound");
	assert_string_equal(access->rights_error.text, "there is no RBACTemplate jobs");
	show_template("{'parameters':[{'name':'where'}],"
		      "'roles':[{'namespace':'$(where)','name':'r'}]}");
	update(2);
	assert_null(access->rights);
	assert_string_equal(access->rights_problem, "TemplateInvalid");
	assert_non_null(access->rights_error.text[0] ? access->rights_error.text : NULL);
	show_template("{'clusterRoles':[{'name':'edit'}]}");
	update(3);
	assert_int_equal(access->rights->count, 3);
	assert_null(access->rights_problem);
	assert_string_equal(access->rights_error.text, "");
}

static void access_permission_update__looks_where_templates_make_roles(void **state)
{
	(void)state;
	show_policy(SAMPLE_POLICY_NAME, "{'spec':{'allow':{'templates':[{'name':'jobs'}]}}}");
	show_template("{'roles':[{'namespace':'kube-system','name':'r'}]}");
	change_request("{'spec':{'templates':[{'name':'jobs'}]}}");
	update(1);
	assert_string_equal(access->permission.reason, "NamespaceProtected");
}

static void access_permission_update__notes_the_policy_in_the_record(void **state)
{
	(void)state;
	access->ledger = sample_request_ledger(request);
	update(1);
	assert_string_equal(access->ledger->policy, SAMPLE_POLICY_NAME);
	assert_false(access->ledger_saved);
	assert_true(access->intent_saved);
	access->ledger_saved = true;
	update(2);
	assert_true(access->ledger_saved);
	show_policy("first", "{}");
	update(3);
	assert_string_equal(access->ledger->policy, "first");
	assert_false(access->ledger_saved);
}

/* A denial is confirmed by what allowed it last. */
static void access_permission_update__keeps_the_policy_of_who_is_denied(void **state)
{
	(void)state;
	access->ledger = sample_request_ledger(request);
	update(1);
	access->ledger_saved = true;
	store_remove(seen.policies, SAMPLE_POLICY_NAME);
	update(2);
	assert_false(access->permission.allowed);
	assert_string_equal(access->ledger->policy, SAMPLE_POLICY_NAME);
	assert_true(access->ledger_saved);
}

static void access_permission_update__changes_no_record_that_is_being_undone(void **state)
{
	(void)state;
	change_request("{'metadata':{'deletionTimestamp':'2026-03-01T13:00:00Z',"
		       "'finalizers':['credbroker.dev/revocation']}}");
	access->ledger = sample_request_ledger(request);
	access->ledger_closed = true;
	update(1);
	assert_true(access->permission.allowed);
	assert_null(access->ledger->policy);
	assert_true(access->ledger_saved);
	assert_true(access->ledger_closed);
}

static void access_permission_update__needs_no_proof_of_a_suspension(void **state)
{
	(void)state;
	update(1);
	change_request("{'metadata':{'generation':2},'spec':{'suspend':true}}");
	update(1);
	assert_string_equal(access->permission.reason, "Suspended");
	assert_true(access->denial_confirmed);
	store_remove(seen.policies, SAMPLE_POLICY_NAME);
	change_request("{'metadata':{'generation':3},'spec':{'suspend':false}}");
	update(2);
	assert_string_equal(access->permission.reason, "PolicyMissing");
	assert_false(access->denial_confirmed);
}

/* As after a revocation for want of a permission. */
static void close_record(void)
{
	access->ledger_closed = true;
	access->ledger_absent = true;
	access->secret_gone = true;
	access->delivery = DELIVERY_OURS;
	access->delivery_generation = 3;
	access->renew_at_ms = 1;
	access->overlap_until_ms = 2;
	access->lost_anchors = 3;
	access->open_generation = 4;
	access->ledger_saved = access->intent_saved = false;
	access->failure.reason = "MemberUnavailable";
	access->attempts[ACCESS_DELETE_OBJECT] = 2;
	access->next_mint_at_ms = 60000;
	access->finalizer_added = true;
}

static void access_permission_update__starts_over_when_it_is_allowed_again(void **state)
{
	(void)state;
	close_record();
	update(1);
	assert_false(access->ledger_closed || access->ledger_absent || access->secret_gone);
	assert_true(access->ledger_saved && access->intent_saved);
	assert_int_equal(access->delivery, DELIVERY_UNKNOWN);
	assert_int_equal(access->delivery_generation, 0);
	assert_int_equal(access->renew_at_ms, 0);
	assert_int_equal(access->overlap_until_ms, 0);
	assert_int_equal(access->lost_anchors, 0);
	assert_int_equal(access->open_generation, 0);
	assert_null(access->failure.reason);
	assert_int_equal(access->attempts[ACCESS_DELETE_OBJECT], 0);
	assert_int_equal(access->next_mint_at_ms, 60000); /* still a minute after the last token */
	assert_true(access->finalizer_added);
}

static void access_permission_update__starts_over_for_nobody_who_is_denied(void **state)
{
	(void)state;
	close_record();
	store_remove(seen.policies, SAMPLE_POLICY_NAME);
	update(1);
	assert_false(access->permission.allowed);
	assert_true(access->ledger_closed && access->ledger_absent);
	show_policy(SAMPLE_POLICY_NAME, "{}");
	update(1);
	assert_true(access->ledger_closed);
	update(2);
	assert_false(access->ledger_closed);
}

static void access_permission_update__waits_until_the_old_record_is_gone(void **state)
{
	(void)state;
	close_record();
	store_put(seen.ledgers, "credbroker-system/request-1", sample_request_ledger(request));
	update(1);
	assert_false(access->permission.allowed);
	assert_int_equal(access->permission_round, 0);
	assert_true(access->ledger_closed && access->ledger_absent);
	access->record_kept = true;
	update(1);
	assert_string_equal(access->permission.reason, "RecordKept");
	access->record_kept = false;
	store_remove(seen.ledgers, "credbroker-system/request-1");
	store_put(seen.ledgers, "credbroker-system/request-2", sample_request_ledger(request));
	update(1);
	assert_true(access->permission.allowed);
	assert_false(access->ledger_closed);
}

static void access_permission_update__does_not_wait_for_a_record_that_lives(void **state)
{
	(void)state;
	store_put(seen.ledgers, "credbroker-system/request-1", sample_request_ledger(request));
	update(1);
	assert_true(access->permission.allowed);
	access->delivery_generation = 3;
	update(2);
	assert_int_equal(access->delivery_generation, 3);
}

#define ALICE "'requester':{'username':'alice','uid':'u','groups':['dev']}"

static void ask_as_alice(const char *created)
{
	char changes[300];

	snprintf(changes, sizeof(changes),
		 "{'metadata':{'creationTimestamp':'%s'},'spec':{" ALICE "}}", created);
	change_request(changes);
	show_policy(SAMPLE_POLICY_NAME, "{'spec':{'subjects':[{'users':['alice']}]}}");
}

static void prove(bool ready)
{
	seen.admission = (struct admission_proof){.ready = ready, .since_s = 1772366400};
}

static void access_permission_update__believes_a_requester_of_after_the_policies(void **state)
{
	(void)state;
	prove(true);
	ask_as_alice("2026-03-01T12:00:00Z"); /* the same second */
	update(1);
	assert_true(access->permission.allowed && access->requester_known);
	ask_as_alice("2026-03-01T11:59:59Z");
	update(2);
	assert_false(access->permission.allowed || access->requester_known || access->undecided);
	assert_string_equal(access->permission.reason, "PolicyMissing");
}

static void access_permission_update__leaves_open_who_asks_while_nothing_is_proven(void **state)
{
	(void)state;
	prove(false);
	ask_as_alice("2026-03-01T12:00:00Z");
	update(1);
	assert_true(access->undecided);
	assert_false(access->permission.allowed || access->requester_known);
	assert_null(access->rights);
	show_policy(SAMPLE_POLICY_NAME, "{'spec':{'subjects':[{'users':['bob']}]}}");
	update(2);
	assert_false(access->undecided || access->permission.allowed);
	assert_string_equal(access->permission.reason, "PolicyMissing");
	show_policy(SAMPLE_POLICY_NAME, "{}"); /* on the namespace alone */
	update(3);
	assert_true(access->permission.allowed);
	assert_false(access->undecided);
}

static void access_permission_update__tells_nothing_on_a_name_that_is_not_proven(void **state)
{
	(void)state;
	prove(false);
	ask_as_alice("2026-03-01T12:00:00Z");
	show_policy(SAMPLE_POLICY_NAME,
		    "{'spec':{'subjects':[{'users':['alice']}],'allow':{'clusterRules':[]}}}");
	update(1);
	assert_string_equal(access->permission.reason, "PolicyMissing");
}

/* A short list of records denied it; the record is found, and says who asked. */
static void access_permission_update__decides_anew_when_the_record_is_found(void **state)
{
	struct ledger *ledger;

	(void)state;
	prove(true);
	ask_as_alice("2026-03-01T12:00:00Z");
	access->ledger = sample_request_ledger(request);
	update(1);
	ledger = TAKE_PTR(access->ledger);
	seen.admission.since_s += 3600;
	show_policy(SAMPLE_POLICY_NAME, "{'spec':{'subjects':[{'users':['alice']}]}}");
	update(2);
	assert_false(access->permission.allowed);
	access_record_adopt(access, ledger);
	update(2);
	assert_true(access->permission.allowed);
	assert_non_null(access->ledger->requester);
}

/* The policies were made anew: the request is older than they are. */
static void access_permission_update__believes_the_record_of_the_same_spec(void **state)
{
	(void)state;
	prove(true);
	ask_as_alice("2026-03-01T12:00:00Z");
	access->ledger = sample_request_ledger(request);
	access->ledger->admitted_generation = 0;
	update(1);
	assert_int_equal(access->ledger->admitted_generation, 1);
	assert_non_null(access->ledger->requester);
	seen.admission.since_s += 3600;
	update(2);
	assert_true(access->permission.allowed && access->requester_known);
	prove(false);
	update(3);
	assert_true(access->permission.allowed && access->requester_known);
	request->generation = 2; /* changed while nobody looked */
	update(4);
	assert_true(access->undecided);
	assert_false(access->permission.allowed || access->requester_known);
	seen.admission = (struct admission_proof){.ready = true, .since_s = 1772366400 + 3600};
	update(5);
	assert_false(access->permission.allowed || access->requester_known || access->undecided);
	request->generation = 1;
	memory_free(request->requester_uid);
	request->requester_uid = memory_text("another");
	update(6);
	assert_false(access->requester_known);
}

static void access_permission_update__knows_the_groups_of_who_asks(void **state)
{
	(void)state;
	prove(true);
	change_request("{'metadata':{'creationTimestamp':'2026-03-01T12:00:00Z'},'spec':"
		       "{'requester':{'username':'alice','groups':['first','second']}}}");
	show_policy(SAMPLE_POLICY_NAME, "{'spec':{'subjects':[{'groups':['second']}]}}");
	update(1);
	assert_true(access->permission.allowed);
	show_policy(SAMPLE_POLICY_NAME, "{'spec':{'subjects':[{'groups':['third']}]}}");
	update(2);
	assert_false(access->permission.allowed || access->undecided);
}

static void access_permission_update__saves_what_was_proven(void **state)
{
	(void)state;
	prove(true);
	ask_as_alice("2026-03-01T12:00:00Z");
	access->ledger = sample_request_ledger(request);
	update(1);
	access->ledger_saved = true;
	request->generation = 2;
	access->permission_generation = 2;
	update(2);
	assert_int_equal(access->ledger->admitted_generation, 2);
	assert_false(access->ledger_saved);
}

static void access_permission_update__takes_back_what_lost_its_profile(void **state)
{
	(void)state;
	access->ledger = sample_request_ledger(request);
	update(1);
	assert_true(access->permission.allowed && access->rights);
	store_remove(seen.profiles, PROFILE);
	update(2);
	assert_false(access->permission.allowed || access->rights);
	assert_null(access->permission.policy);
	assert_string_equal(access->permission.reason, "ClusterProfileNotFound");
}

static void access_permission_update__asks_again_of_another_spec(void **state)
{
	(void)state;
	update(1);
	access->failure = (struct access_failure){.reason = "x", .retry_at_ms = 9};
	access->requester_asked_until_ms = 5;
	change_request("{'metadata':{'generation':2},'spec':{'suspend':true}}");
	update(1);
	assert_int_equal(access->requester_asked_until_ms, 0);
	assert_int_equal(access->failure.retry_at_ms, 0); /* it turned: nothing is waited for */
	assert_false(access->permission.allowed || access->rights);
	assert_null(access->permission.policy);
}

static void refuse(void)
{
	access->requester_refusals++;
	access->permission_round = 0;
	update(9);
}

static void access_permission_update__takes_back_after_the_second_refusal_only(void **state)
{
	(void)state;
	prove(true);
	ask_as_alice("2026-03-01T12:00:00Z");
	update(9);
	refuse();
	assert_false(access->permission.allowed);
	assert_string_equal(access->permission.reason, "RequesterNotAuthorized");
	assert_null(access->rights);
	access->ledger = sample_request_ledger(request);
	access->permission_round = 0;
	update(9);
	assert_true(access->permission.allowed);
	refuse();
	assert_false(access->permission.allowed);
	request->generation = 2; /* admission looked at that one */
	update(9);
	assert_true(access->permission.allowed);
	assert_int_equal(access->requester_refusals, 0);
}

static void access_permission_update__notes_no_admission_without_proof(void **state)
{
	(void)state;
	prove(false);
	access->ledger = sample_request_ledger(request);
	access->ledger->admitted_generation = 7;
	update(1);
	assert_true(access->permission.allowed);
	assert_int_equal(access->ledger->admitted_generation, 7);
	prove(true);
	update(2);
	assert_int_equal(access->ledger->admitted_generation, 1);
	assert_null(access->ledger->requester);
}

/* Another member may have the name now. */
static void access_permission_update__denies_who_was_served_for_another_profile(void **state)
{
	(void)state;
	access->ledger = sample_request_ledger(request);
	update(1);
	assert_true(access->permission.allowed);
	show(&KUBE_CLUSTER_PROFILES, PROFILE, "{'metadata':{'uid':'profile-2'}}");
	update(2);
	assert_false(access->permission.allowed);
	assert_string_equal(access->permission.reason, "ClusterProfileReplaced");
	ledger_free(TAKE_PTR(access->ledger));
	access->ledger_closed = true;
	update(2);
	assert_true(access->permission.allowed);
	assert_false(access->ledger_closed);
}

/* Whatever a policy says of all namespaces. It is not made again and again. */
static void access_permission_update__denies_whose_namespace_was_taken_by_force(void **state)
{
	(void)state;
	store_remove(seen.namespaces, "team-a");
	update(1);
	assert_true(access->permission.allowed); /* its watch may be late */
	access->ledger = sample_request_ledger(request);
	update(2);
	assert_string_equal(access->permission.reason, "NamespaceNotFound");
	ledger_free(TAKE_PTR(access->ledger));
	access->ledger_closed = true;
	update(3);
	assert_string_equal(access->permission.reason, "NamespaceNotFound");
	show(&KUBE_NAMESPACES, "team-a", "{'metadata':{'uid':'n-2'}}");
	update(4);
	assert_true(access->permission.allowed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(access_permission_update__decides_when_the_round_is_another),
		TEST(access_permission_update__decides_when_the_generation_is_another),
		TEST(access_permission_update__keeps_its_word_while_nothing_changes),
		TEST(access_permission_update__keeps_a_confirmed_denial_until_it_turns),
		TEST(access_permission_update__has_no_word_without_a_request_that_can_be_served),
		TEST(access_permission_update__asks_for_any_policy_for_what_is_invalid),
		TEST(access_permission_update__keeps_its_word_of_a_request_that_went),
		TEST(access_permission_update__needs_no_proof_of_a_suspension),
		TEST(access_permission_update__gives_what_the_operator_set),
		TEST(access_permission_update__knows_namespaces_and_profiles),
		TEST(access_permission_update__says_why_templates_cannot_be_filled),
		TEST(access_permission_update__looks_where_templates_make_roles),
		TEST(access_permission_update__notes_the_policy_in_the_record),
		TEST(access_permission_update__keeps_the_policy_of_who_is_denied),
		TEST(access_permission_update__changes_no_record_that_is_being_undone),
		TEST(access_permission_update__starts_over_when_it_is_allowed_again),
		TEST(access_permission_update__starts_over_for_nobody_who_is_denied),
		TEST(access_permission_update__waits_until_the_old_record_is_gone),
		TEST(access_permission_update__does_not_wait_for_a_record_that_lives),
		TEST(access_permission_update__believes_a_requester_of_after_the_policies),
		TEST(access_permission_update__leaves_open_who_asks_while_nothing_is_proven),
		TEST(access_permission_update__tells_nothing_on_a_name_that_is_not_proven),
		TEST(access_permission_update__knows_the_groups_of_who_asks),
		TEST(access_permission_update__saves_what_was_proven),
		TEST(access_permission_update__takes_back_what_lost_its_profile),
		TEST(access_permission_update__asks_again_of_another_spec),
		TEST(access_permission_update__decides_anew_when_the_record_is_found),
		TEST(access_permission_update__believes_the_record_of_the_same_spec),
		TEST(access_permission_update__takes_back_after_the_second_refusal_only),
		TEST(access_permission_update__notes_no_admission_without_proof),
		TEST(access_permission_update__denies_who_was_served_for_another_profile),
		TEST(access_permission_update__denies_whose_namespace_was_taken_by_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
