#include "rbac/template_variable.h"

#include <stddef.h>
#include <string.h>

#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include <rbac/rbac_template.h>

#include "rbac/fields.h"
#include "rbac/placeholder.h"
#include "rbac/template_values.h"

enum { KEY_MAX = 317 }; /* of a label: a prefix of 253 bytes, "/", a name of 63 */

static const char *const variable_fields[] = {"name", "from", NULL};
static const char *const source_fields[] = {"field", "label", "property", NULL};

static bool read_field(const char *field, struct template_variable *variable, struct error *err)
{
	if (!text_same(field, "name") && !text_same(field, "namespace"))
		return error_set(err, ERROR_INVALID, "from.field: write \"name\" or \"namespace\"");
	variable->source =
		text_same(field, "name") ? TEMPLATE_SOURCE_NAME : TEMPLATE_SOURCE_NAMESPACE;
	return true;
}

static bool read_key(const char *key, enum template_source source,
		     struct template_variable *variable, struct error *err)
{
	if (text_is_empty(key) || strlen(key) > KEY_MAX || !template_value_is_plain(key))
		return error_set(err, ERROR_INVALID,
				 "from.%s: write a name in ASCII without blanks, of at most %d "
				 "bytes",
				 source == TEMPLATE_SOURCE_LABEL ? "label" : "property", KEY_MAX);
	variable->source = source;
	variable->key = memory_text(key);
	return true;
}

static bool read_source(const struct json *from, struct template_variable *variable,
			struct error *err)
{
	const struct json *field = json_find(from, "field");
	const struct json *label = json_find(from, "label");
	const struct json *property = json_find(from, "property");

	if (!fields_are_known(from, source_fields, err))
		return error_wrap(err, "from");
	if (!!field + !!label + !!property != 1)
		return error_set(err, ERROR_INVALID,
				 "from: write one of \"field\", \"label\" and \"property\"");
	if (field)
		return read_field(json_string(field), variable, err);
	if (label)
		return read_key(json_string(label), TEMPLATE_SOURCE_LABEL, variable, err);
	return read_key(json_string(property), TEMPLATE_SOURCE_PROPERTY, variable, err);
}

bool template_variable_read(const struct json *json, struct template_variable *ret_variable,
			    struct error *err)
{
	struct template_variable variable = {0};
	const char *name = json_find_string(json, "name");

	if (!fields_are_known(json, variable_fields, err))
		return false;
	if (!placeholder_name_is_legal(name))
		return error_set(err, ERROR_INVALID, "name: write %s", PLACEHOLDER_NAME_FORM);
	if (!read_source(json_find(json, "from"), &variable, err))
		return false;
	variable.name = memory_text(name);
	*ret_variable = variable;
	return true;
}

void template_variable_done(struct template_variable *variable)
{
	memory_free(variable->name);
	memory_free(variable->key);
	*variable = (struct template_variable){0};
}

/* NULL when it is not there, or there twice: which one is meant? */
static const char *find_property(const struct json *properties, const char *name)
{
	const struct json *found = NULL;

	for (size_t i = 0; i < json_size(properties); i++) {
		const struct json *property = json_item(properties, i);

		if (!text_same(json_find_string(property, "name"), name))
			continue;
		if (found)
			return NULL;
		found = property;
	}
	return json_find_string(found, "value");
}

static const char *find_word(const struct template_variable *variable,
			     const struct template_input *input)
{
	switch (variable->source) {
	case TEMPLATE_SOURCE_NAME:
		return input->profile_name;
	case TEMPLATE_SOURCE_NAMESPACE:
		return input->profile_namespace;
	case TEMPLATE_SOURCE_LABEL:
		return json_find_string(input->labels, variable->key);
	case TEMPLATE_SOURCE_PROPERTY:
		return find_property(input->properties, variable->key);
	}
	return NULL;
}

static struct text describe(const struct template_variable *variable)
{
	static const char *const sources[] = {
		[TEMPLATE_SOURCE_NAME] = "name",
		[TEMPLATE_SOURCE_NAMESPACE] = "namespace",
		[TEMPLATE_SOURCE_LABEL] = "label",
		[TEMPLATE_SOURCE_PROPERTY] = "property",
	};
	struct text text = text_with_max(ERROR_TEXT_MAX);

	text_append(&text, sources[variable->source]);
	if (variable->key)
		text_appendf(&text, " \"%.100s\"", variable->key);
	return text;
}

bool template_variable_resolve(const struct template_variable *variable,
			       const struct template_input *input, struct template_value *ret_value,
			       struct error *err)
{
	cleanup_text struct text source = describe(variable);
	const char *word = find_word(variable, input);

	if (!word)
		return error_set(err, ERROR_INVALID,
				 "the ClusterProfile needs one %s, and has none or several",
				 text_chars(&source));
	if (!template_value_check_word(word, NULL, err))
		return error_wrap(err, "the ClusterProfile's %s", text_chars(&source));
	*ret_value = (struct template_value){.name = variable->name, .word = word};
	return true;
}
