#include "rbac/label_selector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <base/error.h>
#include <base/json.h>

#include "support/rule_sample.h"

static void expect_matches(const struct json *row, const struct label_selector *selector,
			   const char *which, bool expected)
{
	const struct json *list = json_find(row, which);

	for (size_t i = 0; i < json_size(list); i++) {
		const struct json *labels = json_item(list, i);

		if (label_selector_matches(selector, json_is_null(labels) ? NULL : labels) !=
		    expected)
			fail_msg("%s: %s[%zu]", json_find_string(row, "what"), which, i);
	}
}

static void check_row(const struct json *row)
{
	const char *message = json_find_string(row, "message");
	struct label_selector selector = {0};
	struct error err = {0};

	if (label_selector_read(json_find(row, "selector"), &selector, &err)) {
		assert_null(message);
		expect_matches(row, &selector, "yes", true);
		expect_matches(row, &selector, "no", false);
	} else if (err.kind != ERROR_INVALID || strcmp(err.text, message ? message : "") != 0) {
		fail_msg("%s: %s", json_find_string(row, "what"), err.text);
	}
	label_selector_done(&selector);
}

static void label_selector__does_what_every_row_says(void **state)
{
	cleanup_json struct json *rows = rule_sample_rows(TEST_DATA "/policies/selectors.json");

	(void)state;
	for (size_t i = 0; i < json_size(rows); i++)
		check_row(json_item(rows, i));
}

static void label_selector_matches__matches_all_when_empty(void **state)
{
	const struct label_selector empty = {0};

	(void)state;
	assert_true(label_selector_matches(&empty, NULL));
}

static void label_selector_done__can_be_called_twice(void **state)
{
	struct label_selector selector = {0};

	(void)state;
	label_selector_done(&selector);
	label_selector_done(&selector);
	assert_int_equal(selector.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(label_selector__does_what_every_row_says),
		cmocka_unit_test(label_selector_matches__matches_all_when_empty),
		cmocka_unit_test(label_selector_done__can_be_called_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
