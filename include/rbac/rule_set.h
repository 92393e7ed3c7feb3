/* rule_set.h - rights as Kubernetes writes them: the PolicyRules of Roles and ClusterRoles.
 *
 * Pure. Takes what the API server takes, and less: unknown fields are refused, and words that are
 * empty (an empty resourceName matches every request that names no object, so it grants list) or
 * not printable ASCII without blanks (they end up in conditions and Events). */
#ifndef RBAC_RULE_SET_H
#define RBAC_RULE_SET_H

#include <stdbool.h>

struct error;
struct json;
struct rule_set;

/* An empty set. The caller's, released with rule_set_free(). */
struct rule_set *rule_set_new(void);
void rule_set_free(struct rule_set *set);
void rule_set_free_target(struct rule_set **set);
#define cleanup_rule_set __attribute__((cleanup(rule_set_free_target)))

/* Adds copies of RULES, an array of PolicyRules (nothing when NULL or null). They hold in the
 * namespace NAMESPACE_NAME, as those of a Role or of a ClusterRole that a RoleBinding names do, or
 * in the whole cluster when that is NULL. False (ERROR_INVALID, naming the rule and what to write
 * instead) when one is wrong or the set becomes too large: then nothing was added. */
bool rule_set_add(struct rule_set *set, const struct json *rules, const char *namespace_name,
		  struct error *err);

#endif
