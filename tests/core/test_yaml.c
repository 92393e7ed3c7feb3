#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "broker/core/yaml.h"

static void yaml_parse__gives_json(void **state)
{
	static const struct {
		const char *yaml, *json;
	} rows[] = {
		{"a: b\n", "{\"a\":\"b\"}"},
		{"{}", "{}"},
		{"a:\n- 1\n- x: y\n  z: []\n- - nested\n",
		 "{\"a\":[1,{\"x\":\"y\",\"z\":[]},[\"nested\"]]}"},
		{"---\na: 1\n...\n", "{\"a\":1}"},
		{"%YAML 1.1\n---\na: 1\n", "{\"a\":1}"},
		{"# comment\na: 1 # comment\n", "{\"a\":1}"},
		{"a: |\n  one\n  two\nb: >\n  one\n  two\n",
		 "{\"a\":\"one\\ntwo\\n\",\"b\":\"one two\\n\"}"},
		{"\"a b\": 'it''s'\nc: \"\\u00e9\\n\"\n",
		 "{\"a b\":\"it's\",\"c\":\"\xc3\xa9\\n\"}"},
		{"1: one\ntrue: yes\n? x\n: y\n", "{\"1\":\"one\",\"true\":\"yes\",\"x\":\"y\"}"},
		{"\xef\xbb\xbf"
		 "a: b\n",
		 "{\"a\":\"b\"}"},
		{"{\"a\": [true, {\"b\": null}]}", "{\"a\":[true,{\"b\":null}]}"},
		{"a: !!str 1\nb: !!map {}\nc: !!seq []\n", "{\"a\":\"1\",\"b\":{},\"c\":[]}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};
		size_t size;
		cleanup_json struct json *json =
			yaml_parse(rows[i].yaml, strlen(rows[i].yaml), &err);
		if (!json)
			fail_msg("%s: %s", rows[i].yaml, err.text);
		cleanup_free char *text = json_dump(json, &size);
		assert_string_equal(text, rows[i].json);
	}
}

static void yaml_parse__gives_types_to_plain_scalars_only(void **state)
{
	static const struct {
		const char *yaml, *json;
	} rows[] = {
		{"true", "true"},
		{"True", "true"},
		{"TRUE", "true"},
		{"false", "false"},
		{"False", "false"},
		{"FALSE", "false"},
		{"null", "null"},
		{"Null", "null"},
		{"NULL", "null"},
		{"~", "null"},
		{"", "null"},
		{"0", "0"},
		{"-0", "0"},
		{"42", "42"},
		{"-7", "-7"},
		{"9223372036854775807", "9223372036854775807"},
		{"9223372036854775808", "\"9223372036854775808\""},
		{"-9223372036854775809", "\"-9223372036854775809\""},
		{"007", "\"007\""},
		{"+1", "\"+1\""},
		{"--1", "\"--1\""},
		{"-", NULL},
		{"1_000", "\"1_000\""},
		{"0x10", "\"0x10\""},
		{"0o7", "\"0o7\""},
		{"1.0", "\"1.0\""},
		{"1e3", "\"1e3\""},
		{".inf", "\".inf\""},
		{"yes", "\"yes\""},
		{"no", "\"no\""},
		{"on", "\"on\""},
		{"tRUE", "\"tRUE\""},
		{"2001-01-01", "\"2001-01-01\""},
		{"1:30", "\"1:30\""},
		{"'true'", "\"true\""},
		{"\"42\"", "\"42\""},
		{"'~'", "\"~\""},
		{"\"\"", "\"\""},
		{"|\n  42", "\"42\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};
		size_t size;
		cleanup_text struct text yaml = text_with_max(100);
		text_appendf(&yaml, "a: %s", rows[i].yaml);
		cleanup_json struct json *json = yaml_parse(text_chars(&yaml), yaml.size, &err);
		assert_int_equal(json != NULL, rows[i].json != NULL);
		if (!json)
			continue;
		cleanup_free char *text = json_dump(json_find(json, "a"), &size);
		if (strcmp(text, rows[i].json) != 0)
			fail_msg("%s became %s", rows[i].yaml, text);
	}
}

static const struct {
	const char *what, *bytes;
	size_t size;
	const char *text;
} refused[] = {
#define ROW(what, bytes, text)                                                                     \
	{                                                                                          \
		what, bytes, sizeof(bytes) - 1, text                                               \
	}
	ROW("nothing", "", "YAML has no mapping at its root at line 1, column 1"),
	ROW("a comment alone", "# a\n", "YAML has no mapping at its root at line 2, column 1"),
	ROW("a scalar", "a", "YAML has no mapping at its root at line 1, column 1"),
	ROW("a list", "- a", "YAML has no mapping at its root at line 1, column 1"),
	ROW("two documents", "a: 1\n---\nb: 2\n", "YAML has a second document at line 2, column 1"),
	ROW("an open flow mapping", "{a: 1", "YAML is malformed at line 2, column 1"),
	ROW("bad indentation", "a: 1\n b: 2\n", NULL),
	ROW("a tab as indentation", "a:\n\tb: 1\n", NULL),
	ROW("two values for a key", "a: b: c\n", NULL),
	ROW("an anchor on a scalar", "a: &x 1\n",
	    "YAML has an anchor or a tag at line 1, column 4"),
	ROW("an anchor on a mapping", "a: &x {}\n",
	    "YAML has an anchor or a tag at line 1, column 4"),
	ROW("an anchor on a list", "a: &x []\n", "YAML has an anchor or a tag at line 1, column 4"),
	ROW("an anchor on a key", "&x a: 1\n", NULL),
	ROW("an anchor on the root", "&x\na: 1\n", NULL),
	ROW("an alias", "a: *x\n", "YAML has an alias at line 1, column 4"),
	ROW("an alias in a list", "a: [*x]\n", "YAML has an alias at line 1, column 5"),
	ROW("an alias as key", "*x : 1\n", "YAML has a key that is no string at line 1, column 1"),
	ROW("a merge key", "<<: {a: 1}\n", "YAML has a merge key at line 1, column 1"),
	ROW("a quoted merge key", "\"<<\": {a: 1}\n", NULL),
	ROW("a duplicate key", "a: 1\nb: 2\na: 3\n",
	    "YAML has the same key twice at line 3, column 1"),
	ROW("a duplicate key spelt otherwise", "a: 1\n\"a\": 3\n", NULL),
	ROW("a duplicate key inside", "x: {a: 1, a: 1}\n", NULL),
	ROW("a list as key", "? [a]\n: 1\n",
	    "YAML has a key that is no string at line 1, column 3"),
	ROW("a mapping as key", "{a: 1}: 1\n", NULL),
	ROW("a tag of a program", "a: !!python/object x\n",
	    "YAML has an anchor or a tag at line 1, column 4"),
	ROW("a binary tag", "a: !!binary aGk=\n", NULL),
	ROW("a tag for another type", "a: !!int \"1\"\n", NULL),
	ROW("a tag without a name", "a: ! 2\n", NULL),
	ROW("a local tag", "a: !x 1\n", NULL),
	ROW("a local tag on a mapping", "a: !x {}\n", NULL),
	ROW("a local tag on a list", "a: !x []\n", NULL),
	ROW("a scalar tag on a mapping", "a: !!str {}\n", NULL),
	ROW("a tag on a key", "!!int 1: 1\n", NULL),
	ROW("a tag on the root", "!x\na: 1\n", NULL),
	ROW("an escaped NUL", "a: \"x\\0y\"\n", "YAML has a NUL character at line 1, column 4"),
	ROW("an escaped NUL in a key", "\"x\\0y\": 1\n",
	    "YAML has a NUL character at line 1, column 1"),
	ROW("a raw NUL", "a: x\0y\n", NULL),
	ROW("a control character", "a: \x01\n", NULL),
	ROW("a byte that is no UTF-8", "a: \xff\n", NULL),
	ROW("a surrogate in UTF-8", "a: \xed\xa0\x80\n", NULL),
	ROW("an escaped surrogate", "a: \"\\ud83d\\ude00\"\n", NULL),
	ROW("an overlong slash", "a: \xc0\xaf\n", NULL),
	ROW("UTF-16",
	    "\xff\xfe"
	    "a\0:\0 \0b\0",
	    NULL),
	ROW("another version", "%YAML 2.0\n---\na: 1\n", NULL),
	ROW("an unknown escape", "a: \"\\q\"\n", NULL),
	ROW("an open string", "a: \"b\n", NULL),
	ROW("a reserved character", "a: @b\n", NULL),
#undef ROW
};

static void yaml_parse__refuses_the_rest(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct error err = {0};
		/* A copy, so that the sanitizer sees a read behind the end. */
		cleanup_free char *bytes = memory_resize(NULL, refused[i].size, 1);
		memcpy(bytes, refused[i].bytes, refused[i].size);
		cleanup_json struct json *json = yaml_parse(bytes, refused[i].size, &err);
		if (json || err.kind != ERROR_INVALID)
			fail_msg("%s was accepted", refused[i].what);
		if (refused[i].text)
			assert_string_equal(err.text, refused[i].text);
	}
}

static void yaml_parse__never_quotes_the_input(void **state)
{
	static const char *const rows[] = {
		"token: canary\ntoken: canary\n",
		"token: *canary\n",
		"token: !canary x\n",
		"canary",
		"token: \"canary\n",
		"canary: [canary\n",
		"a: %canary\n",
		"<<: canary\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};
		assert_null(yaml_parse(rows[i], strlen(rows[i]), &err));
		assert_null(strstr(err.text, "canary"));
	}
}

static char *repeated(const char *before, const char *part, size_t count, const char *after)
{
	struct text text = text_with_max(16 << 20);

	text_append(&text, before);
	for (size_t i = 0; i < count; i++)
		text_append(&text, part);
	text_append(&text, after);
	return text_take(&text);
}

static void assert_refused(char *yaml, const char *why)
{
	struct error err = {0};
	cleanup_free char *owned = yaml;

	assert_null(yaml_parse(owned, strlen(owned), &err));
	assert_memory_equal(err.text, why, strlen(why));
}

static void yaml_parse__takes_the_deepest_nesting_and_no_deeper(void **state)
{
	(void)state;
	cleanup_free char *flow = repeated("a: ", "[", YAML_DEPTH_MAX - 1, "");
	cleanup_free char *close = repeated("", "]", YAML_DEPTH_MAX - 1, "");
	cleanup_free char *whole = repeated(flow, close, 1, "");
	cleanup_json struct json *json = yaml_parse(whole, strlen(whole), &(struct error){0});
	assert_non_null(json);
	assert_refused(repeated("a: ", "[", YAML_DEPTH_MAX, ""), "YAML nests too deep");
	assert_refused(repeated("a: ", "{b: ", YAML_DEPTH_MAX, ""), "YAML nests too deep");
	assert_refused(repeated("a: ", "[", 100000, ""), "YAML nests too deep");
	assert_refused(repeated("a:\n ", "- ", 10000, ""), "YAML nests too deep");
}

static void yaml_parse__refuses_too_many_nodes(void **state)
{
	(void)state;
	/* The mapping, the list and its items. */
	cleanup_free char *most = repeated("a:\n", "- 1\n", YAML_NODES_MAX - 2, "");
	cleanup_json struct json *json = yaml_parse(most, strlen(most), &(struct error){0});
	assert_non_null(json);
	assert_refused(repeated("a:\n", "- 1\n", YAML_NODES_MAX - 1, ""),
		       "YAML has too many nodes");
	assert_refused(repeated("a: [", "[],", 200000, "]"), "YAML has too many nodes");
}

static void yaml_parse__refuses_more_than_a_secret_holds(void **state)
{
	(void)state;
	cleanup_free char *most = repeated("a: 1", "\n", KUBECONFIG_MAX - 4, "");
	cleanup_json struct json *json = yaml_parse(most, strlen(most), &(struct error){0});
	assert_non_null(json);
	assert_refused(repeated("a: 1", "\n", KUBECONFIG_MAX - 3, ""),
		       "YAML is longer than 1048576 bytes");
}

static void assert_stream(const char *yaml, const char *expected)
{
	struct error err = {0};
	size_t size;
	cleanup_json struct json *json = yaml_parse_stream(yaml, strlen(yaml), &err);
	cleanup_free char *text = json ? json_dump(json, &size) : NULL;

	if (!text_same(text, expected))
		fail_msg("%s: %s %s", yaml, text ? text : "-", err.text);
}

static void yaml_parse_stream__gives_every_document_that_holds_something(void **state)
{
	(void)state;
	assert_stream("", "[]");
	assert_stream("# nothing\n", "[]");
	assert_stream("a: 1\n", "[{\"a\":1}]");
	assert_stream("---\n---\na: 1\n---\n# nothing\n---\nb: 2\n...\n", "[{\"a\":1},{\"b\":2}]");
}

static void yaml_parse_stream__refuses_what_one_document_may_not_be(void **state)
{
	static const char *const rows[] = {
		"a: 1\n---\n- b\n",   "a: 1\n---\nword\n",    "a: 1\n---\n''\n",
		"a: 1\n---\nb: *x\n", "a: 1\n---\nb: &x 1\n", "a: 1\n---\nb: [\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};

		if (yaml_parse_stream(rows[i], strlen(rows[i]), &err))
			fail_msg("%s", rows[i]);
		assert_int_equal(err.kind, ERROR_INVALID);
		assert_non_null(strstr(err.text, "line"));
	}
}

static void yaml_parse_stream__has_caps_for_all_documents_together(void **state)
{
	cleanup_free char *nodes = NULL;
	cleanup_free char *bytes = NULL;
	struct error err = {0};

	(void)state;
	nodes = repeated("a: [", "1,", MANIFESTS_NODES_MAX, "]");
	assert_null(yaml_parse_stream(nodes, strlen(nodes), &err));
	assert_non_null(strstr(err.text, "too many nodes"));
	err = (struct error){0};
	bytes = repeated("a: 1", "\n", MANIFESTS_MAX, "");
	assert_null(yaml_parse_stream(bytes, strlen(bytes), &err));
	assert_non_null(strstr(err.text, "longer than"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(yaml_parse__gives_json),
		cmocka_unit_test(yaml_parse__gives_types_to_plain_scalars_only),
		cmocka_unit_test(yaml_parse__refuses_the_rest),
		cmocka_unit_test(yaml_parse__never_quotes_the_input),
		cmocka_unit_test(yaml_parse__takes_the_deepest_nesting_and_no_deeper),
		cmocka_unit_test(yaml_parse__refuses_too_many_nodes),
		cmocka_unit_test(yaml_parse__refuses_more_than_a_secret_holds),
		cmocka_unit_test(yaml_parse_stream__gives_every_document_that_holds_something),
		cmocka_unit_test(yaml_parse_stream__refuses_what_one_document_may_not_be),
		cmocka_unit_test(yaml_parse_stream__has_caps_for_all_documents_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
