/* template_role.h - one entry of roles or clusterRoles of a template.
 *
 * For rbac alone. */
#ifndef RBAC_TEMPLATE_ROLE_H
#define RBAC_TEMPLATE_ROLE_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct json;
struct template_values;

/* Is ROLE one, and does each of its placeholders have a name in DECLARED? False (ERROR_INVALID,
 * saying what to write). */
bool template_role_check(const struct json *role, bool has_namespace,
			 const struct template_values *declared, struct error *err);

/* Appends ROLE, which was checked, with its placeholders replaced to LIST, and takes the bytes of
 * its words from ROOM. False (ERROR_INVALID) when the result is no role, is in LIST already or has
 * no room; LIST is of no use then. */
bool template_role_render(const struct json *role, bool has_namespace,
			  const struct template_values *values, size_t *room, struct json *list,
			  struct error *err);

#endif
