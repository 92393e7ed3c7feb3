/* template_variable.h - what a template takes from the ClusterProfile.
 *
 * For rbac alone. */
#ifndef RBAC_TEMPLATE_VARIABLE_H
#define RBAC_TEMPLATE_VARIABLE_H

#include <stdbool.h>

struct error;
struct json;
struct template_input;
struct template_value;

enum template_source {
	TEMPLATE_SOURCE_NAME,
	TEMPLATE_SOURCE_NAMESPACE,
	TEMPLATE_SOURCE_LABEL,
	TEMPLATE_SOURCE_PROPERTY,
};

struct template_variable {
	char *name;
	enum template_source source;
	char *key; /* of the label or property */
};

/* Reads an entry of spec.variables. False (ERROR_INVALID, saying what to write). */
bool template_variable_read(const struct json *json, struct template_variable *ret_variable,
			    struct error *err);
/* Releases the content; fine on a zeroed one. */
void template_variable_done(struct template_variable *variable);

/* Borrowed from both. False (ERROR_INVALID) when the profile has no such thing or it is no value.
 */
bool template_variable_resolve(const struct template_variable *variable,
			       const struct template_input *input, struct template_value *ret_value,
			       struct error *err);

#endif
