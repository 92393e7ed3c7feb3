#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include <base/base64.h>
#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/secret.h>

#include "broker/core/delivered_token.h"
#include "broker/core/ledger.h"
#include "support/json_pattern.h"
#include "support/sample_token.h"

enum { ISSUED_AT = 1772366400, LIFETIME = 3600 };

static char uid[] = "anchor-1", jti[] = "jti-1", no_jti[] = LEDGER_NO_JTI;
static struct ledger_anchor anchor;

static int setup(void **state)
{
	(void)state;
	anchor = (struct ledger_anchor){
		.uid = uid, .jti = jti, .issued_at = ISSUED_AT, .expires_at = ISSUED_AT + LIFETIME};
	return 0;
}

/* A Secret with a token whose claims are the usual ones with CHANGES. */
static struct json *secret_with(const char *changes)
{
	cleanup_json struct json *usual =
		sample_token_claims("someone", ISSUED_AT, LIFETIME, "jti-1");
	cleanup_json struct json *bound =
		json_pattern_parse("{'kubernetes.io':{'secret':{'uid':'anchor-1'}}}");
	cleanup_json struct json *other = json_pattern_parse(changes);
	cleanup_json struct json *first = json_pattern_merge(usual, bound);
	cleanup_json struct json *claims = json_pattern_merge(first, other);
	cleanup_free char *token = sample_token(claims);
	cleanup_free char *encoded = base64_encode(token, strlen(token));
	struct json *secret = json_object_new();

	json_add_string(json_add_object(secret, "data"), "token", encoded);
	return secret;
}

/* NULL: it was read. */
static const char *reads(const char *changes)
{
	static struct error err;
	cleanup_json struct json *secret = secret_with(changes);
	cleanup_secret struct secret token = {0};
	bool read;

	err = (struct error){0};
	read = delivered_token_read(secret, &anchor, &token, &err);
	assert_int_equal(read, !secret_is_empty(&token));
	assert_int_equal(read, err.kind == ERROR_NONE);
	assert_true(read || err.kind == ERROR_INVALID);
	assert_null(strstr(err.text, "eyJ"));
	return read ? NULL : err.text;
}

static void delivered_token_read__gives_the_token_on_record(void **state)
{
	(void)state;
	assert_null(reads("{}"));
}

static void delivered_token_read__refuses_any_other(void **state)
{
	const char *const changes[] = {
		"{'jti':'jti-2'}",
		"{'jti':null}",
		"{'iat':1772366401}",
		"{'exp':1772373600}",
		"{'kubernetes.io':{'secret':{'uid':'anchor-2'}}}",
		"{'kubernetes.io':{'secret':null}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		assert_string_equal(reads(changes[i]),
				    "the Secret holds another token than the one on record");
}

static void delivered_token_read__knows_a_token_without_an_id(void **state)
{
	(void)state;
	anchor.jti = no_jti;
	assert_null(reads("{'jti':null}"));
	assert_non_null(reads("{}"));
}

static void delivered_token_read__refuses_what_is_no_token(void **state)
{
	const char *const secrets[] = {
		"{}",
		"{'data':null}",
		"{'data':{'token':7}}",
		"{'data':{'token':''}}",
		"{'data':{'token':'***'}}",
		"{'data':{'token':'YS5iLmM='}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		cleanup_json struct json *secret = json_pattern_parse(secrets[i]);
		struct secret token = {0};
		struct error err = {0};

		assert_false(delivered_token_read(secret, &anchor, &token, &err));
		assert_string_equal(err.text, "the Secret holds no token");
		assert_true(secret_is_empty(&token));
	}
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(delivered_token_read__gives_the_token_on_record),
		TEST(delivered_token_read__refuses_any_other),
		TEST(delivered_token_read__knows_a_token_without_an_id),
		TEST(delivered_token_read__refuses_what_is_no_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
