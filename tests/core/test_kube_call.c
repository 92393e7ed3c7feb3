#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/cleanup.h>
#include <base/json.h>
#include <base/memory.h>

#include "broker/core/kube_call.h"

static void assert_options(const char *uid, const char *version, const char *expected)
{
	cleanup_json struct json *options = kube_delete_options(uid, version);
	cleanup_free char *text = NULL;
	size_t size;

	text = json_dump(options, &size);
	assert_string_equal(text, expected);
}

#define HEAD "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\","
#define TAIL "\"propagationPolicy\":\"Background\"}"

static void kube_delete_options__holds_what_is_known_as_a_precondition(void **state)
{
	(void)state;
	assert_options("u", NULL, HEAD "\"preconditions\":{\"uid\":\"u\"}," TAIL);
	assert_options(NULL, "7", HEAD "\"preconditions\":{\"resourceVersion\":\"7\"}," TAIL);
	assert_options("u", "7",
		       HEAD "\"preconditions\":{\"resourceVersion\":\"7\",\"uid\":\"u\"}," TAIL);
}

static void kube_delete_options__without_a_precondition_says_nothing_of_one(void **state)
{
	(void)state;
	assert_options(NULL, NULL, HEAD TAIL);
}

static void kube_call_version_is_older__compares_numbers(void **state)
{
	(void)state;
	assert_true(kube_call_version_is_older("9", "10"));
	assert_true(kube_call_version_is_older("123", "124"));
	assert_false(kube_call_version_is_older("124", "124"));
	assert_false(kube_call_version_is_older("1000", "999"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kube_call_version_is_older__compares_numbers),
		cmocka_unit_test(kube_delete_options__holds_what_is_known_as_a_precondition),
		cmocka_unit_test(kube_delete_options__without_a_precondition_says_nothing_of_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
