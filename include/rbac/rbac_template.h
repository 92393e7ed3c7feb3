/* rbac_template.h - an RBACTemplate: rights that are given by name, with values put into them.
 *
 * Pure. A string of a role that is exactly "$(name)" is replaced by the value of the parameter or
 * variable of that name; in a list, "$(name)" of a StringList stands for all its values. Nothing
 * is replaced within a string, a value is never looked into, there are no functions: a value
 * cannot change the structure, and cannot be or contain "*".
 *
 * Texts of errors say which parameter and what to write; they repeat no value. They name labels
 * and properties of the ClusterProfile, so show them only to those who may know the profile. */
#ifndef RBAC_RBAC_TEMPLATE_H
#define RBAC_RBAC_TEMPLATE_H

struct error;
struct json;
struct rbac_template;

/* Reads an object of kind RBACTemplate; keeps copies. NULL (ERROR_INVALID, saying where and what
 * to write) when anything in it is wrong, also what the CRD would have refused. The caller's. */
struct rbac_template *rbac_template_read(const struct json *object, struct error *err);
/* TEMPLATE is a struct rbac_template or NULL. */
void rbac_template_free(void *template);

/* metadata.name; lives as long as TEMPLATE. */
const char *rbac_template_name(const struct rbac_template *template);

/* What a template is filled with. Everything is borrowed; a NULL is as good as an empty one. */
struct template_input {
	const struct json *parameters; /* of the request: [{name, value} or {name, values}] */
	const char *profile_name;
	const char *profile_namespace;
	const struct json *labels;     /* of the ClusterProfile: metadata.labels */
	const struct json *properties; /* of the ClusterProfile: status.properties */
};

/* The rights that TEMPLATE gives for INPUT, in the order of the template:
 *
 *	{"clusterRoles": [{"name", "rules"}], "roles": [{"namespace", "name", "rules"}]}
 *
 * Both lists are always there; an entry without rules means the existing role of that name. Names
 * and namespaces are legal, no role is there twice, rules are what rule_set_add() takes, and all
 * words together are less than TEMPLATE_OUTPUT_MAX bytes. NULL (ERROR_INVALID) when a parameter is
 * missing, unknown or wrong, or the profile lacks what a variable needs. The caller's. */
struct json *rbac_template_render(const struct rbac_template *template,
				  const struct template_input *input, struct error *err);

#endif
