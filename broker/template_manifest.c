#include "template_manifest.h"

#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>
#include <rbac/rbac_template.h>

#include "core/yaml.h"
#include "manifest_file.h"

enum { FILE_SIZE_MAX = 256 << 10 };

static bool read_document(const char *file, struct json **ret_object, struct error *err)
{
	cleanup_free char *bytes = NULL;
	size_t size = 0;

	if (!manifest_file_bytes(file, FILE_SIZE_MAX, &bytes, &size, err))
		return false;
	*ret_object = yaml_parse(bytes, size, err);
	return *ret_object || error_wrap(err, "%.120s", file);
}

static bool is_left_open(const struct json *value)
{
	const char *text = json_string(value);

	return text && strncmp(text, "$(", 2) == 0;
}

static bool is_closed_list(const struct json *list)
{
	for (size_t i = 0; i < json_size(list); i++)
		if (is_left_open(json_item(list, i)))
			return false;
	return true;
}

static bool contains(const struct json *list, const char *word)
{
	for (size_t i = 0; i < json_size(list); i++)
		if (text_same(json_string(json_item(list, i)), word))
			return true;
	return false;
}

/* The broker holds no "*" on a member: it would be escalate, impersonate and every Secret. */
static bool may_be_held(const struct json *rule, struct error *err)
{
	static const char *const fields[] = {"apiGroups", "resources", "verbs"};
	static const char *const verbs[] = {"escalate", "impersonate"};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (contains(json_find(rule, fields[i]), "*"))
			return error_set(err, ERROR_INVALID,
					 "it gives \"*\", which the broker must not hold: have it "
					 "bind a role of the member, and use --may-bind");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (contains(json_find(rule, "verbs"), verbs[i]))
			return error_set(err, ERROR_INVALID,
					 "it gives %s, which the broker must not hold", verbs[i]);
	return true;
}

static bool rule_is_closed(const struct json *rule, struct error *err)
{
	static const char *const fields[] = {"apiGroups", "resources", "verbs", "nonResourceURLs"};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!is_closed_list(json_find(rule, fields[i])))
			return error_set(err, ERROR_INVALID,
					 "its parameters decide on %s: write a ClusterRole of your "
					 "own and use --may-grant",
					 fields[i]);
	return true;
}

static bool roles_are_closed(const struct json *list, struct error *err)
{
	for (size_t i = 0; i < json_size(list); i++) {
		const struct json *role = json_item(list, i);
		const struct json *rules = json_find(role, "rules");

		if (!rules && is_left_open(json_find(role, "name")))
			return error_set(err, ERROR_INVALID,
					 "its parameters decide which role is bound: use "
					 "--may-bind");
		for (size_t k = 0; k < json_size(rules); k++)
			if (!rule_is_closed(json_item(rules, k), err) ||
			    !may_be_held(json_item(rules, k), err))
				return false;
	}
	return true;
}

static char *name_of_role(const struct rbac_template *template)
{
	struct text name = text_with_max(300);

	text_appendf(&name, "credbroker-template:%s", rbac_template_name(template));
	return text_take(&name);
}

bool template_manifest_read(const char *file, struct template_manifest *ret_manifest,
			    struct error *err)
{
	cleanup_json struct json *object = NULL;
	struct rbac_template *template;
	char *name;

	if (!read_document(file, &object, err))
		return false;
	template = rbac_template_read(object, err);
	if (!template)
		return error_wrap(err, "%.120s", file);
	name = name_of_role(template);
	rbac_template_free(template);
	if (!roles_are_closed(json_find(object, "spec", "clusterRoles"), err) ||
	    !roles_are_closed(json_find(object, "spec", "roles"), err)) {
		memory_free(name);
		return error_wrap(err, "%.120s", file);
	}
	*ret_manifest = (struct template_manifest){TAKE_PTR(object), name};
	return true;
}

void template_manifest_done(struct template_manifest *manifest)
{
	json_free(manifest->object);
	memory_free(manifest->name);
	*manifest = (struct template_manifest){0};
}

/* One line of YAML; without the names where these are parameters, so that all names are held. */
static void print_rule(const struct json *rule)
{
	cleanup_json struct json *held = json_dup(rule);
	cleanup_free char *line = NULL;
	size_t size = 0;

	if (!is_closed_list(json_find(rule, "resourceNames")))
		json_remove(held, "resourceNames");
	line = json_dump(held, &size);
	printf("- %s\n", line);
}

static void print_roles(const struct json *list, const char *resource)
{
	for (size_t i = 0; i < json_size(list); i++) {
		const struct json *role = json_item(list, i);
		const struct json *rules = json_find(role, "rules");

		if (!rules)
			printf("- {apiGroups: [rbac.authorization.k8s.io], resources: [%s], "
			       "verbs: [bind], resourceNames: [\"%s\"]}\n",
			       resource, json_find_string(role, "name"));
		for (size_t k = 0; k < json_size(rules); k++)
			print_rule(json_item(rules, k));
	}
}

void template_manifest_print(const struct template_manifest *manifest)
{
	printf("---\n"
	       "apiVersion: rbac.authorization.k8s.io/v1\n"
	       "kind: ClusterRole\n"
	       "metadata:\n"
	       "  name: \"%s\"\n"
	       "  labels: {app.kubernetes.io/part-of: credbroker}\n"
	       "rules:\n",
	       manifest->name);
	print_roles(json_find(manifest->object, "spec", "clusterRoles"), "clusterroles");
	print_roles(json_find(manifest->object, "spec", "roles"), "roles");
}
