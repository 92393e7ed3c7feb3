#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>

#include "broker/core/own_credential.h"
#include "broker/core/own_credential_plan.h"

enum { NOW = 1000000 };

/* A good token that is due in an hour; nothing under way. */
static struct own_credential_facts at_rest(void)
{
	return (struct own_credential_facts){
		.may_act = true,
		.member_ready = true,
		.others_are_gone = true,
		.live = true,
		.cleared = true,
		.is_account = OWN_YES,
		.may_mint = OWN_YES,
		.now_ms = NOW,
		.renew_at_ms = NOW + 3600000,
	};
}

static struct own_credential_facts at_the_beginning(void)
{
	struct own_credential_facts facts = at_rest();

	facts.live = false;
	facts.is_account = OWN_UNKNOWN;
	facts.may_mint = OWN_UNKNOWN;
	return facts;
}

static void assert_step(const struct own_credential_facts *facts, enum own_step step)
{
	assert_int_equal(own_credential_plan_next(facts).step, step);
}

static void assert_rest(const struct own_credential_facts *facts, int64_t wake_at_ms)
{
	struct own_credential_plan plan = own_credential_plan_next(facts);

	assert_int_equal(plan.step, OWN_REST);
	assert_int_equal(plan.wake_at_ms, wake_at_ms);
}

static void next__goes_the_whole_way_in_order(void **state)
{
	struct own_credential_facts facts = at_the_beginning();

	(void)state;
	assert_step(&facts, OWN_IDENTIFY);
	facts.is_account = OWN_YES;
	assert_step(&facts, OWN_CHECK_RIGHTS);
	facts.may_mint = OWN_YES;
	assert_step(&facts, OWN_TAKE);
	facts.taken = true;
	assert_step(&facts, OWN_CREATE_ANCHOR);
	facts.anchored = true;
	assert_step(&facts, OWN_MINT);
	facts.minted = true;
	facts.mint_at_ms = NOW + 60000; /* a token was just made: it is used, not waited for */
	assert_step(&facts, OWN_PROVE);
	facts.proved = true;
	assert_step(&facts, OWN_STORE);
	facts.member_ready = false; /* the hub is enough for that */
	assert_step(&facts, OWN_STORE);
}

static void next__does_nothing_without_leave_or_beside_a_step(void **state)
{
	struct own_credential_facts facts = at_the_beginning();

	(void)state;
	facts.may_act = false;
	assert_step(&facts, OWN_WAIT);
	facts.may_act = true;
	facts.busy = true;
	assert_step(&facts, OWN_WAIT);
}

static void next__leaves_who_is_no_service_account_alone(void **state)
{
	struct own_credential_facts facts = at_the_beginning();

	(void)state;
	facts.is_account = OWN_NO;
	facts.stale_count = 1;
	facts.in_doubt = true;
	assert_step(&facts, OWN_WAIT);
}

static void next__asks_for_missing_rights_again_later(void **state)
{
	struct own_credential_facts facts = at_the_beginning();

	(void)state;
	facts.is_account = OWN_YES;
	facts.may_mint = OWN_NO;
	facts.ask_at_ms = NOW + 1;
	assert_rest(&facts, NOW + 1);
	facts.now_ms++;
	assert_step(&facts, OWN_CHECK_RIGHTS);
	facts.may_mint = OWN_UNKNOWN; /* also within a try: a right was taken away */
	facts.taken = true;
	assert_step(&facts, OWN_CHECK_RIGHTS);
}

static void next__renews_when_it_is_due_refused_or_begun(void **state)
{
	struct own_credential_facts facts = at_rest();

	(void)state;
	assert_rest(&facts, facts.renew_at_ms);
	facts.now_ms = facts.renew_at_ms;
	assert_step(&facts, OWN_TAKE);

	facts = at_rest();
	facts.refused = true;
	assert_step(&facts, OWN_TAKE);

	facts = at_rest();
	facts.taken = true;
	assert_step(&facts, OWN_CREATE_ANCHOR);
}

static void next__waits_for_a_member_that_is_away(void **state)
{
	struct own_credential_facts facts = at_the_beginning();

	(void)state;
	facts.member_ready = false;
	assert_step(&facts, OWN_WAIT);
}

static void next__mints_no_two_tokens_in_a_minute(void **state)
{
	struct own_credential_facts facts = at_rest();

	(void)state;
	facts.refused = true;
	facts.mint_at_ms = NOW + 5;
	assert_rest(&facts, NOW + 5); /* and takes no generation for it either */
	facts.taken = true;
	facts.anchored = true;
	assert_rest(&facts, NOW + 5);
}

static void next__waits_after_a_failure(void **state)
{
	struct own_credential_facts facts = at_the_beginning();

	(void)state;
	facts.retry_at_ms = NOW + 7;
	assert_rest(&facts, NOW + 7);
}

static void next__reads_a_doubtful_record_before_anything_else(void **state)
{
	struct own_credential_facts facts = at_rest();

	(void)state;
	facts.in_doubt = true;
	facts.stale_count = 1;
	facts.cleared = false;
	assert_step(&facts, OWN_READ);
	facts.member_ready = false;
	assert_step(&facts, OWN_READ);
	facts.live = false;
	assert_step(&facts, OWN_READ);
}

static void next__writes_a_lost_record_again_when_that_is_certain(void **state)
{
	struct own_credential_facts facts = at_rest();

	(void)state;
	facts.lost = true;
	facts.member_ready = false;
	assert_step(&facts, OWN_WRITE);
	facts.in_doubt = true;
	assert_step(&facts, OWN_READ);
	facts.in_doubt = false;
	facts.member_ready = true;
	facts.taken = true; /* what it stores has everything in it */
	assert_step(&facts, OWN_CREATE_ANCHOR);
}

static void next__deletes_stale_anchors_when_nobody_uses_them(void **state)
{
	struct own_credential_facts facts = at_rest();

	(void)state;
	facts.stale_count = 1;
	facts.cleared = false;
	assert_step(&facts, OWN_CLEAR);
	facts.others_are_gone = false;
	assert_rest(&facts, facts.renew_at_ms);
	facts.others_are_gone = true;
	facts.member_ready = false;
	assert_rest(&facts, facts.renew_at_ms);
	facts.member_ready = true;
	facts.cleared = true;
	assert_step(&facts, OWN_SETTLE);
}

static void next__lets_no_failed_deletion_keep_a_renewal_waiting(void **state)
{
	struct own_credential_facts facts = at_rest();

	(void)state;
	facts.stale_count = 1;
	facts.cleared = false;
	facts.clear_at_ms = NOW + 9;
	assert_rest(&facts, NOW + 9);
	facts.refused = true;
	assert_step(&facts, OWN_TAKE);
	facts.taken = true; /* one after the other */
	facts.clear_at_ms = 0;
	assert_step(&facts, OWN_CREATE_ANCHOR);
}

static void next__makes_no_more_anchors_than_fit_the_record(void **state)
{
	struct own_credential_facts facts = at_rest();

	(void)state;
	facts.refused = true;
	facts.cleared = false;
	facts.clear_at_ms = NOW + 9;
	for (facts.stale_count = 1; facts.stale_count <= OWN_STALE_MAX; facts.stale_count++) {
		if (facts.stale_count + 2 <= OWN_STALE_MAX)
			assert_step(&facts, OWN_TAKE);
		else
			assert_rest(&facts, NOW + 9);
	}
	facts.stale_count = OWN_STALE_MAX;
	facts.clear_at_ms = 0;
	facts.others_are_gone = false;
	assert_step(&facts, OWN_WAIT);
}

static void retry__grows_and_still_fits_into_what_is_left(void **state)
{
	(void)state;
	assert_int_equal(own_credential_plan_retry_ms(0, 0, 0), 2000);
	assert_int_equal(own_credential_plan_retry_ms(3, 0, 0), 16000);
	assert_int_equal(own_credential_plan_retry_ms(30, 0, 0), 300000);
	assert_int_equal(own_credential_plan_retry_ms(30, 4000000, 0), 300000);
	assert_int_equal(own_credential_plan_retry_ms(30, 100000, 0), 20000);
	assert_int_equal(own_credential_plan_retry_ms(30, 1000, 0), 2000);
	assert_int_equal(own_credential_plan_retry_ms(30, -5000, 0), 300000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(next__goes_the_whole_way_in_order),
		cmocka_unit_test(next__does_nothing_without_leave_or_beside_a_step),
		cmocka_unit_test(next__leaves_who_is_no_service_account_alone),
		cmocka_unit_test(next__asks_for_missing_rights_again_later),
		cmocka_unit_test(next__renews_when_it_is_due_refused_or_begun),
		cmocka_unit_test(next__waits_for_a_member_that_is_away),
		cmocka_unit_test(next__mints_no_two_tokens_in_a_minute),
		cmocka_unit_test(next__waits_after_a_failure),
		cmocka_unit_test(next__reads_a_doubtful_record_before_anything_else),
		cmocka_unit_test(next__writes_a_lost_record_again_when_that_is_certain),
		cmocka_unit_test(next__deletes_stale_anchors_when_nobody_uses_them),
		cmocka_unit_test(next__lets_no_failed_deletion_keep_a_renewal_waiting),
		cmocka_unit_test(next__makes_no_more_anchors_than_fit_the_record),
		cmocka_unit_test(retry__grows_and_still_fits_into_what_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
