/* grant.h - what the inline rules of a request may never contain, whatever a member would allow.
 *
 * Pure. The member's API server lets us grant what we hold there, and that includes what we need
 * for our own work: RBAC objects, ServiceAccounts and their tokens, anchors. A tenant with these
 * could become any other tenant. Rights of this kind are given only by binding an existing role
 * that the operator opened by name (`credbroker member-rbac --may-bind`). */
#ifndef CORE_GRANT_H
#define CORE_GRANT_H

#include <stdbool.h>

struct error;
struct json;

/* False (ERROR_DENIED, naming what is refused) when a rule has a wildcard, a verb that goes beyond
 * its own rules (bind, escalate, impersonate), any right on RBAC objects, or one that changes
 * Secrets or ServiceAccounts or makes tokens. */
bool grant_is_acceptable(const struct json *rules, struct error *err);

#endif
