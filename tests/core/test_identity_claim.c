#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>

#include <base/memory.h>

#include "broker/core/access.h"
#include "broker/core/identity_claim.h"
#include "broker/core/ledger.h"
#include "broker/core/request.h"
#include "broker/core/store.h"
#include "support/sample_request.h"

static struct store *ledgers;
static struct ledger *mine;
static struct ledger *other; /* in the store, of another request; its identity is made */

static void replace(char **text, const char *value)
{
	memory_free(*text);
	*text = memory_text(value);
}

static int setup(void **state)
{
	struct request *request = sample_request("{}");

	(void)state;
	ledgers = store_new(ledger_free);
	mine = sample_request_ledger(request);
	other = sample_request_ledger(request);
	replace(&other->uid, "request-2");
	replace(&other->objects[0].uid, "account-2");
	store_put(ledgers, "credbroker-system/request-2", other);
	request_free(request);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ledger_free(mine);
	store_free(ledgers);
	return 0;
}

static const struct ledger *other_as_stored(void)
{
	replace(&other->resource_version, "7");
	return other;
}

static void identity_claim_is_taken__by_the_request_that_made_it(void **state)
{
	(void)state;
	assert_true(identity_claim_is_taken(ledgers, mine));
}

static void identity_claim_is_taken__not_by_its_own_request(void **state)
{
	(void)state;
	replace(&other->uid, mine->uid);
	assert_false(identity_claim_is_taken(ledgers, mine));
}

static void identity_claim_is_taken__not_by_one_that_made_nothing(void **state)
{
	(void)state;
	replace(&other->objects[0].uid, NULL);
	assert_false(identity_claim_is_taken(ledgers, mine));
}

static void identity_claim_is_taken__not_on_another_member(void **state)
{
	(void)state;
	replace(&other->member_uid, "cluster-2");
	assert_false(identity_claim_is_taken(ledgers, mine));
}

static void identity_claim_is_taken__not_in_another_place(void **state)
{
	(void)state;
	replace(&other->objects[0].name, "writer");
	assert_false(identity_claim_is_taken(ledgers, mine));
	replace(&other->objects[0].name, mine->objects[0].name);
	assert_true(identity_claim_is_taken(ledgers, mine));
	replace(&other->objects[0].namespace, "elsewhere");
	assert_false(identity_claim_is_taken(ledgers, mine));
}

static void free_access(void *access)
{
	access_free(access);
}

/* What a request works with counts before the watch shows it. */
static void identity_claim_is_held__by_what_another_request_works_with(void **state)
{
	struct store *accesses = store_new(free_access);
	struct access *holder = access_new("request-2", "team-a/other");

	(void)state;
	store_put(accesses, "request-1", access_new("request-1", "team-a/reader"));
	store_put(accesses, "request-2", holder);
	assert_false(identity_claim_is_held(accesses, mine));
	holder->ledger = ledger_dup(other_as_stored());
	assert_true(identity_claim_is_held(accesses, mine));
	replace(&holder->ledger->uid, mine->uid);
	assert_false(identity_claim_is_held(accesses, mine));
	store_free(accesses);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			identity_claim_is_taken__by_the_request_that_made_it, setup, teardown),
		cmocka_unit_test_setup_teardown(identity_claim_is_taken__not_by_its_own_request,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			identity_claim_is_taken__not_by_one_that_made_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(identity_claim_is_taken__not_on_another_member,
						setup, teardown),
		cmocka_unit_test_setup_teardown(identity_claim_is_taken__not_in_another_place,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			identity_claim_is_held__by_what_another_request_works_with, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
