#include <rbac/rule_set.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>

#include "rbac/rule.h"
#include "support/rule_sample.h"

static void add_words(struct json *rule, const char *field, size_t count)
{
	struct json *list = json_add_array(rule, field);
	char word[32];

	for (size_t i = 0; i < count; i++) {
		snprintf(word, sizeof(word), "w%zu", i);
		json_append_string(list, word);
	}
}

/* An array of one rule with so many words in each of its lists. */
static struct json *rules_of(size_t verbs, size_t groups, size_t resources, size_t names)
{
	struct json *rules = json_array_new();
	struct json *rule = json_append_object(rules);

	add_words(rule, "verbs", verbs);
	add_words(rule, "apiGroups", groups);
	add_words(rule, "resources", resources);
	add_words(rule, "resourceNames", names);
	return rules;
}

static void expect_added(struct rule_set *set, struct json *rules)
{
	cleanup_json struct json *owned = rules;
	struct error err = {0};

	if (!rule_set_add(set, owned, NULL, &err))
		fail_msg("%s", err.text);
}

static void expect_refused(struct rule_set *set, struct json *rules, const char *message)
{
	cleanup_json struct json *owned = rules;
	struct error err = {0};

	assert_false(rule_set_add(set, owned, NULL, &err));
	assert_int_equal(err.kind, ERROR_INVALID);
	assert_string_equal(err.text, message);
}

static void rule_set_add__refuses_every_row(void **state)
{
	cleanup_json struct json *rows = rule_sample_rows(TEST_DATA "/ceilings/refused.json");

	(void)state;
	for (size_t i = 0; i < json_size(rows); i++) {
		const struct json *row = json_item(rows, i);
		struct error err = {0};
		cleanup_rule_set struct rule_set *set =
			rule_sample_read(json_find(row, "set"), &err);

		if (set || err.kind != ERROR_INVALID ||
		    strcmp(err.text, json_find_string(row, "message")) != 0)
			fail_msg("%s: %s", json_find_string(row, "what"), err.text);
	}
}

static void rule_set_add__takes_no_rules(void **state)
{
	struct error err = {0};
	cleanup_rule_set struct rule_set *set =
		rule_sample_set("[{\"rules\":[]},{\"rules\":null}]");

	(void)state;
	assert_true(rule_set_add(set, NULL, NULL, &err));
	assert_int_equal(set->count, 0);
	rule_set_free(NULL);
}

static void rule_set_add__keeps_each_word_once_and_sorted(void **state)
{
	cleanup_rule_set struct rule_set *set = rule_sample_set(
		"[{\"namespace\":\"app\",\"rules\":[{\"verbs\":[\"list\",\"get\",\"list\",\"*\"],"
		"\"apiGroups\":[\"b\",\"\"],\"resources\":[\"~\",\"!\"],"
		"\"resourceNames\":[\"n\"],\"nonResourceURLs\":null}]}]");
	const struct rule *rule = &set->rules[0];

	(void)state;
	assert_int_equal(set->count, 1);
	assert_string_equal(rule->scope, "app");
	assert_int_equal(rule->verbs.count, 3);
	assert_string_equal(rule->verbs.words[0], "*");
	assert_string_equal(rule->verbs.words[1], "get");
	assert_string_equal(rule->verbs.words[2], "list");
	assert_string_equal(rule->groups.words[0], "");
	assert_string_equal(rule->resources.words[0], "!");
	assert_string_equal(rule->names.words[0], "n");
	assert_int_equal(rule->urls.count, 0);
	assert_int_equal(set->words, 3 + 2 + 2 + 1);
	assert_int_equal(set->rights, 3 * 2 * 2);
}

static void rule_set_add__counts_urls(void **state)
{
	cleanup_rule_set struct rule_set *set = rule_sample_set(
		"[{\"rules\":[{\"verbs\":[\"get\",\"head\"],\"nonResourceURLs\":[\"/a\",\"/"
		"b\",\"/c\"]}]}]");

	(void)state;
	assert_null(set->rules[0].scope);
	assert_int_equal(set->words, 5);
	assert_int_equal(set->rights, 6);
}

/* "*" before a slash takes one character more than the resource that it is compared with. */
static void rule_covers_resource__compares_the_longest_words_to_their_end(void **state)
{
	char any[RULE_WORD_MAX + 1] = "*/";
	char one[RULE_WORD_MAX + 1] = "p/";
	char none[RULE_WORD_MAX + 1] = "/";
	char *words[] = {any};
	const struct rule rule = {.resources = {.words = words, .count = 1}};

	(void)state;
	memset(any + 2, 'r', RULE_WORD_MAX - 2);
	memset(one + 2, 'r', RULE_WORD_MAX - 2);
	memset(none + 1, 'r', RULE_WORD_MAX - 1);
	assert_true(rule_covers_resource(&rule, any));
	assert_true(rule_covers_resource(&rule, one));
	assert_false(rule_covers_resource(&rule, none));
}

static void rule_set_add__takes_the_longest_word(void **state)
{
	cleanup_json struct json *rules = rules_of(1, 1, 1, 0);
	cleanup_rule_set struct rule_set *set = rule_set_new();
	struct error err = {0};
	char name[RULE_WORD_MAX + 1] = {0};
	struct json *names = json_array_new();

	(void)state;
	memset(name, 'n', RULE_WORD_MAX);
	json_append_string(names, name);
	cleanup_json struct json *rule = json_dup(json_item(rules, 0));
	json_add(rule, "resourceNames", names);
	json_append_copy(rules, rule);
	assert_true(rule_set_add(set, rules, NULL, &err));
	assert_true(rule_covers_name(&set->rules[1], name));
}

static void rule_set_add__has_room_up_to_its_caps(void **state)
{
	cleanup_rule_set struct rule_set *words = rule_set_new();
	cleanup_rule_set struct rule_set *rights = rule_set_new();

	(void)state;
	expect_added(words, rules_of(1, 1, 1, RULE_SET_WORDS_MAX - 3 - 4));
	expect_refused(words, rules_of(1, 1, 2, 1),
		       "rules[0]: the rules have more than 4096 words: write fewer");
	expect_added(words, rules_of(1, 1, 1, 1));
	expect_added(rights, rules_of(16, 16, 16, 15));
	expect_refused(rights, rules_of(17, 16, 16, 0),
		       "rules[0]: the rules stand for more than 65536 rights: write fewer");
	expect_added(rights, rules_of(16, 16, 16, 0));
	assert_int_equal(rights->rights, RULE_SET_RIGHTS_MAX);
	expect_refused(rights, rules_of(RULE_SET_WORDS_MAX, 1, 1, 1),
		       "rules[0]: the rules have more than 4096 words: write fewer");
	expect_refused(rights, rules_of(RULE_SET_WORDS_MAX + 1, 1, 1, 1),
		       "rules[0]: verbs has 4097 strings: write at most 4096");
}

static void rule_set_add__takes_all_or_nothing(void **state)
{
	cleanup_rule_set struct rule_set *set = rule_set_new();
	struct json *rules = rules_of(1, 1, 1, 1);

	(void)state;
	expect_added(set, rules_of(2, 1, 3, 0));
	json_append_object(rules);
	expect_refused(set, rules, "rules[1]: verbs is empty: write at least one, such as \"get\"");
	assert_int_equal(set->count, 1);
	assert_int_equal(set->words, 6);
	assert_int_equal(set->rights, 6);
}

static void rule_set_add__takes_rules_up_to_its_cap(void **state)
{
	cleanup_rule_set struct rule_set *set = rule_set_new();

	(void)state;
	for (size_t i = 0; i < RULE_SET_RULES_MAX; i++)
		expect_added(set, rules_of(1, 1, 1, 0));
	expect_refused(set, rules_of(1, 1, 1, 0), "there are more than 256 rules: write fewer");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_set_add__refuses_every_row),
		cmocka_unit_test(rule_set_add__takes_no_rules),
		cmocka_unit_test(rule_set_add__keeps_each_word_once_and_sorted),
		cmocka_unit_test(rule_set_add__counts_urls),
		cmocka_unit_test(rule_set_add__takes_the_longest_word),
		cmocka_unit_test(rule_covers_resource__compares_the_longest_words_to_their_end),
		cmocka_unit_test(rule_set_add__has_room_up_to_its_caps),
		cmocka_unit_test(rule_set_add__takes_all_or_nothing),
		cmocka_unit_test(rule_set_add__takes_rules_up_to_its_cap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
