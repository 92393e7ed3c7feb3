/* Whatever a template is filled with, what comes out has its shape: the same roles with the same
 * rules, no wildcard that the template does not have, and nothing that is no legal word. The
 * input is {"spec": of the template, "input": {parameters, name, namespace, labels,
 * properties}}. */
#include <string.h>

#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>

#include <rbac/rbac_template.h>

#include "tests/fuzz/fuzz.h"

struct words {
	size_t bytes;
	size_t wildcards;
};

/* Every string at the end of VALUE, wherever. */
static bool count_words(void *context, const char *key, const struct json *value)
{
	struct words *words = context;
	const char *word = json_string(value);

	(void)key;
	if (word) {
		words->bytes += strlen(word);
		words->wildcards += strchr(word, '*') != NULL;
	}
	for (size_t i = 0; i < json_size(value); i++)
		count_words(words, NULL, json_item(value, i));
	return json_each(value, count_words, words);
}

static void require_same_shape(const struct json *before, const struct json *after)
{
	require(json_size(before) == json_size(after));
	for (size_t i = 0; i < json_size(before); i++) {
		const struct json *was = json_item(before, i);
		const struct json *is = json_item(after, i);

		require(json_string(json_find(is, "name")) != NULL);
		require(json_size(json_find(was, "rules")) == json_size(json_find(is, "rules")));
		require(!json_find(was, "rules") == !json_find(is, "rules"));
	}
}

static void require_rendered(const struct json *spec, const struct json *rendered)
{
	struct words before = {0};
	struct words after = {0};

	require_same_shape(json_find(spec, "clusterRoles"), json_find(rendered, "clusterRoles"));
	require_same_shape(json_find(spec, "roles"), json_find(rendered, "roles"));
	count_words(&before, NULL, json_find(spec, "clusterRoles"));
	count_words(&before, NULL, json_find(spec, "roles"));
	count_words(&after, NULL, rendered);
	require(after.wildcards == before.wildcards);
	require(after.bytes < TEMPLATE_OUTPUT_MAX);
}

static void require_text(const struct error *err)
{
	require(err->kind == ERROR_INVALID);
	for (const char *c = err->text; *c; c++)
		require(*c >= ' ' && *c <= '~');
}

static void fill(const struct rbac_template *template, const struct json *spec,
		 const struct json *input)
{
	struct error err = {0};
	const struct template_input given = {
		.parameters = json_find(input, "parameters"),
		.profile_name = json_find_string(input, "name"),
		.profile_namespace = json_find_string(input, "namespace"),
		.labels = json_find(input, "labels"),
		.properties = json_find(input, "properties"),
	};
	cleanup_json struct json *first = rbac_template_render(template, &given, &err);
	cleanup_json struct json *second = rbac_template_render(template, &given, &err);

	require(json_equal(first, second));
	if (first)
		require_rendered(spec, first);
	else
		require_text(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = {0};
	cleanup_json struct json *json = json_parse((const char *)data, size, &err);
	cleanup_json struct json *object = json_object_new();

	if (!json_find(json, "spec"))
		return 0;
	json_add_string(json_add_object(object, "metadata"), "name", "fuzz");
	json_add_copy(object, "spec", json_find(json, "spec"));
	struct rbac_template *template = rbac_template_read(object, &err);
	if (template)
		fill(template, json_find(json, "spec"), json_find(json, "input"));
	else
		require_text(&err);
	rbac_template_free(template);
	return 0;
}
