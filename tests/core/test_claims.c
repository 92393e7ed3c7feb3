#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <base/base64.h>
#include <base/cleanup.h>
#include <base/error.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/secret.h>
#include <base/text.h>

#include "broker/core/claims.h"

#define HEADER "{\"alg\":\"RS256\",\"kid\":\"x\"}"
#define TIMES  ",\"iat\":1700000000,\"exp\":1700003600"
#define PAYLOAD_WITH(aud)                                                                          \
	"{\"iss\":\"https://issuer\",\"sub\":\"system:serviceaccount:ns:sa\",\"jti\":\"8b0a\","    \
	"\"aud\":" aud TIMES "}"
#define PAYLOAD PAYLOAD_WITH("[\"https://member\",\"b\"]")

static void append_url_safe(struct text *text, const char *bytes)
{
	cleanup_free char *encoded = base64_encode(bytes, strlen(bytes));

	for (char *c = encoded; *c; c++) {
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
		if (*c == '=')
			*c = '\0';
	}
	text_append(text, encoded);
}

static struct secret token_of(const char *header, const char *payload)
{
	struct text text = text_with_max(1 << 20);

	append_url_safe(&text, header);
	text_append(&text, ".");
	append_url_safe(&text, payload);
	text_append(&text, ".c2lnbmF0dXJl");
	size_t size = text.size;
	return secret_take(text_take(&text), size);
}

static void claims_read__takes_a_service_account_token(void **state)
{
	cleanup_secret struct secret token = token_of(HEADER, PAYLOAD);
	cleanup_with(claims_done) struct claims claims = {0};
	struct error err = {0};

	(void)state;
	assert_true(claims_read(&token, &claims, &err));
	assert_string_equal(claims.issuer, "https://issuer");
	assert_string_equal(claims.subject, "system:serviceaccount:ns:sa");
	assert_string_equal(claims.jti, "8b0a");
	assert_int_equal(claims.issued_at, 1700000000);
	assert_int_equal(claims.expires_at, 1700003600);
	assert_int_equal(claims.audience_count, 2);
	assert_string_equal(claims.audiences[0], "https://member");
	assert_string_equal(claims.audiences[1], "b");
}

static void claims_read__takes_a_single_audience_as_text(void **state)
{
	cleanup_secret struct secret token = token_of(HEADER, PAYLOAD_WITH("\"one\""));
	cleanup_with(claims_done) struct claims claims = {0};

	(void)state;
	assert_true(claims_read(&token, &claims, &(struct error){0}));
	assert_int_equal(claims.audience_count, 1);
	assert_string_equal(claims.audiences[0], "one");
}

static void claims_read__tells_what_the_token_is_bound_to(void **state)
{
	cleanup_secret struct secret token =
		token_of(HEADER, "{\"iss\":\"i\",\"sub\":\"s\",\"aud\":\"a\"" TIMES
				 ",\"kubernetes.io\":{\"secret\":{\"uid\":\"anchor-1\"},"
				 "\"serviceaccount\":{\"uid\":\"account-1\"}}}");
	cleanup_secret struct secret unbound = token_of(HEADER, PAYLOAD);
	cleanup_with(claims_done) struct claims claims = {0};
	cleanup_with(claims_done) struct claims none = {0};

	(void)state;
	assert_true(claims_read(&token, &claims, &(struct error){0}));
	assert_string_equal(claims.bound_secret_uid, "anchor-1");
	assert_string_equal(claims.service_account_uid, "account-1");
	assert_true(claims_read(&unbound, &none, &(struct error){0}));
	assert_null(none.bound_secret_uid);
}

static void claims_read__takes_any_algorithm(void **state)
{
	static const char *const headers[] = {"{\"alg\":\"ES256\"}", "{\"alg\":\"ML-DSA-65\"}",
					      "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}", "{}"};

	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		cleanup_secret struct secret token = token_of(headers[i], PAYLOAD);
		cleanup_with(claims_done) struct claims claims = {0};
		assert_true(claims_read(&token, &claims, &(struct error){0}));
	}
}

static void claims_read__takes_a_token_of_an_old_server_without_jti(void **state)
{
	cleanup_secret struct secret token =
		token_of(HEADER, "{\"iss\":\"i\",\"sub\":\"s\",\"aud\":\"a\"" TIMES "}");
	cleanup_with(claims_done) struct claims claims = {0};

	(void)state;
	assert_true(claims_read(&token, &claims, &(struct error){0}));
	assert_null(claims.jti);
}

static void assert_refused(const struct secret *token, const char *what, const char *text)
{
	struct claims claims = {.issued_at = 42};
	struct error err = {0};

	if (claims_read(token, &claims, &err) || err.kind != ERROR_INVALID)
		fail_msg("%s was accepted", what);
	assert_int_equal(claims.issued_at, 42);
	assert_null(strstr(err.text, "canary"));
	if (text && strcmp(err.text, text) != 0)
		fail_msg("%s: %s", what, err.text);
}

#define WITH(claims) "{\"iss\":\"canary\",\"sub\":\"canary\",\"aud\":\"canary\"" claims "}"
static const struct {
	const char *what, *payload, *text;
} refused[] = {
	{"no object", "[]", "part 2 of the token is no object"},
	{"no JSON", "canary", "part 2 of the token: JSON is malformed at byte 6"},
	{"two values", PAYLOAD "{}", NULL},
	{"a duplicate claim", WITH(TIMES ",\"exp\":1700009999"), NULL},
	{"deep nesting",
	 "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", NULL},
	{"no issuer", "{\"sub\":\"s\",\"aud\":\"a\"" TIMES "}",
	 "claim iss of the token is no text"},
	{"an empty issuer", "{\"iss\":\"\",\"sub\":\"s\",\"aud\":\"a\"" TIMES "}",
	 "claim iss of the token is no text"},
	{"no subject", "{\"iss\":\"i\",\"aud\":\"a\"" TIMES "}",
	 "claim sub of the token is no text"},
	{"a subject that is a number", "{\"iss\":\"i\",\"sub\":1,\"aud\":\"a\"" TIMES "}",
	 "claim sub of the token is no text"},
	{"a subject with a line end", "{\"iss\":\"i\",\"sub\":\"a\\nb\",\"aud\":\"a\"" TIMES "}",
	 "claim sub of the token is no text"},
	{"a subject with a DEL", "{\"iss\":\"i\",\"sub\":\"a\x7f\",\"aud\":\"a\"" TIMES "}",
	 "claim sub of the token is no text"},
	{"a jti that is null", WITH(TIMES ",\"jti\":null"), "claim jti of the token is no text"},
	{"a jti that is empty", WITH(TIMES ",\"jti\":\"\""), "claim jti of the token is no text"},
	{"no audience", "{\"iss\":\"i\",\"sub\":\"s\"" TIMES "}",
	 "claim aud of the token is no text"},
	{"an empty list of audiences", PAYLOAD_WITH("[]"), "claim aud of the token is empty"},
	{"an empty audience", PAYLOAD_WITH("\"\""), "claim aud of the token is no text"},
	{"an empty audience in a list", PAYLOAD_WITH("[\"a\",\"\"]"),
	 "claim aud of the token is no text"},
	{"a number among audiences", PAYLOAD_WITH("[\"a\",7]"),
	 "claim aud of the token is no text"},
	{"an object as audience", PAYLOAD_WITH("{\"a\":\"b\"}"),
	 "claim aud of the token is no text"},
	{"no iat", WITH(",\"exp\":1700003600"), "claim iat of the token is no time"},
	{"a negative iat", WITH(",\"iat\":-1,\"exp\":1700003600"),
	 "claim iat of the token is no time"},
	{"an iat that is text", WITH(",\"iat\":\"1700000000\",\"exp\":1700003600"),
	 "claim iat of the token is no time"},
	{"no exp", WITH(",\"iat\":1700000000"), "claim exp of the token is no time"},
	{"a negative exp", WITH(",\"iat\":1700000000,\"exp\":-5"),
	 "claim exp of the token is no time"},
	{"an exp with a fraction", WITH(",\"iat\":1700000000,\"exp\":1700003600.5"),
	 "claim exp of the token is no time"},
	{"an exp written as a real", WITH(",\"iat\":1700000000,\"exp\":1.7e9"),
	 "claim exp of the token is no time"},
	{"an exp that is text", WITH(",\"iat\":1700000000,\"exp\":\"1700003600\""),
	 "claim exp of the token is no time"},
	{"an exp of null", WITH(",\"iat\":1700000000,\"exp\":null"),
	 "claim exp of the token is no time"},
	{"an exp after the year 9999", WITH(",\"iat\":1700000000,\"exp\":253402300800"),
	 "claim exp of the token is no time"},
	{"an exp above 64 bits", WITH(",\"iat\":1700000000,\"exp\":99999999999999999999"), NULL},
	{"an exp before iat", WITH(",\"iat\":1700000000,\"exp\":1699999999"),
	 "the token expires before it is issued"},
	{"an exp at iat", WITH(",\"iat\":1700000000,\"exp\":1700000000"),
	 "the token expires before it is issued"},
};
#undef WITH

static void claims_read__refuses_wrong_claims(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		cleanup_secret struct secret token = token_of(HEADER, refused[i].payload);
		assert_refused(&token, refused[i].what, refused[i].text);
	}
}

static void claims_read__refuses_wrong_headers(void **state)
{
	static const char *const headers[] = {"[]", "\"x\"", "{", "{\"alg\":1,\"alg\":2}", "null"};

	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		cleanup_secret struct secret token = token_of(headers[i], PAYLOAD);
		assert_refused(&token, headers[i], NULL);
	}
}

/* "e30" is {}. */
static void claims_read__refuses_what_is_no_compact_jws(void **state)
{
	static const struct {
		const char *what, *bytes;
		size_t size;
		const char *text;
	} rows[] = {
#define ROW(what, bytes, text) {what, bytes, sizeof(bytes) - 1, text}
		ROW("nothing", "", "token does not have three parts"),
		ROW("one part", "e30", "token does not have three parts"),
		ROW("two parts", "e30.e30", "token does not have three parts"),
		ROW("four parts", "e30.e30.e30.e30", "token does not have three parts"),
		ROW("five parts, as encrypted tokens have", "e30.e30.e30.e30.e30",
		    "token does not have three parts"),
		ROW("no header", ".e30.e30", "token has an empty part"),
		ROW("no payload", "e30..e30", "token has an empty part"),
		ROW("no signature", "e30.e30.", "token has an empty part"),
		ROW("a line end behind", "e30.e30.e30\n", "part 1 or 3"),
		ROW("a line end before", "\ne30.e30.e30", "part 1 of the token: not base64url"),
		ROW("a carriage return inside", "e30.e\r0.e30",
		    "part 2 of the token: not base64url"),
		ROW("a blank", "e30.e 0.e30", "part 2 of the token: not base64url"),
		ROW("a NUL", "e30.e30.e3\0", "part 1 or 3"),
		ROW("padding", "e30=.e30.e30", "part 1 of the token: not base64url"),
		ROW("the other alphabet", "e30.e30.ab+/", "part 1 or 3"),
		ROW("a byte above ASCII", "e30.e30.\xff\xff\xff", "part 1 or 3"),
		ROW("trailing bits", "e31.e30.e30", "part 1 of the token: not base64url"),
		ROW("a scheme", "Bearer e30.e30.e30", "part 1 of the token: not base64url"),
#undef ROW
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_secret struct secret token = secret_from_bytes(rows[i].bytes, rows[i].size);
		const char *text = strcmp(rows[i].text, "part 1 or 3") == 0
					   ? "part 3 of the token: not base64url"
					   : rows[i].text;
		assert_refused(&token, rows[i].what, text);
	}
}

static void claims_read__refuses_a_token_over_the_cap(void **state)
{
	cleanup_secret struct secret token = token_of(HEADER, PAYLOAD);
	cleanup_with(claims_done) struct claims claims = {0};

	(void)state;
	/* The signature is made as long as it takes. */
	cleanup_free char *bytes = memory_new(TOKEN_MAX + 5);
	memset(bytes, 'A', TOKEN_MAX + 4);
	memcpy(bytes, secret_expose(&token), token.size);
	size_t most = TOKEN_MAX - (TOKEN_MAX - token.size) % 4;
	cleanup_secret struct secret fits = secret_from_bytes(bytes, most);
	cleanup_secret struct secret over = secret_from_bytes(bytes, most + 4);
	assert_true(claims_read(&fits, &claims, &(struct error){0}));
	assert_refused(&over, "a long token", "token is longer than 16384 bytes");
}

static void claims_done__is_fine_twice(void **state)
{
	cleanup_secret struct secret token = token_of(HEADER, PAYLOAD);
	struct claims claims = {0};

	(void)state;
	claims_done(&claims);
	assert_true(claims_read(&token, &claims, &(struct error){0}));
	claims_done(&claims);
	claims_done(&claims);
	assert_null(claims.subject);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claims_read__takes_a_service_account_token),
		cmocka_unit_test(claims_read__takes_a_single_audience_as_text),
		cmocka_unit_test(claims_read__tells_what_the_token_is_bound_to),
		cmocka_unit_test(claims_read__takes_any_algorithm),
		cmocka_unit_test(claims_read__takes_a_token_of_an_old_server_without_jti),
		cmocka_unit_test(claims_read__refuses_wrong_claims),
		cmocka_unit_test(claims_read__refuses_wrong_headers),
		cmocka_unit_test(claims_read__refuses_what_is_no_compact_jws),
		cmocka_unit_test(claims_read__refuses_a_token_over_the_cap),
		cmocka_unit_test(claims_done__is_fine_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
