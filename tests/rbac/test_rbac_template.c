#include <rbac/rbac_template.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>

#include "support/rule_sample.h"

static char *dump(const struct json *json)
{
	size_t size = 0;

	return json ? json_dump(json, &size) : NULL;
}

static void free_template(struct rbac_template **template)
{
	rbac_template_free(*template);
}

#define cleanup_template __attribute__((cleanup(free_template)))

static struct json *parse(const char *text)
{
	struct error err = {0};
	struct json *json = json_parse(text, strlen(text), &err);

	if (!json)
		fail_msg("%s: %s", err.text, text);
	return json;
}

static struct rbac_template *read_spec(const struct json *spec, struct error *err)
{
	cleanup_json struct json *object = parse("{\"metadata\":{\"name\":\"sample\"}}");

	if (spec)
		json_add_copy(object, "spec", spec);
	return rbac_template_read(object, err);
}

/* The spec is text of JSON; the test fails when it is refused. */
static struct rbac_template *sample(const char *text)
{
	struct error err = {0};
	cleanup_json struct json *spec = parse(text);
	struct rbac_template *template = read_spec(spec, &err);

	if (!template)
		fail_msg("%s", err.text);
	return template;
}

static struct template_input input_of(const struct json *json)
{
	return (struct template_input){
		.parameters = json_find(json, "parameters"),
		.profile_name = json_find_string(json, "name"),
		.profile_namespace = json_find_string(json, "namespace"),
		.labels = json_find(json, "labels"),
		.properties = json_find(json, "properties"),
	};
}

static struct json *render(const struct rbac_template *template, const struct json *input,
			   struct error *err)
{
	const struct template_input given = input_of(input);

	return rbac_template_render(template, &given, err);
}

static void expect_text(const struct json *row, const struct error *err)
{
	const char *message = json_find_string(row, "message");

	if (err->kind != ERROR_INVALID || !message || strcmp(err->text, message) != 0)
		fail_msg("%s: %s", json_find_string(row, "what"), err->text);
}

static void rbac_template_read__refuses_every_row(void **state)
{
	cleanup_json struct json *rows = rule_sample_rows(TEST_DATA "/templates/refused.json");

	(void)state;
	for (size_t i = 0; i < json_size(rows); i++) {
		struct error err = {0};
		cleanup_template struct rbac_template *template =
			read_spec(json_find(json_item(rows, i), "spec"), &err);

		if (template)
			fail_msg("%s: taken", json_find_string(json_item(rows, i), "what"));
		expect_text(json_item(rows, i), &err);
	}
}

static void expect_row(const struct json *row)
{
	struct error err = {0};
	cleanup_template struct rbac_template *template = read_spec(json_find(row, "spec"), &err);
	cleanup_json struct json *result =
		template ? render(template, json_find(row, "input"), &err) : NULL;
	cleanup_free char *text = dump(result);

	if (!result)
		expect_text(row, &err);
	else if (!json_equal(result, json_find(row, "result")))
		fail_msg("%s: %s", json_find_string(row, "what"), text);
}

static void rbac_template_render__answers_every_row(void **state)
{
	cleanup_json struct json *rows = rule_sample_rows(TEST_DATA "/templates/rendered.json");

	(void)state;
	for (size_t i = 0; i < json_size(rows); i++)
		expect_row(json_item(rows, i));
}

static void rbac_template_read__needs_a_name(void **state)
{
	cleanup_json struct json *object = parse(
		"{\"metadata\":{\"name\":\"\"},\"spec\":{\"clusterRoles\":[{\"name\":\"view\"}]}}");
	struct error err = {0};

	(void)state;
	assert_null(rbac_template_read(object, &err));
	assert_string_equal(err.text, "metadata.name: write a name");
	rbac_template_free(NULL);
}

static void rbac_template_name__is_that_of_the_object(void **state)
{
	cleanup_template struct rbac_template *template =
		sample("{\"clusterRoles\":[{\"name\":\"view\"}]}");

	(void)state;
	assert_string_equal(rbac_template_name(template), "sample");
}

/* The rights of a template with one resourceName, which is all that a value can change. */
static const char one_name[] =
	"{\"parameters\":[{\"name\":\"x\"}],\"clusterRoles\":[{\"name\":\"reader\",\"rules\":"
	"[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"],"
	"\"resourceNames\":[\"$(x)\"]}]}]}";

static struct json *input_with(const char *value)
{
	struct json *input = json_object_new();
	struct json *parameter = json_append_object(json_add_array(input, "parameters"));

	json_add_string(parameter, "name", "x");
	json_add_string(parameter, "value", value);
	return input;
}

/* A value stays a value: it is what it was, at its place, and nothing else differs. */
static void rbac_template_render__takes_values_literally(void **state)
{
	static const char *const values[] = {
		"\"",   "\\", "\\\"]}", "}}",  "${x}",     "$(x)", "{{x}}", "$(x",  "'",    "\\n",
		"%s%n", "&a", "!!str",  "---", "],[\"get", "#",    ":",     "0x10", "null", "~",
	};
	cleanup_template struct rbac_template *template = sample(one_name);
	char expected[512];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct error err = {0};
		cleanup_json struct json *input = input_with(values[i]);
		cleanup_json struct json *result = render(template, input, &err);
		cleanup_json struct json *word = json_array_new();

		json_append_string(word, values[i]);
		cleanup_free char *words = dump(word);
		cleanup_free char *text = dump(result);
		snprintf(expected, sizeof(expected),
			 "{\"clusterRoles\":[{\"name\":\"reader\",\"rules\":[{\"apiGroups\":[\"\"],"
			 "\"resourceNames\":%s,\"resources\":[\"pods\"],\"verbs\":[\"get\"]}]}],"
			 "\"roles\":[]}",
			 words);
		assert_non_null(text);
		assert_string_equal(text, expected);
	}
}

static void expect_value_refused(const struct rbac_template *template, const char *value,
				 const char *message)
{
	struct error err = {0};
	cleanup_json struct json *input = input_with(value);
	cleanup_json struct json *result = render(template, input, &err);

	assert_null(result);
	assert_int_equal(err.kind, ERROR_INVALID);
	assert_string_equal(err.text, message);
}

static void rbac_template_render__refuses_what_is_no_word(void **state)
{
	static const char *const values[] = {"a\nb",         "\n",     "a b",  " ",
					     "\t",           "\r",     "\x7f", "\xc3\xa9",
					     "\xe2\x80\xa8", "\x1b[0m"};
	cleanup_template struct rbac_template *template = sample(one_name);

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		expect_value_refused(template, values[i],
				     "template \"sample\": parameter \"x\": value: has a blank or "
				     "a character beyond ASCII: write it without");
}

static void rbac_template_render__refuses_a_mebibyte(void **state)
{
	cleanup_template struct rbac_template *template = sample(one_name);
	cleanup_free char *value = memory_new((1 << 20) + 1);

	(void)state;
	memset(value, 'a', 1 << 20);
	expect_value_refused(template, value,
			     "template \"sample\": parameter \"x\": value: has more than 253 "
			     "bytes: write fewer");
	value[RULE_WORD_MAX + 1] = '\0';
	expect_value_refused(template, value,
			     "template \"sample\": parameter \"x\": value: has more than 253 "
			     "bytes: write fewer");
}

static void rbac_template_render__takes_the_longest_value(void **state)
{
	struct error err = {0};
	cleanup_template struct rbac_template *template = sample(one_name);
	char value[RULE_WORD_MAX + 1];

	(void)state;
	memset(value, 'a', RULE_WORD_MAX);
	value[RULE_WORD_MAX] = '\0';
	cleanup_json struct json *input = input_with(value);
	cleanup_json struct json *result = render(template, input, &err);
	assert_non_null(result);
}

static struct json *list_of(size_t count, const char *item)
{
	struct json *list = json_array_new();
	cleanup_json struct json *parsed = parse(item);

	for (size_t i = 0; i < count; i++)
		json_append_copy(list, parsed);
	return list;
}

static void expect_spec_refused(const char *field, struct json *list, const char *message)
{
	struct error err = {0};
	cleanup_json struct json *spec = parse("{\"clusterRoles\":[{\"name\":\"view\"}]}");
	json_add(spec, field, list);
	cleanup_template struct rbac_template *template = read_spec(spec, &err);

	assert_null(template);
	assert_string_equal(err.text, message);
}

static void rbac_template_read__refuses_a_million_entries(void **state)
{
	(void)state;
	expect_spec_refused("variables", list_of(1000000, "1"),
			    "spec: variables: it has 1000000 entries: write at most 16");
	expect_spec_refused("variables", list_of(17, "1"),
			    "spec: variables: it has 17 entries: write at most 16");
	expect_spec_refused("parameters", list_of(17, "1"),
			    "spec: parameters: it has 17 entries: write at most 16");
	expect_spec_refused("roles", list_of(21, "1"),
			    "spec: roles: it has 21 entries: write at most 20");
	expect_spec_refused("clusterRoles", list_of(21, "1"),
			    "spec: clusterRoles: it has 21 entries: write at most 20");
}

static void rbac_template_render__refuses_very_many_parameters(void **state)
{
	struct error err = {0};
	cleanup_template struct rbac_template *template = sample(one_name);
	cleanup_json struct json *input = json_object_new();

	(void)state;
	json_add(input, "parameters", list_of(100000, "{\"name\":\"x\",\"value\":\"a\"}"));
	cleanup_json struct json *result = render(template, input, &err);
	assert_null(result);
	assert_string_equal(err.text, "template \"sample\": parameters: it has 100000 entries: "
				      "write at most 16");
}

/* As many of both as are allowed, each used. */
static void rbac_template_render__has_room_for_all_parameters_and_variables(void **state)
{
	cleanup_json struct json *spec = json_object_new();
	cleanup_json struct json *input = json_object_new();
	struct json *parameters = json_add_array(spec, "parameters");
	struct json *variables = json_add_array(spec, "variables");
	struct json *roles = json_add_array(spec, "clusterRoles");
	struct error err = {0};
	char name[32];

	(void)state;
	for (int i = 0; i < TEMPLATE_PARAMETERS_MAX; i++) {
		struct json *parameter = json_append_object(parameters);
		struct json *variable = json_append_object(variables);

		snprintf(name, sizeof(name), "p%d", i);
		json_add_string(parameter, "name", name);
		json_add_string(parameter, "default", name);
		snprintf(name, sizeof(name), "v%d", i);
		json_add_string(variable, "name", name);
		json_add_string(json_add_object(variable, "from"), "field", "name");
	}
	json_add_string(json_append_object(roles), "name", "$(p15)");
	json_add_string(json_append_object(roles), "name", "$(v15)");
	json_add_string(input, "name", "member-1");
	cleanup_template struct rbac_template *template = read_spec(spec, &err);
	assert_non_null(template);
	cleanup_json struct json *result = render(template, input, &err);
	cleanup_free char *text = dump(result);
	assert_string_equal(text, "{\"clusterRoles\":[{\"name\":\"p15\"},{\"name\":\"member-1\"}],"
				  "\"roles\":[]}");
}

/* 20 roles times 64 places for 64 values of 60 bytes would be 5 MB. */
static void rbac_template_render__stops_when_there_is_no_room(void **state)
{
	cleanup_json struct json *spec =
		parse("{\"parameters\":[{\"name\":\"x\",\"type\":\"StringList\"}]}");
	struct json *roles = json_add_array(spec, "clusterRoles");
	cleanup_json struct json *input = parse("{\"parameters\":[{\"name\":\"x\"}]}");
	cleanup_json struct json *parameter = parse("{\"name\":\"x\"}");
	struct json *list = json_add_array(input, "parameters");
	struct error err = {0};
	char word[61];

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct json *role = json_append_object(roles);
		struct json *rule = json_append_object(json_add_array(role, "rules"));

		snprintf(word, sizeof(word), "role-%d", i);
		json_add_string(role, "name", word);
		json_append_string(json_add_array(rule, "verbs"), "get");
		json_append_string(json_add_array(rule, "apiGroups"), "");
		json_append_string(json_add_array(rule, "resources"), "pods");
		json_add(rule, "resourceNames", list_of(64, "\"$(x)\""));
	}
	struct json *values = json_add_array(parameter, "values");
	for (int i = 0; i < TEMPLATE_VALUES_MAX; i++) {
		snprintf(word, sizeof(word), "%060d", i);
		json_append_string(values, word);
	}
	json_append_copy(list, parameter);
	cleanup_template struct rbac_template *template = read_spec(spec, &err);
	assert_non_null(template);
	cleanup_json struct json *result = render(template, input, &err);
	assert_null(result);
	assert_string_equal(err.text, "template \"sample\": clusterRoles[0]: with its values, it "
				      "has more than 65536 bytes: write shorter lists");
}

/* The template owns what it needs. */
static void rbac_template_render__outlives_the_object(void **state)
{
	cleanup_template struct rbac_template *template = sample(
		"{\"parameters\":[{\"name\":\"x\",\"type\":\"StringList\",\"defaults\":[\"a\"]}],"
		"\"variables\":[{\"name\":\"y\",\"from\":{\"label\":\"env\"}}],"
		"\"roles\":[{\"namespace\":\"$(y)\",\"name\":\"r\",\"rules\":[{\"verbs\":"
		"[\"$(x)\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]}]}");
	cleanup_json struct json *input = parse("{\"labels\":{\"env\":\"dev\"}}");
	struct error err = {0};

	(void)state;
	for (int i = 0; i < 2; i++) {
		cleanup_json struct json *result = render(template, input, &err);
		cleanup_free char *text = dump(result);

		assert_string_equal(text, "{\"clusterRoles\":[],\"roles\":[{\"name\":\"r\","
					  "\"namespace\":\"dev\",\"rules\":[{\"apiGroups\":[\"\"],"
					  "\"resources\":[\"pods\"],\"verbs\":[\"a\"]}]}]}");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rbac_template_read__refuses_every_row),
		cmocka_unit_test(rbac_template_render__answers_every_row),
		cmocka_unit_test(rbac_template_read__needs_a_name),
		cmocka_unit_test(rbac_template_name__is_that_of_the_object),
		cmocka_unit_test(rbac_template_render__takes_values_literally),
		cmocka_unit_test(rbac_template_render__refuses_what_is_no_word),
		cmocka_unit_test(rbac_template_render__refuses_a_mebibyte),
		cmocka_unit_test(rbac_template_render__takes_the_longest_value),
		cmocka_unit_test(rbac_template_read__refuses_a_million_entries),
		cmocka_unit_test(rbac_template_render__refuses_very_many_parameters),
		cmocka_unit_test(rbac_template_render__has_room_for_all_parameters_and_variables),
		cmocka_unit_test(rbac_template_render__stops_when_there_is_no_room),
		cmocka_unit_test(rbac_template_render__outlives_the_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
