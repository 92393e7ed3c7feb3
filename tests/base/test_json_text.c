#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>

#include <base/json_text.h>

static void assert_cut(const char *text, const char *expected)
{
	/* Without a NUL behind it, so that a sanitizer sees each byte that is read too far. */
	size_t size = strlen(text);
	cleanup_free char *exact = memory_resize(NULL, size + (size == 0), 1);
	size_t cut_size = 0;

	memcpy(exact, text, size);
	cleanup_free char *cut = json_text_without_managed_fields(exact, size, &cut_size);
	if (!expected) {
		assert_null(cut);
		return;
	}
	assert_non_null(cut);
	assert_int_equal(cut_size, strlen(expected));
	assert_memory_equal(cut, expected, cut_size);
}

static void json_text_without_managed_fields__cuts_them_wherever_they_stand(void **state)
{
	(void)state;
	assert_cut("{\"metadata\":{\"managedFields\":[{\"a\":[1,2]}],\"name\":\"n\"},\"spec\":1}",
		   "{\"metadata\":{\"name\":\"n\"},\"spec\":1}");
	assert_cut("{\"metadata\":{\"name\":\"n\",\"managedFields\":[{}]}}",
		   "{\"metadata\":{\"name\":\"n\"}}");
	assert_cut("{\"metadata\":{\"a\":{\"b\":[1]},\"managedFields\":[],\"c\":2}}",
		   "{\"metadata\":{\"a\":{\"b\":[1]},\"c\":2}}");
	assert_cut("{\"metadata\":{\"managedFields\":[]}}", "{\"metadata\":{}}");
	assert_cut("{\"items\":[{\"metadata\":{\"managedFields\":[1],\"n\":1}},"
		   "{\"metadata\":{\"n\":2,\"managedFields\":[[2]]}}],\"metadata\":{\"v\":\"3\"}}",
		   "{\"items\":[{\"metadata\":{\"n\":1}},{\"metadata\":{\"n\":2}}],"
		   "\"metadata\":{\"v\":\"3\"}}");
}

static void json_text_without_managed_fields__is_not_misled_by_strings(void **state)
{
	(void)state;
	assert_cut("{\"metadata\":{\"managedFields\":[\"]\",\"\\\"]\",\"\\\\\"],\"n\":1}}",
		   "{\"metadata\":{\"n\":1}}");
	assert_cut("{\"a\":\"\\\"metadata\\\":{\\\"managedFields\\\":[1]}\"}", NULL);
	assert_cut("{\"metadata\":{\"a\":\"\\\"managedFields\\\":[1]\"}}", NULL);
	assert_cut("{\"metadata\":{\"a\":\"}\",\"managedFields\":[1]}}",
		   "{\"metadata\":{\"a\":\"}\"}}");
}

static void json_text_without_managed_fields__leaves_all_else(void **state)
{
	static const char *const rows[] = {
		"",
		"{}",
		"\"",
		"\"\\",
		"{\"metadata\":{",
		"{\"managedFields\":[1]}",
		"{\"spec\":{\"managedFields\":[1]}}",
		"{\"metadata\":{\"labels\":{\"managedFields\":[1]}}}",
		"{\"metadata\":{\"name\":\"n\"},\"managedFields\":[1]}",
		"{\"metadata\":{\"managedFields\":{}}}",
		"{\"metadata\":{\"managedFields\":null}}",
		"{\"metadata\":[\"managedFields\",[1]]}",
		"{\"metadata\":{\"managedFields\":[",
		"{\"metadata\":{\"managedFields\":[{\"]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_cut(rows[i], NULL);
}

static void json_parse_object__reads_the_rest_as_strictly_as_ever(void **state)
{
	static const char text[] =
		"{\"metadata\":{\"managedFields\":[{\"a\":1,\"a\":2}],\"name\":\"n\"}}";
	static const char twice[] =
		"{\"metadata\":{\"managedFields\":[],\"name\":\"n\",\"name\":\"m\"}}";
	struct error err = {0};
	cleanup_json struct json *json = json_parse_object(text, sizeof(text) - 1, &err);

	(void)state;
	assert_non_null(json);
	assert_string_equal(json_find_string(json, "metadata", "name"), "n");
	assert_null(json_find(json, "metadata", "managedFields"));
	assert_null(json_parse_object(twice, sizeof(twice) - 1, &err));
	assert_int_equal(err.kind, ERROR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_text_without_managed_fields__cuts_them_wherever_they_stand),
		cmocka_unit_test(json_text_without_managed_fields__is_not_misled_by_strings),
		cmocka_unit_test(json_text_without_managed_fields__leaves_all_else),
		cmocka_unit_test(json_parse_object__reads_the_rest_as_strictly_as_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
