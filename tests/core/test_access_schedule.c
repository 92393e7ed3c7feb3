#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>

#include <base/memory.h>

#include "broker/core/access.h"
#include "broker/core/access_executor.h"
#include "broker/core/access_schedule.h"
#include "broker/core/ledger.h"
#include "broker/core/renewal.h"
#include "broker/core/request.h"
#include "support/sample_request.h"

enum { NOW_MS = 7000000, MINUTE_MS = 60 * 1000, LIFETIME_S = 600 };
#define NOON_S  INT64_C(1772366400)
#define NOON_MS (NOON_S * 1000)

static struct access *access;
static int64_t delay_ms;

/* Issued by a member that is AHEAD_MS ahead, when our clock showed noon; the process is new. */
static void issue(int64_t ahead_ms)
{
	struct request *request = sample_request("{}");
	struct ledger_anchor *anchor;

	access_free(access);
	access = access_new("request-1", "team-a/reader");
	access->ledger = sample_request_ledger(request);
	anchor = ledger_add_anchor(access->ledger, 1);
	anchor->jti = memory_text("jti-1");
	anchor->issued_at = NOON_S + ahead_ms / 1000;
	anchor->expires_at = anchor->issued_at + LIFETIME_S;
	access->delivery_generation = 1;
	delay_ms = renewal_delay_s("request-1", anchor) * 1000;
	request_free(request);
}

static struct member_facts member(int64_t ahead_ms)
{
	return (struct member_facts){
		.state = MEMBER_READY,
		.clock_known = true,
		.clock_offset_ms = NOON_MS - NOW_MS + ahead_ms,
	};
}

static int teardown(void **state)
{
	(void)state;
	access_free(access);
	access = NULL;
	return 0;
}

/* Whatever our own clock says, and by how much the member's differs from it. */
static void access_schedule_resume__goes_by_the_members_time(void **state)
{
	static const int64_t aheads_ms[] = {0, 15 * MINUTE_MS, -15 * MINUTE_MS,
					    60 * 24 * MINUTE_MS};
	static const int64_t walls_ms[] = {0, NOON_MS, NOON_MS + 3600000, INT64_C(2147483648000),
					   INT64_C(4102444800000)};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (size_t k = 0; k < 5; k++) {
			struct member_facts facts = member(aheads_ms[i]);

			issue(aheads_ms[i]);
			access_schedule_resume(access, &facts, NOW_MS + MINUTE_MS, walls_ms[k]);
			assert_int_equal(access->renew_at_ms, NOW_MS + delay_ms);
			assert_int_equal(access->expires_at_ms, NOW_MS + LIFETIME_S * 1000);
		}
	}
}

static void access_schedule_resume__waits_for_the_member(void **state)
{
	struct member_facts facts = member(15 * MINUTE_MS);

	(void)state;
	issue(15 * MINUTE_MS);
	facts.state = MEMBER_CONNECTING;
	access_schedule_resume(access, &facts, NOW_MS, NOON_MS);
	assert_int_equal(access->renew_at_ms, 0);
	assert_int_equal(access_schedule_expiry_ms(access, NOW_MS, NOON_MS),
			 NOW_MS + LIFETIME_S * 1000);
	assert_int_equal(access_schedule_expiry_ms(access, NOW_MS, NOON_MS + 30 * MINUTE_MS),
			 NOW_MS - 5 * MINUTE_MS);
}

static void access_schedule_resume__takes_up_once(void **state)
{
	struct member_facts first = member(0), later = member(9 * MINUTE_MS);

	(void)state;
	issue(0);
	access_schedule_resume(access, &first, NOW_MS, NOON_MS);
	access_schedule_resume(access, &later, NOW_MS, NOON_MS);
	assert_int_equal(access->renew_at_ms, NOW_MS + delay_ms);
	assert_int_equal(access_schedule_expiry_ms(access, NOW_MS + 1, 0),
			 NOW_MS + LIFETIME_S * 1000);
}

/* A member that was behind when it minted, and is right now, or has no time at all. */
static void access_schedule_resume__never_waits_longer_than_the_token_lives(void **state)
{
	struct member_facts facts = member(-15 * MINUTE_MS);

	(void)state;
	issue(0);
	access_schedule_resume(access, &facts, NOW_MS, NOON_MS);
	assert_int_equal(access->renew_at_ms, NOW_MS + delay_ms);
	assert_int_equal(access->expires_at_ms, NOW_MS + LIFETIME_S * 1000);
	issue(0);
	facts = (struct member_facts){.state = MEMBER_READY};
	access_schedule_resume(access, &facts, NOW_MS, NOON_MS + MINUTE_MS);
	assert_int_equal(access->renew_at_ms, NOW_MS + delay_ms - MINUTE_MS);
	issue(0);
	access_schedule_resume(access, &facts, NOW_MS, NOON_MS + 24 * 60 * MINUTE_MS);
	assert_int_equal(access->renew_at_ms, NOW_MS);
	assert_true(access->expires_at_ms < NOW_MS);
}

static void access_schedule_expiry_ms__is_none_without_a_token(void **state)
{
	(void)state;
	issue(0);
	access->delivery_generation = 0;
	access->expires_at_ms = 17;
	assert_int_equal(access_schedule_expiry_ms(access, NOW_MS, NOON_MS), 0);
	access->renew_at_ms = 16;
	assert_int_equal(access_schedule_expiry_ms(access, NOW_MS, NOON_MS), 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(access_schedule_resume__goes_by_the_members_time),
		TEST(access_schedule_resume__waits_for_the_member),
		TEST(access_schedule_resume__takes_up_once),
		TEST(access_schedule_resume__never_waits_longer_than_the_token_lives),
		TEST(access_schedule_expiry_ms__is_none_without_a_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
