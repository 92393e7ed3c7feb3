/* template_probe - renders templates, for tests.
 *
 * usage: template_probe < questions > answers
 *
 * A line in is {"template": RBACTemplate, "input": {"parameters", "name", "namespace", "labels",
 * "properties"}}. A line out is {"rendered": {...}} or {"error": ...}. */
#include <stdio.h>
#include <stdlib.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>

#include <rbac/rbac_template.h>

static struct json *render(const struct json *object, const struct json *input, struct error *err)
{
	const struct template_input given = {
		.parameters = json_find(input, "parameters"),
		.profile_name = json_find_string(input, "name"),
		.profile_namespace = json_find_string(input, "namespace"),
		.labels = json_find(input, "labels"),
		.properties = json_find(input, "properties"),
	};
	struct rbac_template *template = rbac_template_read(object, err);
	struct json *rendered = template ? rbac_template_render(template, &given, err) : NULL;

	rbac_template_free(template);
	return rendered;
}

static void answer_line(const char *line, size_t size)
{
	struct error err = {0};
	cleanup_json struct json *shown = json_object_new();
	cleanup_json struct json *asked = json_parse(line, size, &err);
	struct json *rendered =
		asked ? render(json_find(asked, "template"), json_find(asked, "input"), &err)
		      : NULL;
	size_t length;

	if (rendered)
		json_add(shown, "rendered", rendered);
	else
		json_add_string(shown, "error", err.text);
	cleanup_free char *text = json_dump(shown, &length);
	puts(text);
}

int main(void)
{
	char *line = NULL;
	size_t capacity = 0;
	ssize_t size;

	while ((size = getline(&line, &capacity, stdin)) > 0)
		answer_line(line, (size_t)size);
	free(line);
	return 0;
}
