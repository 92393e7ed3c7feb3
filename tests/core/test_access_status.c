#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/secret.h>
#include <base/text.h>

#include "broker/core/access.h"
#include "broker/core/access_plan.h"
#include "broker/core/access_status.h"
#include "broker/core/access_view.h"
#include "broker/core/ledger.h"
#include "broker/core/request.h"
#include "broker/core/store.h"
#include "support/json_pattern.h"
#include "support/sample_request.h"
#include "support/sample_token.h"

enum { NOW_MS = 5000000, NOON = 1772366400 };

/* A request that was issued at noon for an hour. */
static struct request *request;
static struct access *access;
static struct access_view view;
static struct store *ledgers;
static int64_t now_s;
static const char *old_status;

static void add_token(void)
{
	struct ledger_anchor *anchor = ledger_add_anchor(access->ledger, 1);
	char terms[DIGEST_SHORT_SIZE];

	request_terms(request, terms);
	anchor->jti = memory_text("jti");
	anchor->terms = memory_text(terms);
	anchor->issued_at = NOON;
	anchor->expires_at = NOON + 3600;
}

static int setup(void **state)
{
	(void)state;
	request = sample_request("{'metadata':{'generation':3,"
				 "'finalizers':['credbroker.dev/revocation']}}");
	access = access_new("request-1", "team-a/reader");
	access->ledger = sample_request_ledger(request);
	access->ledger->resource_version = memory_text("7");
	for (size_t i = 0; i < access->ledger->object_count; i++)
		access->ledger->objects[i].uid = memory_text("uid");
	add_token();
	access->ledger->secret.uid = memory_text("secret-1");
	access->acknowledged = true;
	access->delivery = DELIVERY_OURS;
	access->delivery_generation = 1;
	access->renew_at_ms = NOW_MS + 1000;
	ledgers = store_new(ledger_free);
	view = (struct access_view){
		.now_ms = NOW_MS,
		.expires_at_ms = NOW_MS + 3540000,
		.access = access,
		.request = request,
		.request_allowed = true,
		.denial = "PolicyMissing",
		.profile_exists = true,
		.member = {.state = MEMBER_READY, .uid = "cluster-1"},
		.destination = DESTINATION_OPEN,
		.ledgers = ledgers,
	};
	now_s = NOON + 60;
	old_status = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	access_free(access);
	request_free(request);
	store_free(ledgers);
	return 0;
}

/* The status by facts and plan as they are. The caller's. */
static struct json *rendered(void)
{
	struct access_facts facts = access_view_facts(&view);
	struct access_plan plan = access_plan_next(&facts);
	cleanup_json struct json *old = old_status ? json_pattern_parse(old_status) : NULL;

	return access_status_render(&(struct access_report){
		.request = request,
		.access = access,
		.facts = &facts,
		.plan = &plan,
		.member = &view.member,
		.old_status = old,
		.now_s = now_s,
	});
}

static const struct json *condition_of(const struct json *status, const char *type)
{
	const struct json *list = json_find(status, "conditions");

	for (size_t i = 0; i < json_size(list); i++)
		if (text_same(json_find_string(json_item(list, i), "type"), type))
			return json_item(list, i);
	fail_msg("no condition %s", type);
	return NULL;
}

/* EXPECTED is "Status Reason: message". */
static void assert_condition(const char *type, const char *expected)
{
	cleanup_json struct json *status = rendered();
	const struct json *condition = condition_of(status, type);
	cleanup_text struct text got = text_with_max(4096);

	text_appendf(&got, "%s %s: %s", json_find_string(condition, "status"),
		     json_find_string(condition, "reason"), json_find_string(condition, "message"));
	assert_string_equal(text_chars(&got), expected);
}

static void fail_step(enum access_step step, int index, const char *reason, const char *message)
{
	struct access_failure failure = {
		.step = step, .index = index, .reason = reason, .retry_at_ms = NOW_MS + 500};

	error_set(&failure.error, ERROR_UNAVAILABLE, "%s", message);
	access->failure = failure;
}

static void access_status_render__of_an_issued_request(void **state)
{
	cleanup_json struct json *status = rendered();
	cleanup_json struct json *expected = json_pattern_parse(
		"{'observedGeneration':3,'expirationTimestamp':'2026-03-01T13:00:00Z',"
		"'tokenResponse':{'apiVersion':'v1','kind':'Secret','namespace':'team-a',"
		"'name':'reader','uid':'secret-1','apiGroup':''},"
		"'deliveries':[{'name':'kubeconfig','format':'Kubeconfig','objectRef':{"
		"'apiVersion':'v1','kind':'Secret','namespace':'team-a','name':'reader',"
		"'uid':'secret-1'}}],'renewalTimestamp':'2026-03-01T12:3?:*Z',"
		"'conditions':[{'type':'Ready','status':'True','reason':'Issued'},"
		"{'type':'AuthTokenRequestValid','status':'True'},"
		"{'type':'ServiceAccountFoundOrCreated','status':'True'},"
		"{'type':'RoleFoundOrCreated','status':'True'},"
		"{'type':'ClusterRoleFoundOrCreated','status':'True'},"
		"{'type':'RoleBindingCreated','status':'True'},"
		"{'type':'ClusterRoleBindingCreated','status':'True'},"
		"{'type':'ServiceAccountTokenRetrieved','status':'True'}]}");
	cleanup_text struct text why = text_with_max(10000);

	(void)state;
	json_add_string(expected, "renewalTimestamp", "2026-03-01T12:*Z");
	if (!json_pattern_matches(expected, status, &why))
		fail_msg("%s", text_chars(&why));
}

static void access_status_render__says_when_the_member_shortened_the_lifetime(void **state)
{
	cleanup_json struct json *as_asked = NULL;

	(void)state;
	access->ledger->anchors[0].asked_s = 3600;
	as_asked = rendered();
	assert_int_equal(json_size(json_find(as_asked, "conditions")), 8);
	access->ledger->anchors[0].asked_s = 7200;
	assert_condition("LifetimeShortened",
			 "True ShortenedByMember: 7200 seconds were asked for and the member "
			 "granted 3600; it is renewed in time for that");
	assert_condition("Ready", "True Issued: the credential works");
}

static void access_status_render__sets_every_condition_on_first_sight(void **state)
{
	(void)state;
	ledger_free(TAKE_PTR(access->ledger));
	access->acknowledged = false;
	access->delivery = DELIVERY_UNKNOWN;
	cleanup_json struct json *status = rendered();
	assert_int_equal(json_size(json_find(status, "conditions")), 8);
	assert_null(json_find(status, "tokenResponse"));
	assert_null(json_find(status, "deliveries"));
	assert_null(json_find(status, "expirationTimestamp"));
	assert_condition("Ready", "False Pending: waiting for its turn");
	assert_condition("AuthTokenRequestValid", "Unknown Pending: ");
	assert_condition("ServiceAccountFoundOrCreated", "Unknown Pending: ");
	assert_condition("ClusterRoleBindingCreated", "Unknown Pending: ");
	assert_condition("ServiceAccountTokenRetrieved", "Unknown Pending: ");
}

static void access_status_render__says_until_when_it_works(void **state)
{
	(void)state;
	assert_condition("Ready", "True Issued: the credential works");
	view.now_ms = view.expires_at_ms - 1;
	assert_condition("Ready", "True Issued: the credential works");
	view.now_ms = view.expires_at_ms;
	view.member = (struct member_facts){.state = MEMBER_UNREACHABLE};
	assert_condition("Ready", "False MemberUnreachable: the member does not answer");
}

static void access_status_render__stays_ready_while_the_renewal_fails(void **state)
{
	(void)state;
	fail_step(ACCESS_MINT, -1, "TokenRequestFailed", "TokenRequest: no answer");
	assert_condition("Ready", "True Issued: the credential works; its renewal fails: "
				  "TokenRequest: no answer");
	assert_condition("ServiceAccountTokenRetrieved",
			 "False TokenRequestFailed: TokenRequest: no answer");
	view.now_ms = view.expires_at_ms;
	assert_condition("Ready", "False TokenRequestFailed: TokenRequest: no answer");
}

static bool has_condition(const char *type)
{
	cleanup_json struct json *status = rendered();
	const struct json *list = json_find(status, "conditions");

	for (size_t i = 0; i < json_size(list); i++)
		if (text_same(json_find_string(json_item(list, i), "type"), type))
			return true;
	return false;
}

static void access_status_render__says_that_clocks_differ_while_they_do(void **state)
{
	(void)state;
	assert_false(has_condition("ClockSynchronized"));
	view.member.clock_known = true;
	assert_false(has_condition("ClockSynchronized"));
	view.member.skew_s = 900;
	assert_condition("ClockSynchronized",
			 "False ClockSkewed: the member's clock is about 900 s ahead of ours, and "
			 "so are the times here: set the clocks");
	assert_condition("Ready", "True Issued: the credential works");
	view.member.skew_s = -310;
	assert_condition("ClockSynchronized",
			 "False ClockSkewed: the member's clock is about 310 s behind ours, and so "
			 "are the times here: set the clocks");
}

static void access_status_render__repeats_it_until_the_time_is_known_again(void **state)
{
	(void)state;
	old_status = "{'conditions':[{'type':'ClockSynchronized','status':'False','message':'as "
		     "said','lastTransitionTime':'2026-01-01T00:00:00Z'}]}";
	view.member.state = MEMBER_CONNECTING;
	assert_condition("ClockSynchronized", "False ClockSkewed: as said");
	view.member.state = MEMBER_UNREACHABLE;
	assert_condition("ClockSynchronized", "False ClockSkewed: as said");
	view.member.state = MEMBER_NO_ACCESS;
	assert_false(has_condition("ClockSynchronized"));
	view.member.state = MEMBER_READY;
	assert_false(has_condition("ClockSynchronized"));
}

static void access_status_render__stays_ready_while_the_member_is_away(void **state)
{
	(void)state;
	view.member = (struct member_facts){.state = MEMBER_UNREACHABLE, .detail = "refused"};
	assert_condition("Ready", "True Issued: the credential works");
	view.profile_exists = false;
	assert_condition("Ready", "True Issued: the credential works");
	assert_condition(
		"AuthTokenRequestValid",
		"False InvalidTargetClusterProfile: the ClusterProfile does not exist yet");
}

static void access_status_render__is_not_ready_when_nothing_is_granted_any_more(void **state)
{
	(void)state;
	view.request_allowed = false;
	view.denial_confirmed = true;
	assert_condition("Ready", "False Revoking: the access is being revoked");
	assert_condition("AuthTokenRequestValid", "Unknown Pending: ");
	view.request_allowed = true;
	view.member.uid = "cluster-2";
	assert_condition("Ready", "False MemberChanged: another cluster answers under this member "
				  "access: nothing is done there");
	view.member.uid = "cluster-1";
	request->deleting = true;
	fail_step(ACCESS_WITHDRAW, -1, "WithdrawalFailed", "no answer");
	assert_condition("Ready", "False WithdrawalFailed: no answer");
}

static void access_status_render__tells_what_is_denied(void **state)
{
	(void)state;
	ledger_free(TAKE_PTR(access->ledger));
	access->ledger_absent = true;
	view.request_allowed = false;
	view.denial = access->permission.reason = "RoleNotAllowed";
	snprintf(access->permission.text, sizeof(access->permission.text), "admin is not allowed");
	assert_condition("Ready", "False RoleNotAllowed: admin is not allowed");
	assert_condition("AuthTokenRequestValid", "Unknown Pending: ");
	view.profile_exists = false; /* who is denied does not learn that */
	assert_condition("Ready", "False RoleNotAllowed: admin is not allowed");
	assert_condition("AuthTokenRequestValid", "Unknown Pending: ");
}

static void access_status_render__stays_ready_while_templates_cannot_be_filled(void **state)
{
	(void)state;
	access->rights_problem = "TemplateNotFound";
	error_set(&access->rights_error, ERROR_NOT_FOUND, "there is no RBACTemplate jobs");
	assert_condition("Ready", "True Issued: the credential works");
	access->delivery = DELIVERY_MISSING;
	assert_condition("Ready", "False TemplateNotFound: there is no RBACTemplate jobs");
	assert_condition("AuthTokenRequestValid", "True Valid: ");
}

static void access_status_render__repeats_why_a_request_is_wrong(void **state)
{
	(void)state;
	snprintf(request->invalid, sizeof(request->invalid), "a role is named twice");
	assert_condition("Ready", "False InvalidRequest: a role is named twice");
	assert_condition("AuthTokenRequestValid", "False InvalidRequest: a role is named twice");
}

static void access_status_render__adds_what_the_executor_knows(void **state)
{
	(void)state;
	access->delivery = DELIVERY_MISSING;
	view.member = (struct member_facts){.state = MEMBER_REFUSED, .detail = "plain http"};
	assert_condition(
		"Ready",
		"False MemberAccessRefused: the member access must not be used: plain http");
	view.profile_exists = false;
	assert_condition("Ready",
			 "False ClusterProfileNotFound: the ClusterProfile does not exist yet");
}

struct failure_row {
	int index;
	const char *type, *expected;
};

static const struct failure_row failures[] = {
	{0, "ServiceAccountFoundOrCreated", "False NamespaceNotOpened: no"},
	{1, "RoleFoundOrCreated", "False RoleSetupFailed: no"},
	{2, "RoleBindingCreated", "False RoleBindingSetupFailed: no"},
	{3, "ClusterRoleBindingCreated", "False ClusterRoleBindingSetupFailed: no"},
};

static void access_status_render__names_the_object_that_failed(void **state)
{
	(void)state;
	access->delivery = DELIVERY_MISSING;
	for (size_t i = 0; i < 4; i++) {
		fail_step(ACCESS_CREATE_OBJECT, failures[i].index, "NamespaceNotOpened", "no");
		assert_condition(failures[i].type, failures[i].expected);
		assert_condition("Ready", "False NamespaceNotOpened: no");
		assert_condition("ClusterRoleFoundOrCreated", "True ClusterRoleSetupSucceeded: ");
	}
	fail_step(ACCESS_CREATE_OBJECT, 99, "NamespaceNotOpened", "no");
	assert_condition("ServiceAccountFoundOrCreated", "True ServiceAccountCreated: ");
}

static void access_status_render__counts_an_object_as_made_with_its_uid(void **state)
{
	(void)state;
	memory_free(TAKE_PTR(access->ledger->objects[2].uid));
	assert_condition("RoleBindingCreated", "Unknown Pending: ");
	assert_condition("RoleFoundOrCreated", "True RoleSetupSucceeded: ");
	access->ledger->objects[1].gone = true;
	assert_condition("RoleFoundOrCreated", "Unknown Pending: ");
	memory_free(TAKE_PTR(access->ledger->objects[0].uid));
	assert_condition("ClusterRoleFoundOrCreated", "Unknown Pending: ");
}

static void access_status_render__points_at_no_secret_that_was_withdrawn(void **state)
{
	cleanup_json struct json *status = NULL;

	(void)state;
	access->secret_gone = true;
	status = rendered();
	assert_null(json_find(status, "tokenResponse"));
	assert_null(json_find(status, "renewalTimestamp"));
}

static void access_status_render__keeps_the_time_of_the_last_transition(void **state)
{
	(void)state;
	old_status = "{'conditions':[{'type':'Ready','status':'True','reason':'Other',"
		     "'lastTransitionTime':'2026-02-01T00:00:00Z'},"
		     "{'type':'AuthTokenRequestValid','status':'False',"
		     "'lastTransitionTime':'2026-02-01T00:00:00Z'}]}";
	cleanup_json struct json *status = rendered();
	assert_string_equal(json_find_string(condition_of(status, "Ready"), "lastTransitionTime"),
			    "2026-02-01T00:00:00Z");
	assert_string_equal(json_find_string(condition_of(status, "AuthTokenRequestValid"),
					     "lastTransitionTime"),
			    "2026-03-01T12:01:00Z");
}

/* Every write wakes all watchers (CN-04). */
static void access_status_render__does_not_change_while_nothing_happens(void **state)
{
	cleanup_json struct json *first = rendered();
	cleanup_free char *text = NULL;
	size_t size;

	(void)state;
	text = json_dump(first, &size);
	old_status = text;
	for (int i = 0; i < 60; i++) {
		cleanup_json struct json *status = NULL;

		now_s += 31;
		view.now_ms += 10;
		status = rendered();
		assert_true(json_equal(status, first));
	}
}

/* metav1.Condition, as the API server checks it (CN-01). */
static void assert_legal(const struct json *status)
{
	const struct json *list = json_find(status, "conditions");
	regex_t reason;

	regcomp(&reason, "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$", REG_EXTENDED | REG_NOSUB);
	for (size_t i = 0; i < json_size(list); i++) {
		const struct json *condition = json_item(list, i);
		const char *value = json_find_string(condition, "status");

		assert_int_equal(
			regexec(&reason, json_find_string(condition, "reason"), 0, NULL, 0), 0);
		assert_true(strlen(json_find_string(condition, "message")) <=
			    CONDITION_MESSAGE_MAX);
		assert_true(text_same(value, "True") || text_same(value, "False") ||
			    text_same(value, "Unknown"));
		assert_non_null(json_find_string(condition, "lastTransitionTime"));
	}
	regfree(&reason);
}

static void access_status_render__is_legal_whatever_the_facts(void **state)
{
	uint32_t random = 7;

	(void)state;
	access->token.secret = secret_from_bytes(SAMPLE_TOKEN_CANARY, strlen(SAMPLE_TOKEN_CANARY));
	for (int i = 0; i < 3000; i++) {
		cleanup_json struct json *status = NULL;
		cleanup_free char *text = NULL;
		size_t size;

		random = random * 1664525U + 1013904223U;
		view.member.state = (enum member_state)((random >> 16) % 6);
		view.profile_exists = random >> 20 & 1;
		view.request_allowed = (random >> 21 & 3) != 0;
		view.destination = (enum destination_state)((random >> 23) % 3);
		access->delivery = (enum delivery_state)((random >> 25) % 4);
		request->deleting = random >> 27 & 1;
		access->failure.reason = random >> 28 & 1 ? "AnchorFailed" : NULL;
		access->failure.retry_at_ms = random >> 28 & 1 ? NOW_MS + 1 : 0;
		access->failure.step = (enum access_step)((random >> 8) % ACCESS_STEP_COUNT);
		status = rendered();
		assert_legal(status);
		text = json_dump(status, &size);
		assert_null(strstr(text, SAMPLE_TOKEN_CANARY));
	}
}

static void access_status_sentence__is_there_for_what_is_waited_for(void **state)
{
	(void)state;
	assert_string_equal(access_status_sentence("Issued"), "the credential works");
	assert_non_null(access_status_sentence("MemberAccessNotFound"));
	assert_null(access_status_sentence("Nonsense"));
}

static void access_status_sentence__is_there_for_every_denial(void **state)
{
	static const char *const reasons[] = {
		"PolicyMissing",      "IdentityNotAllowed", "TemplateNotAllowed",
		"RulesNotAllowed",    "RoleNotAllowed",     "NamespaceProtected",
		"AudienceNotAllowed", "LifetimeNotAllowed", "FormatNotAllowed",
		"TemplateNotFound",   "TemplateInvalid",    "DestinationNotAllowed",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		assert_non_null(access_status_sentence(reasons[i]));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void set(char **text, const char *value)
{
	memory_free(*text);
	*text = memory_text(value);
}

/* STATUS was written, and stored in version 50. */
static void report_status(const char *outline, const char *status)
{
	access_status_keep_outline(access, NULL, outline);
	access_status_digest(status, access->reported_digest);
	set(&access->echoed_status, status);
	set(&access->echoed_version, "50");
}

static void show(const char *version, const char *status)
{
	set(&request->resource_version, version);
	set(&request->status, status);
}

static void access_status_outline_stands__as_long_as_what_was_written_is_shown(void **state)
{
	(void)state;
	report_status("outline", "{}");
	show("49", "old");
	assert_true(access_status_outline_stands(access, request, "outline"));
	show("51", "{}");
	assert_true(access_status_outline_stands(access, request, "outline"));
	assert_false(access_status_outline_stands(access, request, "news"));
	show("52", "another's");
	assert_false(access_status_outline_stands(access, request, "outline"));
}

static void access_status_outline_stands__where_it_was_seen_before_we_wrote_any(void **state)
{
	(void)state;
	show("51", "{}");
	assert_false(access_status_outline_stands(access, request, "outline"));
	access_status_keep_outline(access, request, "outline");
	assert_true(access_status_outline_stands(access, request, "outline"));
	show("52", "{}");
	assert_false(access_status_outline_stands(access, request, "outline"));
}

static void access_status_is_contested__when_another_one_takes_its_place(void **state)
{
	(void)state;
	show("51", "another's");
	assert_false(access_status_is_contested(access, request, "outline"));
	report_status("outline", "{}");
	assert_true(access_status_is_contested(access, request, "outline"));
	assert_false(access_status_is_contested(access, request, "news"));
	show("51", "{}");
	assert_false(access_status_is_contested(access, request, "outline"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(access_status_outline_stands__as_long_as_what_was_written_is_shown),
		TEST(access_status_outline_stands__where_it_was_seen_before_we_wrote_any),
		TEST(access_status_is_contested__when_another_one_takes_its_place),
		TEST(access_status_render__of_an_issued_request),
		TEST(access_status_render__says_when_the_member_shortened_the_lifetime),
		TEST(access_status_render__sets_every_condition_on_first_sight),
		TEST(access_status_render__says_until_when_it_works),
		TEST(access_status_render__stays_ready_while_the_renewal_fails),
		TEST(access_status_render__says_that_clocks_differ_while_they_do),
		TEST(access_status_render__repeats_it_until_the_time_is_known_again),
		TEST(access_status_render__stays_ready_while_the_member_is_away),
		TEST(access_status_render__is_not_ready_when_nothing_is_granted_any_more),
		TEST(access_status_render__tells_what_is_denied),
		TEST(access_status_render__stays_ready_while_templates_cannot_be_filled),
		TEST(access_status_render__repeats_why_a_request_is_wrong),
		TEST(access_status_render__adds_what_the_executor_knows),
		TEST(access_status_render__names_the_object_that_failed),
		TEST(access_status_render__counts_an_object_as_made_with_its_uid),
		TEST(access_status_render__points_at_no_secret_that_was_withdrawn),
		TEST(access_status_render__keeps_the_time_of_the_last_transition),
		TEST(access_status_render__does_not_change_while_nothing_happens),
		TEST(access_status_render__is_legal_whatever_the_facts),
		TEST(access_status_sentence__is_there_for_what_is_waited_for),
		TEST(access_status_sentence__is_there_for_every_denial),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
