/* What is parsed is dumped to the same bytes again and again, and a YAML parser reads in the dump
 * what we wrote (kube-semantics A-05). */
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>

#include "broker/core/yaml.h"
#include "tests/fuzz/fuzz.h"

/* A YAML parser takes no longer key than 1024 characters. */
enum { YAML_INPUT_MAX = 1000 };

static bool reads_same(void *context, const char *key, const struct json *value);

/* Every string of A is in B too; numbers have other types in YAML. */
static void require_same_strings(const struct json *a, const struct json *b)
{
	if (json_string(a))
		require(json_string(b) && strcmp(json_string(a), json_string(b)) == 0);
	require(json_size(a) == json_size(b));
	for (size_t i = 0; i < json_size(a); i++)
		require_same_strings(json_item(a, i), json_item(b, i));
	json_each(a, reads_same, (void *)b);
}

static bool reads_same(void *context, const char *key, const struct json *value)
{
	const struct json *other = json_find((const struct json *)context, key);

	require(other != NULL);
	require_same_strings(value, other);
	return true;
}

static void read_as_yaml(const struct json *json, const char *text, size_t size)
{
	struct error err = {0};
	cleanup_json struct json *yaml = yaml_parse(text, size, &err);

	if (yaml)
		require_same_strings(json, yaml);
	else
		require(!strstr(err.text, "malformed"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = {0};
	size_t text_size;
	size_t again_size;
	cleanup_json struct json *json = json_parse((const char *)data, size, &err);

	require((json == NULL) == (err.kind == ERROR_INVALID));
	if (!json)
		return 0;
	cleanup_json struct json *object = json_parse_object((const char *)data, size, &err);
	require(object != NULL);
	cleanup_free char *text = json_dump(json, &text_size);
	cleanup_json struct json *back = json_parse(text, text_size, &err);
	require(json_equal(json, back));
	cleanup_free char *again = json_dump(back, &again_size);
	require(text_size == again_size && memcmp(text, again, text_size) == 0);
	if (json_is_object(json) && text_size <= YAML_INPUT_MAX)
		read_as_yaml(json, text, text_size);
	return 0;
}
