#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>

#include <base/cleanup.h>
#include <base/memory.h>
#include <base/secret.h>

#include "broker/core/access.h"
#include "broker/core/access_view.h"
#include "broker/core/ledger.h"
#include "broker/core/request.h"
#include "broker/core/rights.h"
#include "broker/core/store.h"
#include "support/sample_request.h"

enum { NOW = 5000000 };

/* A request that was issued: a ServiceAccount, a role, two bindings, and the anchor of
 * generation 1. */
static struct request *request;
static struct access *access;
static struct access_view view;
static struct store *ledgers;

static struct ledger_anchor *add_anchor(int64_t generation, bool has_token)
{
	struct ledger_anchor *anchor = ledger_add_anchor(access->ledger, generation);
	char terms[DIGEST_SHORT_SIZE];

	request_terms(request, terms);
	anchor->uid = memory_text("anchor");
	anchor->jti = memory_text(has_token ? "jti" : NULL);
	anchor->terms = memory_text(has_token ? terms : NULL);
	return anchor;
}

static int setup(void **state)
{
	(void)state;
	request = sample_request("{'metadata':{'finalizers':['credbroker.dev/revocation']}}");
	access = access_new("request-1", "team-a/reader");
	access->ledger = sample_request_ledger(request);
	access->ledger->resource_version = memory_text("7");
	for (size_t i = 0; i < access->ledger->object_count; i++)
		access->ledger->objects[i].uid = memory_text("uid");
	add_anchor(1, true);
	access->ledger->secret.uid = memory_text("secret-1");
	access->acknowledged = true;
	access->delivery = DELIVERY_OURS;
	access->delivery_generation = 1;
	access->renew_at_ms = NOW + 1000;
	ledgers = store_new(ledger_free);
	view = (struct access_view){
		.now_ms = NOW,
		.access = access,
		.request = request,
		.request_allowed = true,
		.profile_exists = true,
		.member = {.state = MEMBER_READY, .uid = "cluster-1"},
		.destination = DESTINATION_OPEN,
		.ledgers = ledgers,
	};
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

static struct access_facts facts(void)
{
	return access_view_facts(&view);
}

static void access_view_facts__of_an_issued_request(void **state)
{
	struct access_facts f = facts();

	(void)state;
	assert_int_equal(f.now_ms, NOW);
	assert_true(f.request_exists && f.request_valid && f.request_allowed &&
		    f.finalizer_present);
	assert_true(f.acknowledged && f.profile_exists && f.member_is_recorded_one);
	assert_false(f.request_gone || f.request_deleting);
	assert_true(f.ledger_exists && f.ledger_stored && f.ledger_saved && f.intent_saved);
	assert_int_equal(f.member, MEMBER_READY);
	assert_int_equal(f.destination, DESTINATION_OPEN);
	assert_int_equal(f.object_missing, FACT_NONE);
	assert_int_equal(f.object_standing, 2);
	assert_true(f.standing_is_binding && f.secret_standing && f.anchor_spent);
	assert_int_equal(f.anchor_standing, 0);
	assert_int_equal(f.anchor_superseded, FACT_NONE);
	assert_true(f.credential_delivered && f.credential_is_as_asked);
	assert_false(f.anchor_made || f.token_in_hand || f.undo_failed || f.withdrawal_failed);
	assert_int_equal(f.renew_at_ms, NOW + 1000);
	assert_int_equal(f.retry_at_ms, 0);
}

static void access_view_facts__hasten_a_rotation(void **state)
{
	(void)state;
	view.now_s = 1000;
	request->rotate_at_s = 999;
	assert_int_equal(facts().renew_at_ms, NOW - 1000);
	request->rotate_at_s = 1001;
	assert_int_equal(facts().renew_at_ms, NOW + 1000);
	request->rotate_at_s = 5000;
	assert_int_equal(facts().renew_at_ms, NOW + 1000);
	request->rotate_at_s = 999;
	access->ledger->anchors[0].rotate_at = 999;
	assert_int_equal(facts().renew_at_ms, NOW + 1000);
}

static void access_view_facts__tell_what_a_look_at_the_member_has_shown(void **state)
{
	struct ledger_object *objects = access->ledger->objects;

	(void)state;
	assert_int_equal(facts().object_suspect, FACT_NONE);
	assert_false(facts().identity_replaced);
	objects[1].suspect = objects[3].suspect = true;
	assert_int_equal(facts().object_suspect, 1);
	memory_free(TAKE_PTR(objects[1].uid)); /* it is made anyway */
	assert_int_equal(facts().object_suspect, 3);
	objects[1].replaced = true;
	assert_false(facts().identity_replaced);
	objects[0].replaced = true;
	assert_true(facts().identity_replaced);
}

static void access_view_facts__of_a_new_request(void **state)
{
	struct access *fresh = access_new("request-1", "team-a/reader");
	struct access_facts f;

	(void)state;
	view.access = fresh;
	f = facts();
	assert_false(f.acknowledged || f.ledger_exists || f.ledger_absent || f.ledger_stored);
	assert_false(f.secret_standing || f.anchor_spent || f.credential_delivered);
	assert_true(f.member_is_recorded_one);
	assert_int_equal(f.delivery, DELIVERY_UNKNOWN);
	assert_int_equal(f.object_missing, FACT_NONE);
	assert_int_equal(f.object_standing, FACT_NONE);
	assert_int_equal(f.anchor_standing, FACT_NONE);
	assert_int_equal(f.anchor_superseded, FACT_NONE);
	fresh->ledger_absent = true;
	assert_true(facts().ledger_absent);
	access_free(fresh);
}

static void access_view_facts__of_a_request_that_is_not_there(void **state)
{
	struct access_facts f;

	(void)state;
	view.request = NULL;
	access->request_gone = true;
	f = facts();
	assert_true(f.request_gone && f.credential_delivered);
	assert_false(f.request_exists || f.request_deleting || f.request_valid ||
		     f.finalizer_present || f.credential_is_as_asked);
}

static void access_view_facts__knows_the_finalizer_before_the_watch_does(void **state)
{
	(void)state;
	request->finalizer_index = -1;
	assert_false(facts().finalizer_present);
	access->finalizer_added = true;
	assert_true(facts().finalizer_present);
	access->finalizer_added = false;
	request->finalizer_index = 0;
	access->released = true;
	assert_false(facts().finalizer_present);
}

static void access_view_facts__compares_the_member_with_the_record(void **state)
{
	(void)state;
	view.member.uid = "cluster-2";
	assert_false(facts().member_is_recorded_one);
	view.member.uid = NULL;
	assert_false(facts().member_is_recorded_one);
}

static void access_view_facts__finds_what_is_missing_and_what_stands(void **state)
{
	struct ledger_object *objects = access->ledger->objects;

	(void)state;
	memory_free(TAKE_PTR(objects[3].uid));
	memory_free(TAKE_PTR(objects[1].uid));
	assert_int_equal(facts().object_missing, 1);
	objects[2].gone = true;
	assert_int_equal(facts().object_standing, 3);
	objects[3].gone = true;
	assert_int_equal(facts().object_standing, 0);
	assert_false(facts().standing_is_binding);
	objects[0].gone = true;
	assert_int_equal(facts().object_standing, 1);
	objects[1].gone = true;
	assert_int_equal(facts().object_standing, FACT_NONE);
}

static void access_view_facts__made_nothing_before_its_record_was_stored(void **state)
{
	(void)state;
	memory_free(TAKE_PTR(access->ledger->resource_version));
	assert_int_equal(facts().object_standing, 2);
	memory_free(TAKE_PTR(access->ledger->objects[0].uid));
	assert_int_equal(facts().object_standing, FACT_NONE);
	assert_int_equal(facts().anchor_standing, FACT_NONE);
	assert_false(facts().secret_standing);
}

static void access_view_facts__looks_for_a_secret_where_there_may_be_one(void **state)
{
	(void)state;
	memory_free(TAKE_PTR(access->ledger->secret.uid));
	assert_true(facts().secret_standing);
	memory_free(TAKE_PTR(access->ledger->anchors[0].jti));
	assert_false(facts().secret_standing);
	access->ledger->secret.uid = memory_text("secret-1");
	assert_true(facts().secret_standing);
	access->secret_gone = true;
	assert_false(facts().secret_standing);
}

struct superseded {
	const char *sentence;
	int64_t generation, delivered;
	int64_t tokens[3]; /* generations; 0: none */
	int64_t bare;      /* the generation of an anchor without a token; 0: none */
	int64_t overlap_until_ms;
	int expected;
};

static const struct superseded superseded[] = {
	{"the delivered one is needed", 1, 1, {1}, 0, 0, FACT_NONE},
	{"the one before it is not", 2, 2, {1, 2}, 0, 0, 0},
	{"but during the overlap it is", 2, 2, {1, 2}, 0, NOW + 1, FACT_NONE},
	{"the overlap ends in time", 2, 2, {1, 2}, 0, NOW, 0},
	{"the first of several goes first", 3, 3, {1, 2, 3}, 0, 0, 0},
	{"one without a token waits for nothing", 3, 1, {1}, 2, NOW + 1, 1},
	{"the one that may still get a token is needed", 2, 1, {1}, 2, 0, FACT_NONE},
	{"a token after the delivered one may be on its way", 3, 1, {1, 2}, 0, 0, FACT_NONE},
	{"where nothing is delivered, tokens wait", 3, 0, {1, 2}, 0, 0, FACT_NONE},
};

static void access_view_facts__finds_anchors_that_nobody_needs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(superseded) / sizeof(superseded[0]); i++) {
		const struct superseded *row = &superseded[i];

		while (access->ledger->anchor_count > 0)
			ledger_remove_anchor(access->ledger, access->ledger->anchors[0].generation);
		for (size_t k = 0; k < 3 && row->tokens[k] > 0; k++)
			add_anchor(row->tokens[k], true);
		if (row->bare > 0)
			add_anchor(row->bare, false);
		access->ledger->generation = row->generation;
		access->delivery_generation = row->delivered;
		access->overlap_until_ms = row->overlap_until_ms;
		if (facts().anchor_superseded != row->expected)
			fail_msg("%s: %d", row->sentence, facts().anchor_superseded);
	}
}

static void access_view_facts__knows_an_open_anchor_of_this_generation_only(void **state)
{
	(void)state;
	access->open_generation = 1;
	assert_true(facts().anchor_made && facts().anchor_spent);
	access->ledger->generation = 2;
	assert_false(facts().anchor_made || facts().anchor_spent);
	access->open_generation = 2;
	assert_false(facts().anchor_made);
	add_anchor(2, false);
	assert_true(facts().anchor_made);
}

static void access_view_facts__counts_a_delivery_only_with_its_token_on_record(void **state)
{
	(void)state;
	access->delivery = DELIVERY_MISSING;
	assert_false(facts().credential_delivered || facts().credential_is_as_asked);
	access->delivery = DELIVERY_OURS;
	access->delivery_generation = 2;
	assert_false(facts().credential_delivered);
	access->delivery_generation = 1;
	memory_free(TAKE_PTR(access->ledger->anchors[0].jti));
	assert_false(facts().credential_delivered);
}

static void access_view_facts__compares_the_token_with_what_is_asked_for(void **state)
{
	(void)state;
	request->expiration_s++;
	assert_true(facts().credential_delivered);
	assert_false(facts().credential_is_as_asked);
	request->expiration_s--;
	memory_free(TAKE_PTR(access->ledger->anchors[0].terms));
	assert_false(facts().credential_is_as_asked);
}

static void access_view_facts__looks_at_a_foreign_secret_again(void **state)
{
	(void)state;
	access->delivery = DELIVERY_FOREIGN;
	access->delivery_recheck_at_ms = NOW + 1;
	assert_int_equal(facts().delivery, DELIVERY_FOREIGN);
	assert_int_equal(facts().delivery_recheck_at_ms, NOW + 1);
	access->delivery_recheck_at_ms = NOW;
	assert_int_equal(facts().delivery, DELIVERY_UNKNOWN);
}

static void access_view_facts__looks_again_at_a_secret_of_a_lost_record(void **state)
{
	struct ledger *ledger = TAKE_PTR(access->ledger);

	(void)state;
	access->delivery = DELIVERY_MISSING;
	access->secret_left = true;
	assert_int_equal(facts().delivery, DELIVERY_MISSING);
	access->ledger = ledger;
	assert_int_equal(facts().delivery, DELIVERY_UNKNOWN);
}

static void access_view_facts__knows_tokens_times_and_failures(void **state)
{
	(void)state;
	access->token.secret = secret_from_bytes("t", 1);
	assert_true(facts().token_in_hand);
	assert_false(facts().token_proved);
	access->token.proved = true;
	access->next_mint_at_ms = 7;
	access->overlap_until_ms = 8;
	access->failure.retry_at_ms = 9;
	access->attempts[ACCESS_DELETE_ANCHOR] = 1;
	assert_true(facts().token_proved && facts().undo_failed);
	assert_false(facts().withdrawal_failed);
	assert_int_equal(facts().next_mint_at_ms, 7);
	assert_int_equal(facts().overlap_until_ms, 8);
	assert_int_equal(facts().retry_at_ms, 9);
	access->attempts[ACCESS_DELETE_ANCHOR] = 0;
	assert_false(facts().undo_failed);
	access->attempts[ACCESS_DELETE_OBJECT] = 2;
	access->attempts[ACCESS_WITHDRAW] = 1;
	access->failure = (struct access_failure){.reason = "x", .step = ACCESS_WITHDRAW};
	assert_true(facts().undo_failed && facts().withdrawal_failed);
	access->failure.step = ACCESS_DELETE_OBJECT;
	assert_false(facts().withdrawal_failed);
	access->ledger_saved = access->intent_saved = false;
	assert_false(facts().ledger_saved || facts().intent_saved);
}

/* The request wants its roles with CHANGES now. */
static void want(const char *changes)
{
	struct request *wanted = sample_request(changes);

	rights_free(access->rights);
	access->rights = sample_request_rights(wanted);
	request_free(wanted);
}

/* As if each object were made for what is wanted now. */
static void note_digests(void)
{
	for (size_t i = 1; i < access->ledger->object_count; i++) {
		struct ledger_object *object = &access->ledger->objects[i];
		char digest[DIGEST_SHORT_SIZE];

		rights_digest(rights_role(access->rights, object), i >= 2, digest);
		memory_free(object->digest);
		object->digest = memory_text(digest);
	}
}

#define OTHER_RULES                                                                                \
	"{'spec':{'roles':[{'namespace':'apps','name':'pod-reader','rules':["                      \
	"{'apiGroups':[''],'resources':['pods'],'verbs':['get']}]}]}}"

static void access_view_facts__finds_nothing_to_change_where_all_is_as_wanted(void **state)
{
	struct access_facts f;

	(void)state;
	want("{}");
	note_digests();
	f = facts();
	assert_int_equal(f.object_surplus, FACT_NONE);
	assert_int_equal(f.object_changed, FACT_NONE);
	assert_false(f.record_outdated);
}

/* What is wanted is not known: what was made stays as it is. */
static void access_view_facts__changes_nothing_without_rights(void **state)
{
	struct access_facts f;

	(void)state;
	access->rights_problem = "TemplateNotFound";
	f = facts();
	assert_string_equal(f.rights_problem, "TemplateNotFound");
	assert_int_equal(f.object_surplus, FACT_NONE);
	assert_int_equal(f.object_changed, FACT_NONE);
	assert_false(f.record_outdated);
}

static void access_view_facts__finds_what_is_not_wanted_bindings_first(void **state)
{
	(void)state;
	want("{'spec':{'roles':null}}");
	assert_int_equal(facts().object_surplus, 2);
	want("{'spec':{'roles':null,'clusterRoles':null}}");
	assert_int_equal(facts().object_surplus, 3);
	want("{'spec':{'clusterRoles':null}}");
	assert_int_equal(facts().object_surplus, 3);
	ledger_remove_object(access->ledger, 3);
	assert_int_equal(facts().object_surplus, FACT_NONE);
	want("{'spec':{'roles':null}}");
	ledger_remove_object(access->ledger, 2);
	assert_int_equal(facts().object_surplus, 1);
	ledger_remove_object(access->ledger, 1);
	assert_int_equal(facts().object_surplus, FACT_NONE);
}

/* A roleRef cannot be changed. */
static void access_view_facts__binds_anew_where_a_role_was_made_or_is_no_more(void **state)
{
	(void)state;
	want("{}");
	note_digests();
	want("{'spec':{'roles':[{'namespace':'apps','name':'pod-reader'}]}}");
	assert_int_equal(facts().object_surplus, 2);
	ledger_remove_object(access->ledger, 2);
	assert_int_equal(facts().object_surplus, 1);
	ledger_remove_object(access->ledger, 1);
	assert_int_equal(facts().object_surplus, FACT_NONE);
	assert_true(facts().record_outdated);
}

static void access_view_facts__finds_the_role_whose_rules_are_others(void **state)
{
	struct ledger_object *role = &access->ledger->objects[1];

	(void)state;
	want("{}");
	note_digests();
	want(OTHER_RULES);
	assert_int_equal(facts().object_changed, 1);
	assert_int_equal(facts().object_surplus, FACT_NONE);
	assert_false(facts().record_outdated);
	memory_free(TAKE_PTR(role->uid)); /* it is made as it is wanted now */
	assert_int_equal(facts().object_changed, FACT_NONE);
	role->uid = memory_text("role-1");
	memory_free(TAKE_PTR(role->digest)); /* a record of before there were digests */
	assert_int_equal(facts().object_changed, FACT_NONE);
	note_digests();
	assert_int_equal(facts().object_changed, FACT_NONE);
}

static void access_view_facts__knows_what_is_not_on_record_yet(void **state)
{
	(void)state;
	want("{'spec':{'clusterRoles':[{'name':'view'},{'name':'edit'}]}}");
	assert_true(facts().record_outdated);
	assert_int_equal(facts().object_missing, FACT_NONE);
	ledger_extend(access->ledger, access->rights);
	assert_false(facts().record_outdated);
	assert_int_equal(facts().object_missing, 4);
}

static void access_view_facts__repeats_the_denial(void **state)
{
	struct access_facts f = facts();

	(void)state;
	assert_false(f.denial_confirmed);
	assert_null(f.denial);
	view.request_allowed = false;
	view.denial_confirmed = true;
	view.denial = "PolicyMissing";
	f = facts();
	assert_false(f.request_allowed);
	assert_true(f.denial_confirmed);
	assert_string_equal(f.denial, "PolicyMissing");
}

static void access_view_facts__knows_which_spec_was_admitted(void **state)
{
	(void)state;
	assert_true(facts().spec_admitted);
	assert_false(facts().admission_proven);
	access->ledger->admitted_generation = 2;
	assert_false(facts().spec_admitted);
	access->ledger->admitted_generation = 0;
	assert_false(facts().spec_admitted);
	view.request_allowed = false;
	view.request_undecided = true;
	assert_true(facts().request_allowed);
	assert_false(facts().spec_admitted);
	view.request_undecided = false;
	view.request = NULL;
	assert_false(facts().spec_admitted);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(access_view_facts__of_an_issued_request),
		TEST(access_view_facts__tell_what_a_look_at_the_member_has_shown),
		TEST(access_view_facts__of_a_new_request),
		TEST(access_view_facts__hasten_a_rotation),
		TEST(access_view_facts__of_a_request_that_is_not_there),
		TEST(access_view_facts__knows_the_finalizer_before_the_watch_does),
		TEST(access_view_facts__compares_the_member_with_the_record),
		TEST(access_view_facts__finds_what_is_missing_and_what_stands),
		TEST(access_view_facts__made_nothing_before_its_record_was_stored),
		TEST(access_view_facts__looks_for_a_secret_where_there_may_be_one),
		TEST(access_view_facts__finds_anchors_that_nobody_needs),
		TEST(access_view_facts__knows_an_open_anchor_of_this_generation_only),
		TEST(access_view_facts__counts_a_delivery_only_with_its_token_on_record),
		TEST(access_view_facts__compares_the_token_with_what_is_asked_for),
		TEST(access_view_facts__looks_at_a_foreign_secret_again),
		TEST(access_view_facts__looks_again_at_a_secret_of_a_lost_record),
		TEST(access_view_facts__knows_tokens_times_and_failures),
		TEST(access_view_facts__finds_nothing_to_change_where_all_is_as_wanted),
		TEST(access_view_facts__changes_nothing_without_rights),
		TEST(access_view_facts__finds_what_is_not_wanted_bindings_first),
		TEST(access_view_facts__binds_anew_where_a_role_was_made_or_is_no_more),
		TEST(access_view_facts__finds_the_role_whose_rules_are_others),
		TEST(access_view_facts__knows_what_is_not_on_record_yet),
		TEST(access_view_facts__repeats_the_denial),
		TEST(access_view_facts__knows_which_spec_was_admitted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
