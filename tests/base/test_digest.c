#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <base/digest.h>
#include <base/memory.h>

/* FIPS 180-4's examples. */
static void digest_hex__gives_the_vectors_of_sha256(void **state)
{
	char hex[DIGEST_HEX_SIZE];

	(void)state;
	digest_hex("abc", 3, hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223"
				 "b00361a396177a9cb410ff61f20015ad");
	digest_hex("", 0, hex);
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb924"
				 "27ae41e4649b934ca495991b7852b855");
	digest_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, hex);
	assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039"
				 "a33ce45964ff2167f6ecedd419db06c1");

	char *million = memory_new(1000000);
	memset(million, 'a', 1000000);
	digest_hex(million, 1000000, hex);
	assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67"
				 "f1809a48a497200e046d39ccc7112cd0");
	memory_free(million);
}

/* Computed with Python: base32(sha256(8-byte big-endian length and field, each))[:26]. */
static void digest_short__gives_known_answers(void **state)
{
	static const struct {
		const char *fields[4];
		const char *text;
	} rows[] = {
		{{NULL}, "4oymiquy7qobjgx36tejs35zeq"},
		{{"", NULL}, "v5kxb5nbqefxv54mv5f4octgb4"},
		{{"a", "bc", NULL}, "h6x2dtzpdgt4ceu35mqm6cmd64"},
		{{"ab", "c", NULL}, "maovi5xczt7czb5cxot2gitfs4"},
		{{"hub", "8b0a", "1", NULL}, "i4tepwhprip5ibc6woidixbd35"},
	};
	char text[DIGEST_SHORT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		digest_short(rows[i].fields, text);
		assert_string_equal(text, rows[i].text);
		assert_int_equal(strspn(text, "abcdefghijklmnopqrstuvwxyz234567"), 26);
	}
}

static void digest_nonce__differs_every_time(void **state)
{
	char nonces[64][NONCE_SIZE];

	(void)state;
	for (size_t i = 0; i < 64; i++) {
		digest_nonce(nonces[i]);
		assert_int_equal(strlen(nonces[i]), 32);
		assert_int_equal(strspn(nonces[i], "0123456789abcdef"), 32);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(nonces[i], nonces[k]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digest_hex__gives_the_vectors_of_sha256),
		cmocka_unit_test(digest_short__gives_known_answers),
		cmocka_unit_test(digest_nonce__differs_every_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
