#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <base/base64.h>
#include <base/cleanup.h>
#include <base/error.h>
#include <base/memory.h>
#include <base/secret.h>

/* RFC 4648 10, and bytes that need both special characters. */
static const struct {
	const char *bytes;
	size_t size;
	const char *text, *url;
} vectors[] = {
	{"", 0, "", ""},
	{"f", 1, "Zg==", "Zg"},
	{"fo", 2, "Zm8=", "Zm8"},
	{"foo", 3, "Zm9v", "Zm9v"},
	{"foob", 4, "Zm9vYg==", "Zm9vYg"},
	{"fooba", 5, "Zm9vYmE=", "Zm9vYmE"},
	{"foobar", 6, "Zm9vYmFy", "Zm9vYmFy"},
	{"\xfb\xef\xbe\xff\xff\xff", 6, "++++////", "----____"},
	{"\0\0\0", 3, "AAAA", "AAAA"},
};
enum { VECTORS = sizeof(vectors) / sizeof(vectors[0]) };

static void base64_encode__gives_the_vectors_of_rfc4648(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		cleanup_free char *text = base64_encode(vectors[i].bytes, vectors[i].size);
		assert_string_equal(text, vectors[i].text);
	}
}

static void base64_decode__reads_the_vectors_of_rfc4648(void **state)
{
	struct error err = {0};

	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		cleanup_secret struct secret bytes = {0};
		assert_true(base64_decode(vectors[i].text, &bytes, &err));
		assert_int_equal(bytes.size, vectors[i].size);
		assert_memory_equal(secret_expose(&bytes), vectors[i].bytes, bytes.size + 1);
	}
}

static void base64url_decode__reads_the_vectors_of_rfc4648(void **state)
{
	struct error err = {0};

	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		cleanup_secret struct secret bytes = {0};
		assert_true(base64url_decode(vectors[i].url, strlen(vectors[i].url), &bytes, &err));
		assert_int_equal(bytes.size, vectors[i].size);
		assert_memory_equal(secret_expose(&bytes), vectors[i].bytes, bytes.size + 1);
	}
}

static void base64url_decode__reads_no_further_than_told(void **state)
{
	cleanup_secret struct secret bytes = {0};
	struct error err = {0};

	(void)state;
	assert_true(base64url_decode("Zm9v.Zm9v", 4, &bytes, &err));
	assert_string_equal(secret_expose(&bytes), "foo");
}

static void base64_decode__passes_over_white_space(void **state)
{
	cleanup_secret struct secret bytes = {0};
	struct error err = {0};

	(void)state;
	assert_true(base64_decode("\n Zm9v\r\n\tYm E =\n", &bytes, &err));
	assert_string_equal(secret_expose(&bytes), "fooba");
}

static void base64_decode__refuses_the_rest(void **state)
{
	static const struct {
		const char *what, *text;
	} rows[] = {
		{"one digit", "Z"},
		{"one digit of zeros, padded", "A==="},
		{"no padding", "Zg"},
		{"half the padding", "Zg="},
		{"too much padding", "Zg==="},
		{"padding behind a whole group", "Zm9v="},
		{"a whole group of padding", "Zm9v===="},
		{"only padding", "===="},
		{"padding in front", "=Zg="},
		{"a digit behind the padding", "Zg==Zg=="},
		{"a digit between the padding", "Zg=Z="},
		{"trailing bits of one byte", "Zh=="},
		{"trailing bits of two bytes", "Zm9="},
		{"the other alphabet's minus", "Zm9-"},
		{"the other alphabet's underscore", "Zm9_"},
		{"punctuation", "Zm9!"},
		{"a byte above ASCII", "Zm9\xff"},
		{"a vertical tab", "Zm9v\v"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_secret struct secret bytes = {0};
		struct error err = {0};
		if (base64_decode(rows[i].text, &bytes, &err) || err.kind != ERROR_INVALID)
			fail_msg("%s was accepted", rows[i].what);
		assert_null(bytes.bytes);
		assert_string_equal(err.text, "not base64");
	}
}

static void base64url_decode__refuses_the_rest(void **state)
{
	static const struct {
		const char *what, *text;
		size_t size;
	} rows[] = {
		{"one digit", "Z", 1},
		{"one digit of zeros", "A", 1},
		{"a lone last digit", "Zm9vZ", 5},
		{"padding", "Zg==", 4},
		{"trailing bits of one byte", "Zh", 2},
		{"trailing bits of two bytes", "Zm9", 3},
		{"the other alphabet's plus", "Zm9+", 4},
		{"the other alphabet's slash", "Zm9/", 4},
		{"white space", "Zm 9v", 5},
		{"a newline at the end", "Zm9v\n", 5},
		{"a NUL", "Zm9\0", 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_secret struct secret bytes = {0};
		struct error err = {0};
		if (base64url_decode(rows[i].text, rows[i].size, &bytes, &err) ||
		    err.kind != ERROR_INVALID)
			fail_msg("%s was accepted", rows[i].what);
		assert_null(bytes.bytes);
	}
}

static void base64_decode__reads_back_every_size_and_byte(void **state)
{
	char bytes[256];
	struct error err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 167 + 13);
	for (size_t size = 0; size <= sizeof(bytes); size++) {
		cleanup_secret struct secret back = {0};
		cleanup_free char *text = base64_encode(bytes, size);
		assert_int_equal(strlen(text), (size + 2) / 3 * 4);
		assert_true(base64_decode(text, &back, &err));
		assert_int_equal(back.size, size);
		assert_memory_equal(secret_expose(&back), bytes, size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_encode__gives_the_vectors_of_rfc4648),
		cmocka_unit_test(base64_decode__reads_the_vectors_of_rfc4648),
		cmocka_unit_test(base64url_decode__reads_the_vectors_of_rfc4648),
		cmocka_unit_test(base64url_decode__reads_no_further_than_told),
		cmocka_unit_test(base64_decode__passes_over_white_space),
		cmocka_unit_test(base64_decode__refuses_the_rest),
		cmocka_unit_test(base64url_decode__refuses_the_rest),
		cmocka_unit_test(base64_decode__reads_back_every_size_and_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
