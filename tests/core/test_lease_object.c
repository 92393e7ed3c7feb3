#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>

#include "broker/core/lease_object.h"

/* 2026-03-01T12:00:00.000007Z */
#define NOW_US 1772366400000007

static struct json *parse(const char *text)
{
	struct error err = {0};
	struct json *json = json_parse(text, strlen(text), &err);

	assert_non_null(json);
	return json;
}

static void assert_rendered(const struct json *lease, const struct lease_terms *terms,
			    const char *text)
{
	cleanup_json struct json *object = lease_object_render(lease, "system", terms, NOW_US);
	cleanup_free char *rendered = NULL;
	size_t size;

	rendered = json_dump(object, &size);
	assert_string_equal(rendered, text);
}

static void lease_render__makes_a_new_one_with_times_of_six_digits(void **state)
{
	(void)state;
	assert_rendered(
		NULL,
		&(struct lease_terms){
			.holder = "me", .duration_s = 15, .transitions = 1, .taken = true},
		"{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\","
		"\"metadata\":{\"labels\":{\"app.kubernetes.io/managed-by\":\"credbroker\"},"
		"\"name\":\"credbroker\",\"namespace\":\"system\"},"
		"\"spec\":{\"acquireTime\":\"2026-03-01T12:00:00.000007Z\","
		"\"holderIdentity\":\"me\",\"leaseDurationSeconds\":15,"
		"\"leaseTransitions\":1,\"renewTime\":\"2026-03-01T12:00:00.000007Z\"}}");
}

static void lease_render__keeps_what_others_wrote_and_the_resource_version(void **state)
{
	cleanup_json struct json *lease =
		parse("{\"metadata\":{\"annotations\":{\"a\":\"b\"},\"resourceVersion\":\"7\"},"
		      "\"spec\":{\"acquireTime\":\"then\",\"preferredHolder\":\"p\",\"strategy\":"
		      "\"s\"}}");

	(void)state;
	assert_rendered(
		lease, &(struct lease_terms){.holder = "", .duration_s = 1, .transitions = 4},
		"{\"metadata\":{\"annotations\":{\"a\":\"b\"},\"resourceVersion\":\"7\"},"
		"\"spec\":{\"acquireTime\":\"then\",\"holderIdentity\":\"\","
		"\"leaseDurationSeconds\":1,\"leaseTransitions\":4,\"preferredHolder\":\"p\","
		"\"renewTime\":\"2026-03-01T12:00:00.000007Z\",\"strategy\":\"s\"}}");
}

static void lease_holder__is_nobody_where_none_is_named(void **state)
{
	cleanup_json struct json *lease = parse("{\"spec\":{\"holderIdentity\":null}}");

	(void)state;
	assert_string_equal(lease_object_holder(NULL), "");
	assert_string_equal(lease_object_holder(lease), "");
}

static void lease_duration_ms__is_bounded(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{"{\"spec\":{}}", 15000},
		{"{\"spec\":{\"leaseDurationSeconds\":0}}", 15000},
		{"{\"spec\":{\"leaseDurationSeconds\":-3}}", 15000},
		{"{\"spec\":{\"leaseDurationSeconds\":1}}", 1000},
		{"{\"spec\":{\"leaseDurationSeconds\":9223372036854775807}}", 3600000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_json struct json *lease = parse(rows[i].text);

		assert_int_equal(lease_object_duration_ms(lease, 15000), rows[i].ms);
	}
}

static void lease_transitions__is_never_negative(void **state)
{
	cleanup_json struct json *lease = parse("{\"spec\":{\"leaseTransitions\":-1}}");

	(void)state;
	assert_int_equal(lease_object_transitions(lease), 0);
	assert_int_equal(lease_object_transitions(NULL), 0);
}

static void lease_is_unchanged__looks_at_the_spec_alone(void **state)
{
	cleanup_json struct json *a =
		parse("{\"metadata\":{\"a\":1},\"spec\":{\"renewTime\":\"x\"}}");
	cleanup_json struct json *b =
		parse("{\"metadata\":{\"a\":2},\"spec\":{\"renewTime\":\"x\"}}");
	cleanup_json struct json *c =
		parse("{\"metadata\":{\"a\":1},\"spec\":{\"renewTime\":\"y\"}}");

	(void)state;
	assert_true(lease_object_is_unchanged(a, b));
	assert_false(lease_object_is_unchanged(a, c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lease_render__makes_a_new_one_with_times_of_six_digits),
		cmocka_unit_test(lease_render__keeps_what_others_wrote_and_the_resource_version),
		cmocka_unit_test(lease_holder__is_nobody_where_none_is_named),
		cmocka_unit_test(lease_duration_ms__is_bounded),
		cmocka_unit_test(lease_transitions__is_never_negative),
		cmocka_unit_test(lease_is_unchanged__looks_at_the_spec_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
