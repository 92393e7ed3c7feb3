#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "broker/manifest_file.h"

static char directory[200];
static char file[256];

static const char *place_of(const char *name)
{
	snprintf(file, sizeof(file), "%s/%s", directory, name);
	return file;
}

static void write_file(const char *name, const char *bytes, size_t size)
{
	FILE *stream = fopen(place_of(name), "w");

	assert_non_null(stream);
	assert_int_equal(fwrite(bytes, 1, size, stream), size);
	fclose(stream);
}

static int setup(void **state)
{
	const char *parent = getenv("TMPDIR");

	(void)state;
	snprintf(directory, sizeof(directory), "%s/manifest-file-XXXXXX",
		 parent ? parent : P_tmpdir);
	return mkdtemp(directory) ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = {"a.yaml", "b.json", "c.yml", "d.txt"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(place_of(names[i]));
	rmdir(place_of("deeper.yaml"));
	return rmdir(directory);
}

static bool note_name(void *context, const char *from, const struct json *object, struct error *err)
{
	const char *name = json_find_string(object, "name");

	(void)from;
	if (!name)
		return error_set(err, ERROR_INVALID, "it has no name");
	text_appendf(context, "%s ", name);
	return true;
}

static void assert_names(const char *place, const char *expected)
{
	struct text names = text_with_max(200);
	struct error err = {0};

	if (!manifest_file_each(place, note_name, &names, &err))
		fail_msg("%s", err.text);
	assert_string_equal(text_chars(&names), expected);
	text_done(&names);
}

static void assert_refused(const char *place, const char *why)
{
	struct text names = text_with_max(200);
	struct error err = {0};

	assert_false(manifest_file_each(place, note_name, &names, &err));
	assert_int_equal(err.kind, ERROR_INVALID);
	if (!strstr(err.text, why) || !strstr(err.text, directory))
		fail_msg("%s", err.text);
	text_done(&names);
}

static void put(const char *name, const char *text)
{
	write_file(name, text, strlen(text));
}

#define OBJECT(name) "apiVersion: v1\nkind: Thing\nname: " name "\n"

static void manifest_file_each__takes_documents_lists_and_json(void **state)
{
	(void)state;
	put("a.yaml", OBJECT("one") "---\n---\n" OBJECT("two"));
	assert_names(place_of("a.yaml"), "one two ");
	put("a.yaml", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A, name: one}\n"
		      "- {apiVersion: v1, kind: A, name: two}\n");
	assert_names(place_of("a.yaml"), "one two ");
	put("b.json",
	    "\n{\t\"apiVersion\": \"v1\",\n\t\"kind\": \"A\",\t\"name\": \"\\ud83d\\ude00\"}");
	assert_names(place_of("b.json"), "\xf0\x9f\x98\x80 ");
	put("a.yaml", "");
	assert_names(place_of("a.yaml"), "");
}

static void manifest_file_each__takes_the_manifests_of_a_directory_by_name(void **state)
{
	(void)state;
	put("c.yml", OBJECT("three"));
	put("a.yaml", OBJECT("one"));
	put("b.json", OBJECT("two"));
	put("d.txt", "garbage: [");
	assert_names(directory, "one two three ");
}

static void manifest_file_each__names_the_file_that_it_cannot_take(void **state)
{
	(void)state;
	assert_refused(place_of("absent.yaml"), "cannot be opened");
	assert_refused(directory, "no file that ends in .yaml");
	put("a.yaml", "a: [");
	assert_refused(place_of("a.yaml"), "a.yaml: YAML is malformed at line");
	put("a.yaml", "name: one\n");
	assert_refused(place_of("a.yaml"), "without apiVersion or kind");
	put("a.yaml", OBJECT("one") "---\napiVersion: v1\nkind: A\n");
	assert_refused(directory, "a.yaml: it has no name");
	put("a.yaml", "{\"a\": 1} {");
	assert_refused(place_of("a.yaml"), "a.yaml: YAML");
}

static void manifest_file_each__takes_no_directory_for_a_file(void **state)
{
	(void)state;
	assert_int_equal(mkdir(place_of("deeper.yaml"), 0700), 0);
	assert_refused(directory, "deeper.yaml cannot be read");
}

static void manifest_file_each__refuses_what_is_too_large(void **state)
{
	cleanup_free char *bytes = memory_new(MANIFESTS_MAX);

	(void)state;
	memset(bytes, '\n', MANIFESTS_MAX);
	write_file("a.yaml", bytes, MANIFESTS_MAX - 1);
	assert_names(place_of("a.yaml"), "");
	write_file("a.yaml", bytes, MANIFESTS_MAX);
	assert_refused(place_of("a.yaml"), "too large");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(manifest_file_each__takes_documents_lists_and_json),
		TEST(manifest_file_each__takes_the_manifests_of_a_directory_by_name),
		TEST(manifest_file_each__names_the_file_that_it_cannot_take),
		TEST(manifest_file_each__takes_no_directory_for_a_file),
		TEST(manifest_file_each__refuses_what_is_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
