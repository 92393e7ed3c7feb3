#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/error.h>
#include <base/json.h>

#include "broker/core/cluster_profile.h"
#include "support/json_pattern.h"

static void cluster_profile_read__keeps_the_uid(void **state)
{
	cleanup_json struct json *object = json_pattern_parse(
		"{'metadata':{'name':'member-1','uid':'profile-1'},'spec':{'displayName':'x'}}");
	struct error err = {0};
	struct cluster_profile *profile = cluster_profile_read(object, &err);

	(void)state;
	assert_non_null(profile);
	assert_string_equal(profile->uid, "profile-1");
	cluster_profile_free(profile);
}

static void cluster_profile_read__keeps_what_policies_and_templates_ask(void **state)
{
	struct json *object =
		json_pattern_parse("{'metadata':{'uid':'profile-1','labels':{'env':'dev'}},"
				   "'spec':{'clusterManager':{'name':'ocm'}},"
				   "'status':{'properties':[{'name':'region','value':'north'}]}}");
	struct error err = {0};
	struct cluster_profile *profile = cluster_profile_read(object, &err);

	(void)state;
	json_free(object);
	assert_non_null(profile);
	assert_string_equal(profile->manager, "ocm");
	assert_string_equal(json_find_string(profile->labels, "env"), "dev");
	assert_string_equal(json_find_string(json_item(profile->properties, 0), "value"), "north");
	cluster_profile_free(profile);
}

static void cluster_profile_read__takes_one_that_says_nothing(void **state)
{
	cleanup_json struct json *object = json_pattern_parse("{'metadata':{'uid':'profile-1'}}");
	struct error err = {0};
	struct cluster_profile *profile = cluster_profile_read(object, &err);

	(void)state;
	assert_non_null(profile);
	assert_null(profile->manager);
	assert_null(profile->labels);
	assert_null(profile->properties);
	cluster_profile_free(profile);
}

static void cluster_profile_read__refuses_an_object_without_uid(void **state)
{
	static const char *const rows[] = {
		"{}", "{'metadata':{}}", "{'metadata':{'uid':7}}", "{'metadata':null}", "[]", "7",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_json struct json *object = json_pattern_parse(rows[i]);
		struct error err = {0};

		assert_null(cluster_profile_read(object, &err));
		assert_int_equal(err.kind, ERROR_INVALID);
	}
}

static void cluster_profile_free__takes_nothing(void **state)
{
	(void)state;
	cluster_profile_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cluster_profile_read__keeps_the_uid),
		cmocka_unit_test(cluster_profile_read__keeps_what_policies_and_templates_ask),
		cmocka_unit_test(cluster_profile_read__takes_one_that_says_nothing),
		cmocka_unit_test(cluster_profile_read__refuses_an_object_without_uid),
		cmocka_unit_test(cluster_profile_free__takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
