/* namespace_pattern.h - which namespaces of members are protected, as an operator writes it.
 *
 * Pure. A pattern is a name, or a part of one with "*" at one end: "vault", "kube-*", "*-system".
 * Bytes are compared as they are: namespaces have no capitals. */
#ifndef RBAC_NAMESPACE_PATTERN_H
#define RBAC_NAMESPACE_PATTERN_H

#include <stdbool.h>

struct error;

/* False (ERROR_INVALID, saying what to write instead) when PATTERN (may be NULL) is none. */
bool namespace_pattern_check(const char *pattern, struct error *err);

/* PATTERN must have passed the check. */
bool namespace_pattern_matches(const char *pattern, const char *namespace_name);

#endif
