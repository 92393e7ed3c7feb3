/* fields.h - an object has the fields that its reader knows, and no others.
 *
 * For rbac alone. What was misspelt, or is of a later version, would otherwise count as absent. */
#ifndef RBAC_FIELDS_H
#define RBAC_FIELDS_H

#include <stdbool.h>

struct error;
struct json;

/* False (ERROR_INVALID) when JSON is no object, or has a field that is not in KNOWN, which ends
 * with NULL. */
bool fields_are_known(const struct json *json, const char *const *known, struct error *err);

#endif
