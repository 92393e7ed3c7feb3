#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include <base/secret.h>

#include "broker/core/request_nonce.h"

static struct secret key;

static int setup(void **state)
{
	(void)state;
	key = secret_from_bytes("0123456789abcdef0123456789abcdef", 32);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	secret_done(&key);
	return 0;
}

static void request_nonce__is_the_same_for_the_same_request(void **state)
{
	char nonce[NONCE_SIZE];
	char again[NONCE_SIZE];

	(void)state;
	request_nonce(&key, "hub-1", "request-1", nonce);
	request_nonce(&key, "hub-1", "request-1", again);
	assert_string_equal(nonce, again);
	assert_int_equal(strlen(nonce), NONCE_SIZE - 1);
	assert_int_equal(strspn(nonce, "0123456789abcdef"), NONCE_SIZE - 1);
}

static void request_nonce__differs_with_key_hub_and_request(void **state)
{
	struct secret other = secret_from_bytes("0123456789abcdef0123456789abcdee", 32);
	char nonces[4][NONCE_SIZE];

	(void)state;
	request_nonce(&key, "hub-1", "request-1", nonces[0]);
	request_nonce(&other, "hub-1", "request-1", nonces[1]);
	request_nonce(&key, "hub-2", "request-1", nonces[2]);
	request_nonce(&key, "hub-1", "request-2", nonces[3]);
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(nonces[i], nonces[j]);
	secret_done(&other);
}

static void request_nonce__is_drawn_without_a_key(void **state)
{
	char nonce[NONCE_SIZE];
	char again[NONCE_SIZE];

	(void)state;
	request_nonce(NULL, "hub-1", "request-1", nonce);
	request_nonce(NULL, "hub-1", "request-1", again);
	assert_string_not_equal(nonce, again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_nonce__is_the_same_for_the_same_request),
		cmocka_unit_test(request_nonce__differs_with_key_hub_and_request),
		cmocka_unit_test(request_nonce__is_drawn_without_a_key),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
