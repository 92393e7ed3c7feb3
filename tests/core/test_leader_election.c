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
#include <base/text.h>

#include "broker/core/leader_election.h"
#include "broker/core/lease_object.h"

#define HOUR_MS ((int64_t)3600 * 1000)

static const struct leader_timing timing = {15000, 10000, 2000};

/* What an API server keeps. */
static struct json *stored;
static int version;

/* One process: its clock is OFFSET_MS before the true time, in which the tests count. */
struct elector {
	struct leader_election election;
	int64_t offset_ms;
	bool cut_off;
	int writes;
};

static struct elector a, b;

static void start(struct elector *elector, const char *name, int64_t offset_ms, bool waits)
{
	*elector = (struct elector){.offset_ms = offset_ms};
	leader_election_init(&elector->election, &timing, name, waits);
	leader_election_want(&elector->election, offset_ms);
}

static int setup(void **state)
{
	(void)state;
	stored = NULL;
	version = 0;
	start(&a, "a", 7 * HOUR_MS, true);
	start(&b, "b", -5 * HOUR_MS, true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	leader_election_done(&a.election);
	leader_election_done(&b.election);
	json_free(stored);
	return 0;
}

static int64_t own_time(const struct elector *elector, int64_t now_ms)
{
	return now_ms + elector->offset_ms;
}

static void store(struct json *lease)
{
	struct json *metadata = json_dup(json_find(lease, "metadata"));
	char text[16];

	snprintf(text, sizeof(text), "%d", ++version);
	json_add_string(metadata, "resourceVersion", text);
	json_add(lease, "metadata", metadata);
	json_free(stored);
	stored = lease;
}

static bool is_current(const struct json *lease)
{
	const char *sent = json_find_string(lease, "metadata", "resourceVersion");

	return stored && text_same(sent, json_find_string(stored, "metadata", "resourceVersion"));
}

static void write_lease(struct elector *elector, enum leader_act act, int64_t now_ms)
{
	struct leader_election *election = &elector->election;
	int64_t own_ms = own_time(elector, now_ms);
	/* Wall clocks are wrong by as much as the monotonic ones differ. */
	struct json *lease = leader_election_lease(election, "system", own_ms * 1000);

	if (act == LEADER_CREATE ? stored != NULL : !is_current(lease)) {
		json_free(lease);
		leader_election_conflicted(election, own_ms);
		return;
	}
	elector->writes++;
	store(lease);
	leader_election_written(election, stored, own_ms);
}

/* Lets ELECTOR do what is due at NOW_MS. */
static void turn(struct elector *elector, int64_t now_ms)
{
	struct leader_election *election = &elector->election;
	int64_t own_ms = own_time(elector, now_ms);

	for (int i = 0; i < 10; i++) {
		struct leader_step step = leader_election_next(election, own_ms);

		if (step.act == LEADER_WAIT) {
			assert_true(step.at_ms == -1 || step.at_ms > own_ms);
			return;
		}
		if (elector->cut_off)
			leader_election_failed(election, own_ms, own_ms);
		else if (step.act == LEADER_READ)
			leader_election_found(election, stored, own_ms);
		else
			write_lease(elector, step.act, now_ms);
	}
	fail_msg("it tries without end");
}

static bool may_act(const struct elector *elector, int64_t now_ms)
{
	return leader_election_may_act(&elector->election, own_time(elector, now_ms));
}

/* Both, every 100 ms; never may both act. Returns when UNTIL_MS is reached. */
static int64_t run(int64_t from_ms, int64_t until_ms)
{
	for (int64_t now_ms = from_ms; now_ms < until_ms; now_ms += 100) {
		turn(&a, now_ms);
		turn(&b, now_ms);
		assert_false(may_act(&a, now_ms) && may_act(&b, now_ms));
	}
	return until_ms;
}

static void leader_election_next__lets_one_of_two_lead_whatever_their_clocks_say(void **state)
{
	int64_t now_ms = run(0, 60000);

	(void)state;
	assert_true(may_act(&a, now_ms));
	assert_int_equal(b.election.phase, LEADER_CANDIDATE);
	assert_int_equal(b.writes, 0);
	assert_int_equal(a.election.epoch, 1);
	assert_true(a.writes >= 29 && a.writes <= 31);
}

static void leader_election_next__hands_over_a_lease_after_the_leader_fell_silent(void **state)
{
	int64_t cut_ms = run(0, 30100);
	int64_t now_ms = cut_ms;

	(void)state;
	a.cut_off = true;
	while (!may_act(&b, now_ms) && now_ms < cut_ms + 60000)
		now_ms = run(now_ms, now_ms + 100);
	assert_int_equal(a.election.phase, LEADER_LOST);
	assert_true(now_ms - cut_ms >= 13000 && now_ms - cut_ms <= 17000);
	assert_int_equal(b.election.epoch, 2);
}

static void leader_election_next__loses_at_the_deadline_also_when_it_slept(void **state)
{
	int64_t now_ms = run(0, 4100);

	(void)state;
	assert_true(may_act(&a, now_ms + 8800));
	assert_false(may_act(&a, now_ms + 9000)); /* the last renewal was sent at 4000 */
	assert_int_equal(leader_election_next(&a.election, own_time(&a, now_ms + 9900)).act,
			 LEADER_WAIT);
	assert_int_equal(a.election.phase, LEADER_LOST);
	assert_int_equal(leader_election_next(&a.election, own_time(&a, now_ms + 9900)).at_ms, -1);
}

static void leader_election_next__counts_from_before_the_renewal_was_sent(void **state)
{
	(void)state;
	turn(&a, 0);
	assert_int_equal(leader_election_next(&a.election, own_time(&a, 2000)).act, LEADER_UPDATE);
	leader_election_written(&a.election, stored, own_time(&a, 2000));
	assert_int_equal(leader_election_deadline_ms(&a.election), own_time(&a, 12000));
}

static void leader_election_next__waits_a_whole_lease_when_it_is_new(void **state)
{
	(void)state;
	turn(&a, 0);
	leader_election_done(&b.election);
	start(&b, "b", -5 * HOUR_MS, true);
	turn(&b, 14000); /* a has been silent, but who is new does not know that */
	for (int64_t now_ms = 14100; now_ms < 28900; now_ms += 100) {
		turn(&b, now_ms);
		assert_int_equal(b.election.phase, LEADER_CANDIDATE);
	}
	turn(&b, 29000);
	assert_int_equal(b.election.phase, LEADER_LEADING);
}

static void leader_election_next__takes_a_lease_that_was_given_back_at_its_next_look(void **state)
{
	(void)state;
	run(0, 5100);
	leader_election_release(&a.election, own_time(&a, 5100));
	turn(&a, 5100);
	assert_int_equal(a.election.phase, LEADER_RELEASED);
	assert_string_equal(lease_object_holder(stored), "");
	assert_int_equal(lease_object_duration_ms(stored, 0), 1000);
	run(5200, 6300);
	assert_true(may_act(&b, 6300));
	assert_int_equal(b.election.epoch, 2);
}

static void leader_election_release__comes_after_a_renewal_that_is_under_way(void **state)
{
	(void)state;
	turn(&a, 0);
	assert_int_equal(leader_election_next(&a.election, own_time(&a, 2000)).act, LEADER_UPDATE);
	leader_election_release(&a.election, own_time(&a, 2050));
	leader_election_written(&a.election, stored, own_time(&a, 2000));
	assert_int_equal(a.election.phase, LEADER_RELEASING);
	turn(&a, 2100);
	assert_int_equal(a.election.phase, LEADER_RELEASED);
}

static void leader_election_release__leaves_alone_what_somebody_else_took(void **state)
{
	cleanup_json struct json *taken = NULL;

	(void)state;
	run(0, 4100);
	taken = json_dup(stored);
	json_add_string((struct json *)json_find(taken, "spec"), "holderIdentity", "c");
	store(json_dup(taken));
	leader_election_release(&a.election, own_time(&a, 4100));
	turn(&a, 4100);
	assert_int_equal(a.election.phase, LEADER_RELEASED);
	assert_string_equal(lease_object_holder(stored), "c");
}

static void leader_election_next__finds_the_lease_its_own_when_a_reply_was_lost(void **state)
{
	(void)state;
	assert_int_equal(leader_election_next(&a.election, own_time(&a, 0)).act, LEADER_READ);
	leader_election_found(&a.election, NULL, own_time(&a, 0));
	assert_int_equal(leader_election_next(&a.election, own_time(&a, 0)).act, LEADER_CREATE);
	store(leader_election_lease(&a.election, "system", 0));
	leader_election_failed(&a.election, own_time(&a, 0), own_time(&a, 3000));
	turn(&a, 3000);
	assert_true(may_act(&a, 3000));
	assert_int_equal(a.election.epoch, 1);
}

static void leader_election_next__looks_twice_in_a_retry_period(void **state)
{
	(void)state;
	turn(&a, 0);
	turn(&b, 0);
	assert_int_equal(leader_election_next(&b.election, own_time(&b, 1)).at_ms,
			 own_time(&b, 1000));
}

static const char *spec_text(const char *field)
{
	return json_find_string(stored, "spec", field);
}

static void leader_election_lease__says_since_when_it_is_held(void **state)
{
	(void)state;
	run(0, 100);
	assert_string_equal(spec_text("acquireTime"), spec_text("renewTime"));
	run(100, 5000);
	assert_string_not_equal(spec_text("acquireTime"), spec_text("renewTime"));
	leader_election_release(&a.election, own_time(&a, 5000));
	run(5000, 6300);
	assert_string_equal(lease_object_holder(stored), "b");
	assert_string_equal(spec_text("acquireTime"), spec_text("renewTime"));
}

static void leader_election_next__takes_the_lease_at_once_without_waits(void **state)
{
	(void)state;
	run(0, 5100);
	leader_election_done(&b.election);
	start(&b, "b", 0, false);
	turn(&b, 5100);
	assert_int_equal(b.election.phase, LEADER_LEADING);
	assert_int_equal(b.election.epoch, 2);
	turn(&a, 6100);
	assert_int_equal(a.election.phase, LEADER_LOST);
	turn(&b, 7100);
	assert_true(may_act(&b, 7100));
}

static void leader_election_next__looks_only_until_it_wants_to_lead(void **state)
{
	(void)state;
	leader_election_done(&b.election);
	leader_election_init(&b.election, &timing, "b", false);
	b.offset_ms = HOUR_MS;
	turn(&a, 0);
	for (int64_t now_ms = 0; now_ms < 30000; now_ms += 500)
		turn(&b, now_ms);
	assert_int_equal(b.writes, 0);
	leader_election_want(&b.election, own_time(&b, 30000));
	assert_int_equal(leader_election_next(&b.election, own_time(&b, 30000)).act, LEADER_UPDATE);
	turn(&b, 30000);
	assert_int_equal(b.election.phase, LEADER_LEADING);
}

static void leader_election_next__goes_on_without_waits_when_nobody_took_it(void **state)
{
	(void)state;
	leader_election_done(&a.election);
	start(&a, "a", 0, false);
	run(0, 5000);
	a.cut_off = true;
	for (int64_t now_ms = 5000; now_ms < 100000; now_ms += 100)
		turn(&a, now_ms);
	assert_int_equal(a.election.phase, LEADER_LEADING);
	assert_false(may_act(&a, 100000));
	a.cut_off = false;
	json_free(stored);
	stored = json_dup(a.election.lease);
	turn(&a, 102000);
	assert_true(may_act(&a, 102000));
	assert_int_equal(a.election.epoch, 1);
}

static void leader_election_conflicted__is_survived_while_the_lease_is_ours(void **state)
{
	(void)state;
	run(0, 4100);
	store(json_dup(stored)); /* somebody has annotated it, or a reply was lost */
	json_add_integer((struct json *)json_find(stored, "spec"), "leaseTransitions", 0);
	turn(&a, 6100);
	assert_int_equal(a.election.epoch, 1);
	assert_int_equal(a.election.phase, LEADER_LEADING);
	assert_int_equal(leader_election_deadline_ms(&a.election), own_time(&a, 16100));
}

static void leader_election_conflicted__does_not_go_round_without_a_pause(void **state)
{
	int64_t now_ms = own_time(&a, 2000);

	(void)state;
	turn(&a, 0);
	for (int i = 1; i <= 5; i++) {
		bool pauses = i == 5; /* the third in a row */

		assert_int_equal(leader_election_next(&a.election, now_ms).act, LEADER_UPDATE);
		leader_election_conflicted(&a.election, now_ms);
		assert_int_equal(leader_election_next(&a.election, now_ms).act,
				 pauses ? LEADER_WAIT : LEADER_READ);
		leader_election_found(&a.election, stored, now_ms);
		if (i == 2)
			leader_election_written(&a.election, stored, now_ms - timing.retry_ms);
	}
}

static void leader_election_failed__tries_again_before_the_deadline(void **state)
{
	(void)state;
	turn(&a, 0);
	assert_int_equal(leader_election_attempt_ms(&a.election), 3000);
	leader_election_failed(&a.election, own_time(&a, 2000), own_time(&a, 5000));
	assert_int_equal(leader_election_next(&a.election, own_time(&a, 5000)).act, LEADER_UPDATE);
	leader_election_failed(&a.election, own_time(&a, 5000), own_time(&a, 5010));
	assert_int_equal(leader_election_next(&a.election, own_time(&a, 5010)).at_ms,
			 own_time(&a, 7000));
}

static void leader_election_found__makes_a_deleted_lease_anew_with_the_same_epoch(void **state)
{
	(void)state;
	run(0, 4100);
	json_free(stored);
	stored = NULL;
	run(4100, 30000);
	assert_true(may_act(&a, 30000));
	assert_int_equal(a.election.epoch, 1);
	assert_int_equal(b.writes, 0); /* it holds back, as if the Lease had not gone */
}

static void leader_election_raise__proves_a_higher_epoch_by_a_write(void **state)
{
	(void)state;
	run(0, 4100);
	leader_election_raise(&a.election, 9, own_time(&a, 4100));
	assert_int_equal(a.election.epoch, 1);
	turn(&a, 4100);
	assert_int_equal(a.election.epoch, 9);
	assert_int_equal(lease_object_transitions(stored), 9);
	leader_election_raise(&a.election, INT64_MAX, own_time(&a, 4200));
	turn(&a, 4200);
	assert_int_equal(a.election.epoch, INT32_MAX);
}

static void leader_election_raise__ends_who_leads_no_more(void **state)
{
	cleanup_json struct json *taken = NULL;

	(void)state;
	run(0, 4100);
	taken = json_dup(stored);
	json_add_string((struct json *)json_find(taken, "spec"), "holderIdentity", "c");
	store(json_dup(taken));
	leader_election_raise(&a.election, 9, own_time(&a, 4100));
	turn(&a, 4100);
	assert_int_equal(a.election.phase, LEADER_LOST);
}

static void leader_election_is_overdue__only_long_after_the_lease(void **state)
{
	(void)state;
	turn(&a, 0);
	assert_false(leader_election_is_overdue(&a.election, own_time(&a, 24999)));
	assert_true(leader_election_is_overdue(&a.election, own_time(&a, 25000)));
	turn(&a, 25000); /* it notices by itself */
	assert_false(leader_election_is_overdue(&a.election, own_time(&a, 25000)));
}

static void leader_election_check_timing__wants_lease_over_renew_over_retry(void **state)
{
	static const struct {
		struct leader_timing timing;
		bool legal;
	} rows[] = {
		{{15000, 10000, 2000}, true},   {{137000, 107000, 26000}, true},
		{{3000, 2000, 1000}, true},     {{10000, 10000, 2000}, false},
		{{9000, 10000, 2000}, false},   {{15000, 2000, 2000}, false},
		{{15000, 12000, 10000}, false}, {{15000, 13000, 10000}, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};

		assert_int_equal(leader_election_check_timing(&rows[i].timing, &err),
				 rows[i].legal);
		assert_int_equal(err.kind, rows[i].legal ? ERROR_NONE : ERROR_INVALID);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(leader_election_next__lets_one_of_two_lead_whatever_their_clocks_say),
		TEST(leader_election_next__hands_over_a_lease_after_the_leader_fell_silent),
		TEST(leader_election_next__loses_at_the_deadline_also_when_it_slept),
		TEST(leader_election_next__counts_from_before_the_renewal_was_sent),
		TEST(leader_election_next__waits_a_whole_lease_when_it_is_new),
		TEST(leader_election_next__takes_a_lease_that_was_given_back_at_its_next_look),
		TEST(leader_election_release__comes_after_a_renewal_that_is_under_way),
		TEST(leader_election_release__leaves_alone_what_somebody_else_took),
		TEST(leader_election_next__finds_the_lease_its_own_when_a_reply_was_lost),
		TEST(leader_election_next__looks_twice_in_a_retry_period),
		TEST(leader_election_lease__says_since_when_it_is_held),
		TEST(leader_election_next__takes_the_lease_at_once_without_waits),
		TEST(leader_election_next__looks_only_until_it_wants_to_lead),
		TEST(leader_election_next__goes_on_without_waits_when_nobody_took_it),
		TEST(leader_election_conflicted__is_survived_while_the_lease_is_ours),
		TEST(leader_election_conflicted__does_not_go_round_without_a_pause),
		TEST(leader_election_failed__tries_again_before_the_deadline),
		TEST(leader_election_found__makes_a_deleted_lease_anew_with_the_same_epoch),
		TEST(leader_election_raise__proves_a_higher_epoch_by_a_write),
		TEST(leader_election_raise__ends_who_leads_no_more),
		TEST(leader_election_is_overdue__only_long_after_the_lease),
		TEST(leader_election_check_timing__wants_lease_over_renew_over_retry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
