#include "rbac/template_role.h"

#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/text.h>

#include <rbac/rule_set.h>

#include "rbac/fields.h"
#include "rbac/placeholder.h"
#include "rbac/template_values.h"

enum { NAMESPACE_MAX = 63, LISTS = 5 };

static const char *const role_fields[] = {"namespace", "name", "rules", NULL};
static const char *const rule_lists[LISTS] = {"apiGroups", "resources", "resourceNames",
					      "nonResourceURLs", "verbs"};

static bool check_namespace(const char *name, struct error *err)
{
	size_t size = strlen(name);

	if (size == 0 || size > NAMESPACE_MAX || name[0] == '-' || name[size - 1] == '-' ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != size)
		return error_set(
			err, ERROR_INVALID,
			"is no namespace: write lower-case letters, digits and \"-\", with "
			"a letter or digit at both ends, at most %d",
			NAMESPACE_MAX);
	return true;
}

static bool check_name(const char *name, struct error *err)
{
	size_t size = strlen(name);

	if (size == 0 || size > RULE_WORD_MAX || !template_value_is_plain(name) ||
	    text_same(name, ".") || text_same(name, "..") || strpbrk(name, "/%"))
		return error_set(err, ERROR_INVALID,
				 "is no name of a role: write one without blanks, \"/\" and "
				 "\"%%\", of at most %d bytes, such as \"job-runner\"",
				 RULE_WORD_MAX);
	return true;
}

static bool check_legal(const char *field, const char *word, struct error *err)
{
	return text_same(field, "namespace") ? check_namespace(word, err) : check_name(word, err);
}

/* Finds what TEXT stands for: *ret_value is NULL when it stands for itself. */
static bool find_value(const char *text, const struct template_values *values,
		       const struct template_value **ret_value, struct error *err)
{
	struct placeholder placeholder = {0};
	const struct template_value *value = NULL;

	if (!placeholder_read(text, &placeholder, err))
		return false;
	if (placeholder.name[0] != '\0') {
		value = template_values_find(values, placeholder.name);
		if (!value)
			return error_set(err, ERROR_INVALID,
					 "\"$(%s)\" is neither a parameter nor a variable: declare "
					 "it, or write another",
					 placeholder.name);
	}
	*ret_value = value;
	return true;
}

static bool check_single(const struct json *role, const char *field,
			 const struct template_values *declared, struct error *err)
{
	const char *text = json_find_string(role, field);
	const struct template_value *value = NULL;

	if (!text)
		return error_set(err, ERROR_INVALID, "it must have a string");
	if (!find_value(text, declared, &value, err))
		return false;
	if (value && value->is_list)
		return error_set(err, ERROR_INVALID,
				 "\"%s\" is a StringList: write a String, a list has no place here",
				 text);
	return value || check_legal(field, text, err);
}

static bool check_list(const struct json *list, const struct template_values *declared,
		       struct error *err)
{
	const struct template_value *value = NULL;

	for (size_t i = 0; i < json_size(list); i++)
		if (!find_value(json_string(json_item(list, i)), declared, &value, err))
			return error_wrap(err, "[%zu]", i);
	return true;
}

static bool check_placeholders(const struct json *rule, const struct template_values *declared,
			       struct error *err)
{
	for (size_t i = 0; i < LISTS; i++)
		if (!check_list(json_find(rule, rule_lists[i]), declared, err))
			return error_wrap(err, "%s", rule_lists[i]);
	return true;
}

/* A placeholder is a word like others to a rule set, which knows the shape of rules. */
static bool check_shape(const struct json *rules, const char *namespace_name, struct error *err)
{
	cleanup_rule_set struct rule_set *set = rule_set_new();

	if (!json_is_array(rules) || json_size(rules) == 0)
		return error_set(err, ERROR_INVALID,
				 "rules must be a list of one or more: leave it out to bind the "
				 "existing role of that name");
	return rule_set_add(set, rules, namespace_name, err);
}

static bool check_rules(const struct json *rules, const char *namespace_name,
			const struct template_values *declared, struct error *err)
{
	if (!check_shape(rules, namespace_name, err))
		return false;
	for (size_t i = 0; i < json_size(rules); i++)
		if (!check_placeholders(json_item(rules, i), declared, err))
			return error_wrap(err, "rules[%zu]", i);
	return true;
}

bool template_role_check(const struct json *role, bool has_namespace,
			 const struct template_values *declared, struct error *err)
{
	const char *const *known = has_namespace ? role_fields : role_fields + 1;
	const struct json *rules = json_find(role, "rules");

	if (!fields_are_known(role, known, err))
		return false;
	if (has_namespace && !check_single(role, "namespace", declared, err))
		return error_wrap(err, "namespace");
	if (!check_single(role, "name", declared, err))
		return error_wrap(err, "name");
	return !rules || check_rules(rules, json_find_string(role, "namespace"), declared, err);
}

static bool take_room(size_t *room, const char *word, struct error *err)
{
	size_t size = strlen(word) + strlen("\"\",");

	if (size >= *room)
		return error_set(err, ERROR_INVALID,
				 "with its values, it has more than %d bytes: write shorter lists",
				 TEMPLATE_OUTPUT_MAX);
	*room -= size;
	return true;
}

static bool put_single(const struct json *role, const char *field,
		       const struct template_values *values, size_t *room, struct json *made,
		       struct error *err)
{
	const char *word = json_find_string(role, field);
	const struct template_value *value = NULL;

	if (!find_value(word, values, &value, err))
		return false;
	if (!check_legal(field, value ? value->word : word, err))
		return error_wrap(err, "%s%s%s", field, value ? " " : "", value ? word : "");
	word = value ? value->word : word;
	json_add_string(made, field, word);
	return take_room(room, word, err);
}

static bool put_word(const char *word, size_t *room, struct json *made, struct error *err)
{
	if (!take_room(room, word, err))
		return false;
	json_append_string(made, word);
	return true;
}

static bool put_words(const char *text, const struct template_values *values, size_t *room,
		      struct json *made, struct error *err)
{
	const struct template_value *value = NULL;

	if (!find_value(text, values, &value, err))
		return false;
	if (!value || !value->is_list)
		return put_word(value ? value->word : text, room, made, err);
	for (size_t i = 0; i < json_size(value->list); i++)
		if (!put_word(json_string(json_item(value->list, i)), room, made, err))
			return false;
	return true;
}

static bool put_list(const struct json *rule, const char *field,
		     const struct template_values *values, size_t *room, struct json *made_rule,
		     struct error *err)
{
	const struct json *list = json_find(rule, field);
	struct json *made = json_size(list) > 0 ? json_add_array(made_rule, field) : NULL;

	for (size_t i = 0; i < json_size(list); i++)
		if (!put_words(json_string(json_item(list, i)), values, room, made, err))
			return false;
	return true;
}

static bool put_rules(const struct json *rules, const struct template_values *values, size_t *room,
		      struct json *made, struct error *err)
{
	for (size_t i = 0; i < json_size(rules); i++) {
		struct json *made_rule = json_append_object(made);

		for (size_t j = 0; j < LISTS; j++)
			if (!put_list(json_item(rules, i), rule_lists[j], values, room, made_rule,
				      err))
				return false;
	}
	return true;
}

static bool is_new(const struct json *list, const struct json *role, struct error *err)
{
	for (size_t i = 0; i < json_size(list); i++) {
		const struct json *other = json_item(list, i);

		if (json_equal(json_find(other, "namespace"), json_find(role, "namespace")) &&
		    json_equal(json_find(other, "name"), json_find(role, "name")))
			return error_set(err, ERROR_INVALID,
					 "is the same role as [%zu]: give values that differ", i);
	}
	return true;
}

bool template_role_render(const struct json *role, bool has_namespace,
			  const struct template_values *values, size_t *room, struct json *list,
			  struct error *err)
{
	cleanup_json struct json *made = json_object_new();
	const struct json *rules = json_find(role, "rules");

	if ((has_namespace && !put_single(role, "namespace", values, room, made, err)) ||
	    !put_single(role, "name", values, room, made, err) || !is_new(list, made, err))
		return false;
	if (rules) {
		struct json *made_rules = json_add_array(made, "rules");

		if (!put_rules(rules, values, room, made_rules, err) ||
		    !check_shape(made_rules, json_find_string(made, "namespace"), err))
			return false;
	}
	json_append(list, TAKE_PTR(made));
	return true;
}
