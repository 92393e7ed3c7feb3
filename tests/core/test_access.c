#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>

#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>

#include "broker/core/access.h"
#include "broker/core/access_record.h"
#include "broker/core/ledger.h"
#include "broker/core/ledger_record.h"
#include "support/json_pattern.h"

static struct ledger *ledger_of(const char *generation_and_anchors)
{
	struct error err = {0};
	struct json *spec = json_pattern_parse(generation_and_anchors);
	struct json *record = json_pattern_parse(
		"{'metadata':{'resourceVersion':'7'},'spec':{'hubID':'hub-1','memberUID':'member-1'"
		","
		"'nonce':'nonce','request':{'uid':'request-1','namespace':'team-a','name':'reader'}"
		","
		"'clusterProfile':{'namespace':'fleet-system','name':'member-1'},"
		"'secret':{'namespace':'team-a','name':'reader'},'objects':[{'kind':"
		"'ServiceAccount','namespace':'identities','name':'reader','uid':'account-1'}]}}");
	struct json *merged = json_pattern_merge(record, spec);
	struct ledger *ledger = ledger_record_read(merged, &err);

	assert_non_null(ledger);
	json_free(spec);
	json_free(record);
	json_free(merged);
	return ledger;
}

static void access_record_adopt__forgets_the_times_of_another_delivery(void **state)
{
	struct access *access = access_new("request-1", "team-a/reader");

	(void)state;
	access->renew_at_ms = access->overlap_until_ms = access->record_seen_ms = 1000;
	access->delivery_generation = 1; /* or the schedule of another token is resumed */
	access_record_adopt(access, ledger_of("{'spec':{'generation':2}}"));
	assert_int_equal(access->renew_at_ms, 0);
	assert_int_equal(access->delivery_generation, 0);
	assert_int_equal(access->overlap_until_ms, 0);
	assert_int_equal(access->record_seen_ms, 0);
	access_free(access);
}

static void access_record_keep_anchors__puts_on_record_what_was_made(void **state)
{
	struct access *access = access_new("request-1", "team-a/reader");
	struct ledger *old = ledger_of("{'spec':{'generation':2,'anchors':["
				       "{'generation':1,'uid':'anchor-1','jti':'jti-1'},"
				       "{'generation':2,'uid':'anchor-2','jti':'jti-2'}]}}");

	(void)state;
	access_record_adopt(access,
			    ledger_of("{'spec':{'generation':3,'anchors':["
				      "{'generation':1,'uid':'anchor-1','jti':'jti-1'}]}}"));
	access_record_keep_anchors(access, old);
	assert_int_equal(access->ledger->anchor_count, 3);
	assert_string_equal(ledger_anchor(access->ledger, 2)->uid, "anchor-2");
	assert_null(ledger_anchor(access->ledger, 2)->jti);
	assert_string_equal(ledger_anchor(access->ledger, 1)->jti, "jti-1");
	assert_false(access->ledger_saved || access->intent_saved);
	ledger_free(old);
	access_free(access);
}

static void access_record_keep_anchors__leaves_the_generation_of_the_record_alone(void **state)
{
	struct access *access = access_new("request-1", "team-a/reader");
	struct ledger *old = ledger_of(
		"{'spec':{'generation':2,'anchors':[{'generation':2,'uid':'anchor-2'}]}}");

	(void)state;
	access_record_adopt(access, ledger_of("{'spec':{'generation':2}}"));
	access_record_keep_anchors(access, old);
	assert_int_equal(access->ledger->anchor_count, 1);
	assert_null(ledger_anchor(access->ledger, 2)->uid);
	assert_true(access->ledger_saved && access->intent_saved);
	ledger_free(old);
	access_free(access);
}

static struct access *access_with_token(bool perhaps_delivered)
{
	struct access *access = access_new("request-1", "team-a/reader");

	access_record_adopt(access,
			    ledger_of("{'spec':{'generation':1,'anchors':["
				      "{'generation':1,'uid':'anchor-1','jti':'jti-1'}]}}"));
	access->token.generation = 1;
	access->token.perhaps_delivered = perhaps_delivered;
	return access;
}

static void access_drop_token__frees_an_anchor_that_nobody_needs(void **state)
{
	struct access *access = access_with_token(false);

	(void)state;
	access_drop_token(access);
	assert_null(ledger_anchor(access->ledger, 1)->jti);
	assert_false(access->ledger_saved);
	access_free(access);
}

static void access_drop_token__keeps_the_anchor_of_one_that_was_perhaps_delivered(void **state)
{
	struct access *access = access_with_token(true);

	(void)state;
	access_drop_token(access);
	assert_string_equal(ledger_anchor(access->ledger, 1)->jti, "jti-1");
	assert_true(access->ledger_saved);
	assert_false(access->token.perhaps_delivered);
	access_free(access);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(access_drop_token__frees_an_anchor_that_nobody_needs),
		cmocka_unit_test(
			access_drop_token__keeps_the_anchor_of_one_that_was_perhaps_delivered),
		cmocka_unit_test(access_record_adopt__forgets_the_times_of_another_delivery),
		cmocka_unit_test(access_record_keep_anchors__puts_on_record_what_was_made),
		cmocka_unit_test(
			access_record_keep_anchors__leaves_the_generation_of_the_record_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
