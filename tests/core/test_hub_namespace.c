#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/error.h>
#include <base/json.h>

#include "broker/core/hub_namespace.h"
#include "support/json_pattern.h"

static void hub_namespace_read__keeps_a_copy_of_the_labels(void **state)
{
	struct json *object = json_pattern_parse(
		"{'metadata':{'name':'team-a','uid':'n-1','labels':{'team':'a'}}}");
	struct error err = {0};
	struct hub_namespace *found = hub_namespace_read(object, &err);

	(void)state;
	json_free(object);
	assert_non_null(found);
	assert_string_equal(json_find_string(found->labels, "team"), "a");
	hub_namespace_free(found);
}

static void hub_namespace_read__takes_one_without_labels(void **state)
{
	cleanup_json struct json *object =
		json_pattern_parse("{'metadata':{'name':'team-a','uid':'n-1'}}");
	struct error err = {0};
	struct hub_namespace *found = hub_namespace_read(object, &err);

	(void)state;
	assert_non_null(found);
	assert_null(found->labels);
	hub_namespace_free(found);
}

static void hub_namespace_read__refuses_an_object_without_uid(void **state)
{
	static const char *const rows[] = {
		"{}", "{'metadata':{'name':'team-a'}}", "{'metadata':{'uid':7}}", "[]", "7",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_json struct json *object = json_pattern_parse(rows[i]);
		struct error err = {0};

		assert_null(hub_namespace_read(object, &err));
		assert_int_equal(err.kind, ERROR_INVALID);
		assert_string_equal(err.text, "a Namespace without uid");
	}
}

static void hub_namespace_free__takes_nothing(void **state)
{
	(void)state;
	hub_namespace_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hub_namespace_read__keeps_a_copy_of_the_labels),
		cmocka_unit_test(hub_namespace_read__takes_one_without_labels),
		cmocka_unit_test(hub_namespace_read__refuses_an_object_without_uid),
		cmocka_unit_test(hub_namespace_free__takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
