#include "rbac/template_parameter.h"

#include <stddef.h>

#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "rbac/fields.h"
#include "rbac/placeholder.h"
#include "rbac/template_values.h"
#include "rbac/text_pattern.h"

static const char *const parameter_fields[] = {"name",     "type",        "pattern", "default",
					       "defaults", "description", NULL};

static bool read_type(const struct json *json, bool *ret_is_list, struct error *err)
{
	const struct json *field = json_find(json, "type");
	const char *type = field ? json_string(field) : "String";

	if (!text_same(type, "String") && !text_same(type, "StringList"))
		return error_set(err, ERROR_INVALID,
				 "type: write \"String\" or, for several values, \"StringList\"");
	*ret_is_list = text_same(type, "StringList");
	return true;
}

static bool read_pattern(const struct json *json, struct text_pattern **ret_pattern,
			 struct error *err)
{
	const struct json *pattern = json_find(json, "pattern");
	const char *text = json_string(pattern);

	*ret_pattern = NULL;
	if (!pattern)
		return true;
	if (!text || !template_value_is_plain(text))
		return error_set(err, ERROR_INVALID,
				 "pattern: write an extended regular expression of POSIX in ASCII "
				 "without blanks");
	*ret_pattern = text_pattern_new(text, err);
	return *ret_pattern || error_wrap(err, "pattern");
}

static bool read_standard(const struct json *json, struct template_parameter *parameter,
			  struct error *err)
{
	const char *field = parameter->is_list ? "defaults" : "default";
	const char *other = parameter->is_list ? "default" : "defaults";
	const struct json *standard = json_find(json, field);

	if (json_find(json, other))
		return error_set(err, ERROR_INVALID, "%s: write \"%s\" for a %s", other, field,
				 parameter->is_list ? "StringList" : "String");
	if (!standard)
		return true;
	parameter->standard = json_dup(standard);
	return template_value_check(standard, parameter->is_list, parameter->pattern, err) ||
	       error_wrap(err, "%s", field);
}

static bool read_fields(const struct json *json, struct template_parameter *parameter,
			struct error *err)
{
	const char *name = json_find_string(json, "name");

	if (!fields_are_known(json, parameter_fields, err))
		return false;
	if (!placeholder_name_is_legal(name))
		return error_set(err, ERROR_INVALID, "name: write %s", PLACEHOLDER_NAME_FORM);
	parameter->name = memory_text(name);
	return read_type(json, &parameter->is_list, err) &&
	       read_pattern(json, &parameter->pattern, err) && read_standard(json, parameter, err);
}

bool template_parameter_read(const struct json *json, struct template_parameter *ret_parameter,
			     struct error *err)
{
	struct template_parameter parameter = {0};

	if (!read_fields(json, &parameter, err)) {
		template_parameter_done(&parameter);
		return false;
	}
	*ret_parameter = parameter;
	return true;
}

void template_parameter_done(struct template_parameter *parameter)
{
	memory_free(parameter->name);
	text_pattern_free(parameter->pattern);
	json_free(parameter->standard);
	*parameter = (struct template_parameter){0};
}

static bool take_given(const struct template_parameter *parameter, const struct json *given,
		       const struct json **ret_json, struct error *err)
{
	const char *field = parameter->is_list ? "values" : "value";
	const char *other = parameter->is_list ? "value" : "values";
	const struct json *value = json_find(given, field);

	if (!value || json_find(given, other))
		return error_set(err, ERROR_INVALID, "write \"%s\", and no \"%s\"", field, other);
	if (!template_value_check(value, parameter->is_list, parameter->pattern, err))
		return error_wrap(err, "%s", field);
	*ret_json = value;
	return true;
}

bool template_parameter_resolve(const struct template_parameter *parameter,
				const struct json *given, struct template_value *ret_value,
				struct error *err)
{
	const struct json *json = parameter->standard;

	if (!given && !json)
		return error_set(err, ERROR_INVALID,
				 "parameter \"%s\" is missing: write it with a \"%s\"",
				 parameter->name, parameter->is_list ? "values" : "value");
	if (given && !take_given(parameter, given, &json, err))
		return error_wrap(err, "parameter \"%s\"", parameter->name);
	*ret_value = (struct template_value){
		.name = parameter->name,
		.is_list = parameter->is_list,
		.word = json_string(json),
		.list = json,
	};
	return true;
}
