#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/memory.h>

#include "broker/core/access.h"
#include "broker/core/access_tally.h"
#include "broker/core/ledger.h"
#include "broker/core/request.h"
#include "broker/core/store.h"
#include "support/sample_request.h"

enum { NOW_MS = 5000 };

static struct store *accesses;
static struct access_tally tally;

static void free_access(void *access)
{
	access_free(access);
}

static int setup(void **state)
{
	(void)state;
	accesses = store_new(free_access);
	tally = (struct access_tally){0};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store_free(accesses);
	return 0;
}

static struct access *add(const char *uid)
{
	struct access *access = access_new(uid, "team-a/reader");

	store_put(accesses, uid, access);
	return access;
}

static void assert_counts(uint64_t issued, uint64_t waiting, uint64_t ending, uint64_t pending)
{
	access_tally_count(&tally, accesses, NOW_MS);
	assert_int_equal(tally.issued, issued);
	assert_int_equal(tally.waiting, waiting);
	assert_int_equal(tally.ending, ending);
	assert_int_equal(tally.pending, pending);
}

static void access_tally_count__tells_issued_waiting_and_ending_apart(void **state)
{
	struct request *request = sample_request("{}");
	struct access *access = add("uid-1");

	(void)state;
	add("uid-2");
	assert_counts(0, 2, 0, 0);
	access->delivery_generation = 1;
	assert_counts(1, 1, 0, 0);
	access->expires_at_ms = NOW_MS + 1;
	assert_counts(1, 1, 0, 0);
	access->expires_at_ms = NOW_MS;
	assert_counts(0, 2, 0, 0);
	access->ending = true;
	assert_counts(0, 1, 1, 0);
	access->ledger = sample_request_ledger(request);
	assert_counts(0, 1, 1, 1);
	request_free(request);
}

static void access_tally_step__counts_tokens_that_were_issued(void **state)
{
	struct access *access = add("uid-1");

	(void)state;
	access->plan.step = ACCESS_MINT;
	access_tally_step(&tally, access);
	assert_int_equal(tally.mints, 0);
	access->token.secret = secret_from_bytes("a.b.c", 5);
	access_tally_step(&tally, access);
	access->plan.step = ACCESS_PROVE;
	access_tally_step(&tally, access);
	access->plan.step = ACCESS_MINT;
	access->failure.reason = "TokenRefused";
	access_tally_step(&tally, access);
	assert_int_equal(tally.mints, 1);
}

static void access_tally_step__counts_records_that_were_closed(void **state)
{
	struct access *access = add("uid-1");

	(void)state;
	access->plan.step = ACCESS_CLOSE_LEDGER;
	access_tally_step(&tally, access);
	assert_int_equal(tally.revocations, 0);
	access->ledger_closed = true;
	access_tally_step(&tally, access);
	access->plan.step = ACCESS_REMOVE_FINALIZER;
	access_tally_step(&tally, access);
	assert_int_equal(tally.revocations, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(access_tally_count__tells_issued_waiting_and_ending_apart),
		TEST(access_tally_step__counts_tokens_that_were_issued),
		TEST(access_tally_step__counts_records_that_were_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
