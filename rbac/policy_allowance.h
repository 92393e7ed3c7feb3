/* policy_allowance.h - what a policy allows to those that it is for: its spec.allow.
 *
 * For rbac alone. */
#ifndef RBAC_POLICY_ALLOWANCE_H
#define RBAC_POLICY_ALLOWANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rbac/name_set.h"

struct error;
struct json;
struct policy_parameter;
struct rule_set;

/* What a template may be given: nothing but what is listed. */
struct policy_template_choice {
	char *name;
	struct policy_parameter *parameters;
	size_t parameter_count;
};

struct policy_parameter {
	char *name;
	struct name_set values;
};

/* Names in one namespace; of identities none means all. */
struct policy_place {
	char *namespace_name;
	struct name_set names;
};

struct policy_allowance {
	struct policy_template_choice *templates;
	size_t template_count;
	struct rule_set *ceiling;
	uint32_t dangers; /* as of grant_danger_find() */
	struct name_set cluster_roles;
	struct policy_place *roles; /* with one name each */
	size_t role_count;
	struct name_set protected_namespaces;
	struct policy_place *identities; /* none: all in the default namespace */
	size_t identity_count;
	struct policy_place *existing_identities; /* with one name each */
	size_t existing_identity_count;
	struct name_set audiences;
	int64_t lifetime_min_s;
	int64_t lifetime_max_s;
	int64_t renew_at_percent; /* of the lifetime that was granted; 0: not said */
	struct name_set formats;
	struct name_set destinations; /* none: the namespace of the request */
};

/* Reads spec.allow. False (ERROR_INVALID, saying what to write instead). RET_ALLOWANCE, which must
 * be zeroed, is to be released in any case. */
bool policy_allowance_read(const struct json *allow, struct policy_allowance *ret_allowance,
			   struct error *err);
void policy_allowance_done(struct policy_allowance *allowance);

#endif
