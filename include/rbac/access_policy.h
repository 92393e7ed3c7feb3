/* access_policy.h - AccessPolicies, and whether one of them allows what a request asks for.
 *
 * Pure. Nothing is allowed but by a policy, and one policy must allow the request as a whole. What
 * is not known of a requester, a namespace or a ClusterProfile matches nothing. Names are compared
 * byte by byte; there are no wildcards. */
#ifndef RBAC_ACCESS_POLICY_H
#define RBAC_ACCESS_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/error.h>

struct access_policy;
struct json;
struct rule_set;

/* Reads an AccessPolicy. Fields that are not known are refused, since they may be limits. NULL
 * (ERROR_INVALID, naming the field and what to write instead). The caller's. */
struct access_policy *access_policy_read(const struct json *object, struct error *err);

/* NULL is fine. Takes void * so that it serves as a store's destructor. */
void access_policy_free(void *policy);

/* Its metadata.name; borrowed. */
const char *access_policy_name(const struct access_policy *policy);

/* Where on members it lets ServiceAccounts be, besides the default, or names existing ones:
 * namespace number INDEX, NULL after the last. Borrowed. */
const char *access_policy_identity_namespace(const struct access_policy *policy, size_t index);

struct policy_template {
	const char *name;
	/* As in the request: [{name, value} or {name, values}]; may be NULL. */
	const struct json *parameters;
};

struct policy_role {
	const char *namespace_name; /* NULL: a ClusterRole, bound in the whole cluster */
	const char *name;
};

struct policy_words {
	const char *const *words;
	size_t count;
};

/* What is known of the ServiceAccount on the member. */
enum policy_identity {
	POLICY_IDENTITY_NEW,      /* nothing: it is to be made, or used where a policy says so */
	POLICY_IDENTITY_MADE,     /* it was made for the request */
	POLICY_IDENTITY_EXISTING, /* it is somebody else's, and is used as it is */
};

/* What a request asks for, with every default filled in. All of it is borrowed; zeroed means that
 * nothing is known and nothing asked for. */
struct policy_question {
	const char *request_namespace;
	/* The Namespace was read. Else no selector matches it, but the empty one. */
	bool namespace_known;
	const struct json *namespace_labels; /* its metadata.labels; NULL: it has none */

	/* Proven at admission. Else no user, group or ServiceAccount matches. */
	bool requester_known;
	const char *username;
	struct policy_words groups;

	const char *profile_namespace;
	const char *profile_name;
	/* The ClusterProfile was read. Else no selector matches it, but the empty one. */
	bool profile_known;
	const struct json *profile_labels; /* its metadata.labels; NULL: it has none */
	const char *cluster_manager;       /* its spec.clusterManager.name; NULL: not known */

	const char *identity_namespace; /* of the ServiceAccount on the member */
	const char *identity_name;
	const char *default_identity_namespace; /* the operator's */
	enum policy_identity identity;

	const struct policy_template *templates;
	size_t template_count;
	/* Rules of roles in their namespace, of clusterRoles in the whole cluster; NULL: none. */
	const struct rule_set *inline_rules;
	const struct policy_role *existing_roles; /* that are to be bound */
	size_t existing_role_count;

	/* Where templates put roles on the member. Those of inline rules and existing roles are
	 * looked at anyway; that of the identity is not, since a policy names it. */
	struct policy_words role_namespaces;
	const char *broker_namespace; /* protected, as kube-* and openshift-* are; may be NULL */
	struct policy_words protected_patterns; /* more of them; each passed the check */

	struct policy_words audiences; /* none: the member's own */
	int64_t lifetime_s;
	struct policy_words formats;
	struct policy_words destination_namespaces;
};

struct policy_decision {
	const char *policy; /* the name of the one that allows, borrowed from it; NULL: denied */
	int64_t renew_at_percent; /* where it has its credentials renewed; 0: not said */
	bool existing_identity;   /* it names the ServiceAccount as one that exists */
	const char *reason; /* of a denial, as a condition has it: "TemplateNotAllowed"; static */
	char text[ERROR_TEXT_MAX]; /* of a denial, for the requester */
};

/* True when one of POLICIES allows all of QUESTION: RET_DECISION says which. One that names the
 * ServiceAccount as existing comes before those that do not; else it is the first by name.
 * Else it says the first thing that no policy allows, as the policy sees it that goes the furthest
 * (by name the first of them). The order of POLICIES is of no matter. A denial tells what was
 * asked, and nothing of policies; with the reason "PolicyMissing" it does not even tell whether the
 * ClusterProfile is there.
 *
 * Reasons, in the order in which things are looked at: PolicyMissing, IdentityNotAllowed,
 * TemplateNotAllowed, RulesNotAllowed, RoleNotAllowed, NamespaceProtected, AudienceNotAllowed,
 * LifetimeNotAllowed, FormatNotAllowed, DestinationNotAllowed. */
bool access_policies_decide(const struct access_policy *const *policies, size_t count,
			    const struct policy_question *question,
			    struct policy_decision *ret_decision);

/* True when one of POLICIES is for who asks QUESTION and for the ClusterProfile, whatever it
 * allows: no more is asked. Else RET_DECISION is the denial "PolicyMissing". */
bool access_policies_are_for(const struct access_policy *const *policies, size_t count,
			     const struct policy_question *question,
			     struct policy_decision *ret_decision);
/* What one policy makes of a question. It tells of the policy, so show it only to those who may
 * read policies. Names of fields are those of the policy and static. */
struct policy_opinion {
	bool allowed;
	const char *agreed;  /* the last field that goes along; NULL: none does */
	const char *refused; /* the first that does not; NULL: allowed */
	const char *reason;  /* as a denial for it alone would have it; NULL: allowed */
	char text[ERROR_TEXT_MAX];
};

/* The same looking that access_policies_decide() does, of POLICY alone. */
void access_policy_judge(const struct access_policy *policy, const struct policy_question *question,
			 struct policy_opinion *ret_opinion);

#endif
