#include <rbac/rbac_template.h>

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "rbac/fields.h"
#include "rbac/placeholder.h"
#include "rbac/template_parameter.h"
#include "rbac/template_role.h"
#include "rbac/template_values.h"
#include "rbac/template_variable.h"

struct rbac_template {
	char *name;
	struct template_parameter parameters[TEMPLATE_PARAMETERS_MAX];
	size_t parameter_count;
	struct template_variable variables[TEMPLATE_PARAMETERS_MAX];
	size_t variable_count;
	struct json *cluster_roles; /* checked lists, or NULL */
	struct json *roles;
};

static const char *const spec_fields[] = {"clusterRoles", "roles",  "parameters", "variables",
					  "description",  "source", NULL};
static const char *const given_fields[] = {"name", "value", "values", NULL};

static bool check_list(const struct json *list, size_t count_max, struct error *err)
{
	if (list && !json_is_array(list))
		return error_set(err, ERROR_INVALID, "it must be a list");
	if (json_size(list) > count_max)
		return error_set(err, ERROR_INVALID, "it has %zu entries: write at most %zu",
				 json_size(list), count_max);
	return true;
}

static bool read_parameters(const struct json *list, struct rbac_template *template,
			    struct template_values *declared, struct error *err)
{
	if (!check_list(list, TEMPLATE_PARAMETERS_MAX, err))
		return error_wrap(err, "parameters");
	for (size_t i = 0; i < json_size(list); i++) {
		struct template_parameter *parameter = &template->parameters[i];

		if (!template_parameter_read(json_item(list, i), parameter, err))
			return error_wrap(err, "parameters[%zu]", i);
		template->parameter_count++;
		struct template_value value = {.name = parameter->name,
					       .is_list = parameter->is_list};
		if (!template_values_add(declared, &value, err))
			return error_wrap(err, "parameters[%zu]", i);
	}
	return true;
}

static bool read_variables(const struct json *list, struct rbac_template *template,
			   struct template_values *declared, struct error *err)
{
	if (!check_list(list, TEMPLATE_PARAMETERS_MAX, err))
		return error_wrap(err, "variables");
	for (size_t i = 0; i < json_size(list); i++) {
		struct template_variable *variable = &template->variables[i];

		if (!template_variable_read(json_item(list, i), variable, err))
			return error_wrap(err, "variables[%zu]", i);
		template->variable_count++;
		struct template_value value = {.name = variable->name};
		if (!template_values_add(declared, &value, err))
			return error_wrap(err, "variables[%zu]", i);
	}
	return true;
}

static bool read_roles(const struct json *spec, const char *field,
		       const struct template_values *declared, struct json **ret_roles,
		       struct error *err)
{
	const struct json *list = json_find(spec, field);
	bool has_namespace = text_same(field, "roles");

	if (!check_list(list, TEMPLATE_ROLES_MAX, err))
		return error_wrap(err, "%s", field);
	for (size_t i = 0; i < json_size(list); i++)
		if (!template_role_check(json_item(list, i), has_namespace, declared, err))
			return error_wrap(err, "%s[%zu]", field, i);
	*ret_roles = list ? json_dup(list) : NULL;
	return true;
}

static bool read_spec(const struct json *spec, struct rbac_template *template, struct error *err)
{
	struct template_values declared = {0};

	if (!fields_are_known(spec, spec_fields, err) ||
	    !read_parameters(json_find(spec, "parameters"), template, &declared, err) ||
	    !read_variables(json_find(spec, "variables"), template, &declared, err) ||
	    !read_roles(spec, "clusterRoles", &declared, &template->cluster_roles, err) ||
	    !read_roles(spec, "roles", &declared, &template->roles, err))
		return false;
	if (json_size(template->cluster_roles) + json_size(template->roles) == 0)
		return error_set(err, ERROR_INVALID,
				 "it gives no rights: write clusterRoles or roles");
	return true;
}

struct rbac_template *rbac_template_read(const struct json *object, struct error *err)
{
	const char *name = json_find_string(object, "metadata", "name");
	struct rbac_template *template = NULL;

	if (text_is_empty(name)) {
		error_set(err, ERROR_INVALID, "metadata.name: write a name");
		return NULL;
	}
	template = memory_new(sizeof(*template));
	template->name = memory_text(name);
	if (!read_spec(json_find(object, "spec"), template, err)) {
		error_wrap(err, "spec");
		rbac_template_free(template);
		return NULL;
	}
	return template;
}

void rbac_template_free(void *pointer)
{
	struct rbac_template *template = pointer;

	if (!template)
		return;
	for (size_t i = 0; i < TEMPLATE_PARAMETERS_MAX; i++) {
		template_parameter_done(&template->parameters[i]);
		template_variable_done(&template->variables[i]);
	}
	json_free(template->cluster_roles);
	json_free(template->roles);
	memory_free(template->name);
	memory_free(template);
}

const char *rbac_template_name(const struct rbac_template *template)
{
	return template->name;
}

static const struct json *find_given(const struct json *given, const char *name)
{
	for (size_t i = 0; i < json_size(given); i++)
		if (text_same(json_find_string(json_item(given, i), "name"), name))
			return json_item(given, i);
	return NULL;
}

static bool has_parameter(const struct rbac_template *template, const char *name)
{
	for (size_t i = 0; i < template->parameter_count; i++)
		if (text_same(template->parameters[i].name, name))
			return true;
	return false;
}

static bool check_entry(const struct rbac_template *template, const struct json *given,
			const struct json *entry, struct error *err)
{
	const char *name = json_find_string(entry, "name");

	if (!fields_are_known(entry, given_fields, err))
		return false;
	if (!has_parameter(template, name))
		return error_set(err, ERROR_INVALID,
				 "\"%s\" is no parameter of the template: leave it out",
				 placeholder_name_is_legal(name) ? name : "?");
	if (find_given(given, name) != entry)
		return error_set(err, ERROR_INVALID, "parameter \"%s\" is there twice: write one",
				 name);
	return true;
}

static bool check_given(const struct rbac_template *template, const struct json *given,
			struct error *err)
{
	if (!check_list(given, TEMPLATE_PARAMETERS_MAX, err))
		return error_wrap(err, "parameters");
	for (size_t i = 0; i < json_size(given); i++)
		if (!check_entry(template, given, json_item(given, i), err))
			return error_wrap(err, "parameters[%zu]", i);
	return true;
}

static bool resolve(const struct rbac_template *template, const struct template_input *input,
		    struct template_values *values, struct error *err)
{
	struct template_value value = {0};

	for (size_t i = 0; i < template->parameter_count; i++) {
		const struct template_parameter *parameter = &template->parameters[i];
		const struct json *given = find_given(input->parameters, parameter->name);

		if (!template_parameter_resolve(parameter, given, &value, err) ||
		    !template_values_add(values, &value, err))
			return false;
	}
	for (size_t i = 0; i < template->variable_count; i++)
		if (!template_variable_resolve(&template->variables[i], input, &value, err) ||
		    !template_values_add(values, &value, err))
			return false;
	return true;
}

static bool render_roles(const struct json *roles, const char *field,
			 const struct template_values *values, size_t *room, struct json *made,
			 struct error *err)
{
	bool has_namespace = text_same(field, "roles");
	struct json *list = json_add_array(made, field);

	for (size_t i = 0; i < json_size(roles); i++)
		if (!template_role_render(json_item(roles, i), has_namespace, values, room, list,
					  err))
			return error_wrap(err, "%s[%zu]", field, i);
	return true;
}

struct json *rbac_template_render(const struct rbac_template *template,
				  const struct template_input *input, struct error *err)
{
	struct template_values values = {0};
	size_t room = TEMPLATE_OUTPUT_MAX;
	cleanup_json struct json *made = json_object_new();

	if (!check_given(template, input->parameters, err) ||
	    !resolve(template, input, &values, err) ||
	    !render_roles(template->cluster_roles, "clusterRoles", &values, &room, made, err) ||
	    !render_roles(template->roles, "roles", &values, &room, made, err)) {
		error_wrap(err, "template \"%.63s\"", template->name);
		return NULL;
	}
	return TAKE_PTR(made);
}
