/* template_parameter.h - what a request may or must say to get the rights of a template.
 *
 * For rbac alone. */
#ifndef RBAC_TEMPLATE_PARAMETER_H
#define RBAC_TEMPLATE_PARAMETER_H

#include <stdbool.h>

struct error;
struct json;
struct template_value;
struct text_pattern;

struct template_parameter {
	char *name;
	bool is_list;                 /* StringList */
	struct text_pattern *pattern; /* NULL: any */
	struct json *standard;        /* of its "default"; NULL: must be given */
};

/* Reads an entry of spec.parameters. False (ERROR_INVALID, saying what to write). */
bool template_parameter_read(const struct json *json, struct template_parameter *ret_parameter,
			     struct error *err);
/* Releases the content; fine on a zeroed one. */
void template_parameter_done(struct template_parameter *parameter);

/* The value that GIVEN, the entry of that name in a request, has for PARAMETER; NULL means its
 * default. Borrowed from both. False (ERROR_INVALID, saying what to write). */
bool template_parameter_resolve(const struct template_parameter *parameter,
				const struct json *given, struct template_value *ret_value,
				struct error *err);

#endif
