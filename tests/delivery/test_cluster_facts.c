#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "broker/delivery/cluster_facts.h"

static const struct cluster_facts member = {
	.name = "m1", .server = "https://m1:6443", .ca_pem = "CA", .tls_server_name = "m1"};

static bool differs(struct cluster_facts facts)
{
	struct cluster_facts first = member;

	cluster_facts_seal(&first);
	cluster_facts_seal(&facts);
	assert_int_equal(strlen(facts.digest), DIGEST_SHORT_SIZE - 1);
	return strcmp(first.digest, facts.digest) != 0;
}

static void cluster_facts_seal__tells_apart_what_applications_are_told(void **state)
{
	struct cluster_facts other = member;

	(void)state;
	assert_false(differs(other));
	other.server = "https://m1:7443";
	assert_true(differs(other));
	other = member;
	other.ca_pem = "CA2";
	assert_true(differs(other));
	other = member;
	other.tls_server_name = NULL;
	assert_true(differs(other));
	other = member;
	other.name = "m2";
	assert_true(differs(other));
	memcpy(other.digest, "something of before", 20);
	other.name = "m1";
	assert_false(differs(other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cluster_facts_seal__tells_apart_what_applications_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
