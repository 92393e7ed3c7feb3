#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

static struct json *parse(const char *text)
{
	struct error err = {0};
	struct json *json = json_parse(text, strlen(text), &err);

	if (!json)
		fail_msg("%s: %s", text, err.text);
	return json;
}

static void assert_dump(const struct json *json, const char *expected)
{
	size_t size;
	cleanup_free char *text = json_dump(json, &size);

	assert_string_equal(text, expected);
	assert_int_equal(size, strlen(expected));
}

static void json_parse__takes_any_one_value(void **state)
{
	static const char *const rows[] = {
		"{}",
		"[]",
		"\"\"",
		"0",
		"-1",
		"1.5",
		"true",
		"false",
		"null",
		"[1,[2,{\"a\":[]}]]",
		"{\"a\":{\"b\":\"c\"}}",
		"\"\xf0\x9f\x98\x80\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_json struct json *json = parse(rows[i]);
		assert_dump(json, rows[i]);
	}
	cleanup_json struct json *spaced = parse(" \t\r\n{ \"a\" : [ 1 , 2 ] } \n");
	assert_dump(spaced, "{\"a\":[1,2]}");
}

static void json_parse__refuses_what_is_not_one_strict_value(void **state)
{
	static const struct {
		const char *what, *bytes;
		size_t size;
		const char *text;
	} rows[] = {
#define ROW(what, bytes, text) {what, bytes, sizeof(bytes) - 1, text}
		ROW("nothing", "", "JSON ends too early at byte 0"),
		ROW("only blanks", "  ", "JSON ends too early at byte 2"),
		ROW("an open object", "{\"a\":1", "JSON ends too early at byte 6"),
		ROW("an open string", "\"abc", "JSON ends too early at byte 4"),
		ROW("two values", "{}{}", "JSON has something behind its end at byte 3"),
		ROW("a trailing letter", "{}x", "JSON has something behind its end at byte 3"),
		ROW("a trailing NUL", "{}\0", NULL),
		ROW("a duplicate key", "{\"a\":1,\"a\":2}",
		    "JSON has the same key twice at byte 10"),
		ROW("a duplicate key spelt otherwise", "{\"a\":1,\"\\u0061\":2}", NULL),
		ROW("a duplicate key inside", "[{\"x\":{\"a\":1,\"a\":1}}]", NULL),
		ROW("a raw NUL in a string", "\"\0\"", NULL),
		ROW("a raw newline in a string", "\"\n\"", NULL),
		ROW("a lone high surrogate", "\"\\ud83d\"", NULL),
		ROW("a lone low surrogate", "\"\\ude00\"", NULL),
		ROW("a byte that is no UTF-8", "\"\xff\"", "JSON is not UTF-8 at byte 1"),
		ROW("an overlong slash", "\"\xc0\xaf\"", NULL),
		ROW("a surrogate in UTF-8", "\"\xed\xa0\x80\"", NULL),
		ROW("a point above U+10FFFF", "\"\xf4\x90\x80\x80\"", NULL),
		ROW("a cut UTF-8 sequence", "\"\xe2\x82\"", NULL),
		ROW("a byte order mark", "\xef\xbb\xbf{}", NULL),
		ROW("a comment", "{}/**/", NULL),
		ROW("a trailing comma", "[1,]", NULL),
		ROW("a bare word", "yes", NULL),
		ROW("a single-quoted string", "'a'", NULL),
		ROW("a number with a leading zero", "01", NULL),
		ROW("a number with a plus", "+1", NULL),
		ROW("a hexadecimal number", "0x10", NULL),
		ROW("an integer of 2^63", "9223372036854775808", NULL),
		ROW("a real that overflows", "1e999999", NULL),
		ROW("not a number", "NaN", NULL),
		ROW("infinity", "Infinity", NULL),
		ROW("a number as key", "{1:2}", NULL),
#undef ROW
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};
		cleanup_json struct json *json = json_parse(rows[i].bytes, rows[i].size, &err);
		if (json || err.kind != ERROR_INVALID)
			fail_msg("%s was accepted", rows[i].what);
		if (rows[i].text)
			assert_string_equal(err.text, rows[i].text);
	}
}

static void json_parse__never_quotes_the_input(void **state)
{
	static const char *const rows[] = {
		"{\"token\":\"canary\" canary}",
		"canary",
		"{\"canary\":1,\"canary\":1}",
		"\"canary",
		"[\"canary\xff\"]",
		"{\"token\":canary",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};
		assert_null(json_parse(rows[i], strlen(rows[i]), &err));
		assert_null(strstr(err.text, "canary"));
	}
}

static char *nested(size_t depth, const char *open, const char *close)
{
	struct text text = text_with_max(1 << 22);

	for (size_t i = 0; i < depth; i++)
		text_append(&text, open);
	text_append(&text, "1");
	for (size_t i = 0; i < depth; i++)
		text_append(&text, close);
	return text_take(&text);
}

static void json_parse__takes_the_deepest_nesting_and_no_deeper(void **state)
{
	static const struct {
		const char *open, *close;
	} rows[] = {{"[", "]"}, {"{\"a\":", "}"}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		cleanup_free char *most = nested(JSON_DEPTH_MAX, rows[i].open, rows[i].close);
		cleanup_free char *over = nested(JSON_DEPTH_MAX + 1, rows[i].open, rows[i].close);
		cleanup_free char *bomb = nested(500000, rows[i].open, "");
		cleanup_json struct json *json = parse(most);
		assert_non_null(json);
		struct error err = {0};
		assert_null(json_parse(over, strlen(over), &err));
		assert_string_equal(err.text, "JSON nests deeper than 64 levels");
		assert_null(json_parse(bomb, strlen(bomb), &(struct error){0}));
	}
}

static void json_parse__counts_no_brackets_inside_strings(void **state)
{
	cleanup_free char *inside = nested(200, "\\\"[\\\\{", "]}");
	cleanup_text struct text text = text_with_max(1 << 16);

	(void)state;
	text_appendf(&text, "[\"%s\",[],{},[],{}]", inside);
	cleanup_json struct json *json = parse(text_chars(&text));
	assert_int_equal(json_size(json), 5);
}

static void json_parse__counts_siblings_as_one_level(void **state)
{
	cleanup_text struct text text = text_with_max(1 << 16);

	(void)state;
	text_append(&text, "[0");
	for (int i = 0; i < 1000; i++)
		text_append(&text, ",[{}]");
	text_append(&text, "]");
	cleanup_json struct json *json = parse(text_chars(&text));
	assert_int_equal(json_size(json), 1001);
}

static void json_parse__refuses_more_than_the_largest_body(void **state)
{
	struct error err = {0};

	(void)state;
	cleanup_free char *bytes = memory_new((size_t)HTTP_BODY_MAX + 1);
	memset(bytes, ' ', (size_t)HTTP_BODY_MAX + 1);
	bytes[0] = '1';
	assert_null(json_parse(bytes, (size_t)HTTP_BODY_MAX + 1, &err));
	assert_string_equal(err.text, "JSON is longer than 4194304 bytes");
	cleanup_json struct json *json = json_parse(bytes, HTTP_BODY_MAX, &(struct error){0});
	assert_non_null(json);
}

/* The API server stores them, so whoever may write a string could else blind every reader. */
static void json_parse__reads_an_escaped_nul_as_a_replacement_character(void **state)
{
	cleanup_json struct json *json = parse("{\"a\\u0000b\":\"c\\u0000\",\"d\":\"\\\\u0000\"}");

	(void)state;
	assert_string_equal(json_find_string(json, "a\xef\xbf\xbd"
						   "b"),
			    "c\xef\xbf\xbd");
	assert_string_equal(json_find_string(json, "d"), "\\u0000");
}

static void json_find__walks_objects_only(void **state)
{
	cleanup_json struct json *json =
		parse("{\"a\":{\"b\":{\"c\":\"deep\"}},\"list\":[{\"b\":1}],\"n\":null}");

	(void)state;
	assert_string_equal(json_find_string(json, "a", "b", "c"), "deep");
	assert_ptr_equal(json_find(json, "a"), json_find_path(json, (const char *[]){"a", NULL}));
	assert_null(json_find(json, "a", "x", "c"));
	assert_null(json_find(json, "a", "b", "c", "d"));
	assert_null(json_find(json, "list", "b"));
	assert_null(json_find_string(json, "a", "b"));
	assert_null(json_find_string(json, "n"));
	assert_true(json_is_null(json_find(json, "n")));
	assert_null(json_find(NULL, "a"));
	assert_null(json_find_string(NULL, "a"));
}

static void json_views__take_only_their_own_type(void **state)
{
	cleanup_json struct json *json =
		parse("[{},[],\"s\",7,1.5,true,false,null,1.0,-9223372036854775808]");
	static const struct {
		bool object, array, string, integer, number, is_true, is_null;
	} rows[] = {
		{.object = true},
		{.array = true},
		{.string = true},
		{.integer = true, .number = true},
		{.number = true},
		{.is_true = true},
		{0},
		{.is_null = true},
		{.number = true},
		{.integer = true, .number = true},
	};
	int64_t value;

	(void)state;
	assert_int_equal(json_size(json), 10);
	for (size_t i = 0; i < 10; i++) {
		const struct json *item = json_item(json, i);
		assert_int_equal(json_is_object(item), rows[i].object);
		assert_int_equal(json_is_array(item), rows[i].array);
		assert_int_equal(json_string(item) != NULL, rows[i].string);
		assert_int_equal(json_integer(item, &value), rows[i].integer);
		assert_int_equal(json_number(item, &value), rows[i].number);
		assert_int_equal(json_is_true(item), rows[i].is_true);
		assert_int_equal(json_is_null(item), rows[i].is_null);
	}
	assert_null(json_item(json, 10));
}

static void json_views__of_nothing_say_no(void **state)
{
	int64_t value = 5;

	(void)state;
	assert_false(json_is_object(NULL));
	assert_false(json_is_array(NULL));
	assert_false(json_is_null(NULL));
	assert_false(json_is_true(NULL));
	assert_null(json_string(NULL));
	assert_false(json_integer(NULL, &value));
	assert_false(json_number(NULL, &value));
	assert_int_equal(json_size(NULL), 0);
	assert_null(json_item(NULL, 0));
	assert_true(json_each(NULL, NULL, NULL));
	assert_int_equal(value, 5);
	json_free(NULL);
}

static void json_number__cuts_fractions_and_refuses_what_has_no_int64(void **state)
{
	cleanup_json struct json *json = parse("[1.9,-1.9,1e3,1e18,9.3e18,-9.3e18,1e300,42]");
	static const struct {
		bool ok;
		int64_t value;
	} rows[] = {{true, 1},  {true, -1}, {true, 1000}, {true, 1000000000000000000},
		    {false, 0}, {false, 0}, {false, 0},   {true, 42}};

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		int64_t value = 0;
		assert_int_equal(json_number(json_item(json, i), &value), rows[i].ok);
		assert_true(value == rows[i].value);
	}
}

static bool join_keys(void *context, const char *key, const struct json *value)
{
	struct text *text = context;
	int64_t number = 0;

	json_integer(value, &number);
	text_appendf(text, "%s=%d ", key, (int)number);
	return number != 3;
}

static void json_each__visits_until_told_to_stop(void **state)
{
	cleanup_json struct json *json = parse("{\"z\":1,\"a\":2}");
	cleanup_json struct json *longer = parse("{\"z\":1,\"a\":3,\"m\":4}");
	cleanup_json struct json *array = parse("[1]");
	cleanup_text struct text text = text_with_max(100);

	(void)state;
	assert_true(json_each(json, join_keys, &text));
	assert_string_equal(text_chars(&text), "z=1 a=2 ");
	assert_false(json_each(longer, join_keys, &text));
	assert_string_equal(text_chars(&text), "z=1 a=2 z=1 a=3 ");
	assert_true(json_each(array, join_keys, &text));
}

static void json_equal__compares_deeply(void **state)
{
	cleanup_json struct json *a = parse("{\"x\":[1,{\"y\":null}],\"z\":\"s\"}");
	cleanup_json struct json *same = parse("{\"z\":\"s\",\"x\":[1,{\"y\":null}]}");
	cleanup_json struct json *other = parse("{\"z\":\"s\",\"x\":[1,{\"y\":0}]}");

	(void)state;
	assert_true(json_equal(a, same));
	assert_false(json_equal(a, other));
	assert_false(json_equal(a, NULL));
	assert_false(json_equal(NULL, a));
	assert_true(json_equal(NULL, NULL));
}

static void json_dup__shares_nothing(void **state)
{
	cleanup_json struct json *json = parse("{\"a\":{\"b\":1}}");
	cleanup_json struct json *copy = json_dup(json);

	(void)state;
	assert_true(json_equal(json, copy));
	assert_ptr_not_equal(json_find(json, "a"), json_find(copy, "a"));
	assert_null(json_dup(NULL));
}

static void json_add__builds_a_tree(void **state)
{
	cleanup_json struct json *json = json_object_new();
	cleanup_json struct json *part = parse("{\"p\":[1]}");

	(void)state;
	json_add_string(json_add_object(json, "object"), "s", "text");
	struct json *array = json_add_array(json, "array");
	json_append_string(array, "one");
	json_add_bool(json_append_object(array), "b", true);
	json_append_copy(array, part);
	json_append(array, json_array_new());
	json_add_integer(json, "min", INT64_MIN);
	json_add_bool(json, "no", false);
	json_add_copy(json, "copy", part);
	json_add(json, "taken", json_array_new());
	assert_dump(json, "{\"array\":[\"one\",{\"b\":true},{\"p\":[1]},[]],\"copy\":{\"p\":[1]},"
			  "\"min\":-9223372036854775808,\"no\":false,\"object\":{\"s\":\"text\"},"
			  "\"taken\":[]}");
}

static void json_add__replaces_and_removes(void **state)
{
	cleanup_json struct json *json = json_object_new();

	(void)state;
	json_add_integer(json, "a", 1);
	json_add_string(json, "a", "two");
	json_add_integer(json, "b", 3);
	json_remove(json, "b");
	json_remove(json, "absent");
	assert_dump(json, "{\"a\":\"two\"}");
}

static void json_add__of_nothing_adds_nothing(void **state)
{
	cleanup_json struct json *json = json_object_new();
	struct json *array = json_add_array(json, "array");

	(void)state;
	json_add_string(json, "a", NULL);
	json_add_copy(json, "b", NULL);
	json_add(json, "c", NULL);
	json_append_string(array, NULL);
	json_append_copy(array, NULL);
	json_append(array, NULL);
	assert_dump(json, "{\"array\":[]}");
}

static void json_add_string__replaces_bytes_that_are_no_utf8(void **state)
{
	static const struct {
		const char *value, *repaired;
	} rows[] = {
		{"\xff", "\xef\xbf\xbd"},
		{"a\xc3", "a\xef\xbf\xbd"},
		{"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xe2\x82z", "\xef\xbf\xbd\xef\xbf\xbdz"},
		{"\xe0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xf0\x9f\x98\x80\x80", "\xf0\x9f\x98\x80\xef\xbf\xbd"},
		{"\xe2\x82\xac \xc3\xa9 \xff", "\xe2\x82\xac \xc3\xa9 \xef\xbf\xbd"},
	};
	cleanup_json struct json *json = json_object_new();
	struct json *array = json_add_array(json, "array");

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_add_string(json, "s", rows[i].value);
		assert_string_equal(json_find_string(json, "s"), rows[i].repaired);
		json_append_string(array, rows[i].value);
		assert_string_equal(json_string(json_item(array, i)), rows[i].repaired);
	}
	json_add_bool(json, "k\xff", true);
	assert_true(json_is_true(json_find(json, "k\xef\xbf\xbd")));
}

static void json_add__to_what_is_no_object_ends_the_process(void **state)
{
	int status = 0;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		close(STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		json_add_object(json_array_new(), "a");
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void json_dump__sorts_keys_at_every_level(void **state)
{
	cleanup_json struct json *json =
		parse("{\"b\":{\"y\":1,\"x\":2},\"a\":[{\"d\":1,\"c\":2}]}");

	(void)state;
	assert_dump(json, "{\"a\":[{\"c\":2,\"d\":1}],\"b\":{\"x\":2,\"y\":1}}");
}

/* kube-semantics A-05: what a YAML parser takes for JSON. */
static void json_dump__escapes_what_a_yaml_parser_refuses(void **state)
{
	static const struct {
		const char *chars, *dumped;
	} rows[] = {
		{"\x7e\x7f", "\"~\\u007f\""},
		{"\xc2\x80\xc2\x85\xc2\x9f\xc2\xa0", "\"\\u0080\\u0085\\u009f\xc2\xa0\""},
		{"\xef\xbf\xbd\xef\xbf\xbe\xef\xbf\xbf", "\"\xef\xbf\xbd\\ufffe\\uffff\""},
		{"\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa",
		 "\"\xe2\x80\xa7\\u2028\\u2029\xe2\x80\xaa\""},
		{"\xef\xbb\xbe\xef\xbb\xbf", "\"\xef\xbb\xbe\xef\xbb\xbf\""},
		{"\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf", "\"\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\""},
		{"\x01\n\t\"\\/", "\"\\u0001\\n\\t\\\"\\\\/\""},
		{"\xc3\xa9\xe2\x82\xac", "\"\xc3\xa9\xe2\x82\xac\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_json struct json *array = json_array_new();
		cleanup_text struct text expected = text_with_max(200);
		json_append_string(array, rows[i].chars);
		text_appendf(&expected, "[%s]", rows[i].dumped);
		assert_dump(array, text_chars(&expected));
		cleanup_json struct json *back = parse(text_chars(&expected));
		assert_true(json_equal(array, back));
	}
}

static void json_dump__escapes_in_keys_too(void **state)
{
	cleanup_json struct json *json = json_object_new();

	(void)state;
	json_add_integer(json, "a\x7f", 1);
	assert_dump(json, "{\"a\\u007f\":1}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_parse__takes_any_one_value),
		cmocka_unit_test(json_parse__refuses_what_is_not_one_strict_value),
		cmocka_unit_test(json_parse__never_quotes_the_input),
		cmocka_unit_test(json_parse__takes_the_deepest_nesting_and_no_deeper),
		cmocka_unit_test(json_parse__counts_no_brackets_inside_strings),
		cmocka_unit_test(json_parse__counts_siblings_as_one_level),
		cmocka_unit_test(json_parse__refuses_more_than_the_largest_body),
		cmocka_unit_test(json_parse__reads_an_escaped_nul_as_a_replacement_character),
		cmocka_unit_test(json_find__walks_objects_only),
		cmocka_unit_test(json_views__take_only_their_own_type),
		cmocka_unit_test(json_views__of_nothing_say_no),
		cmocka_unit_test(json_number__cuts_fractions_and_refuses_what_has_no_int64),
		cmocka_unit_test(json_each__visits_until_told_to_stop),
		cmocka_unit_test(json_equal__compares_deeply),
		cmocka_unit_test(json_dup__shares_nothing),
		cmocka_unit_test(json_add__builds_a_tree),
		cmocka_unit_test(json_add__replaces_and_removes),
		cmocka_unit_test(json_add__of_nothing_adds_nothing),
		cmocka_unit_test(json_add_string__replaces_bytes_that_are_no_utf8),
		cmocka_unit_test(json_add__to_what_is_no_object_ends_the_process),
		cmocka_unit_test(json_dump__sorts_keys_at_every_level),
		cmocka_unit_test(json_dump__escapes_what_a_yaml_parser_refuses),
		cmocka_unit_test(json_dump__escapes_in_keys_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
