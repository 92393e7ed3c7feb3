#include <rbac/grant_danger.h>

#include <stddef.h>
#include <string.h>

#include <base/error.h>
#include <base/text.h>

#include "rbac/rule.h"

#define RBAC_GROUP  "rbac.authorization.k8s.io"
#define AUTH_GROUP  "authentication.k8s.io"
#define CERTS_GROUP "certificates.k8s.io"

static const char *const names[GRANT_DANGER_COUNT] = {
	[GRANT_DANGER_ANY_VERB] = "any-verb",
	[GRANT_DANGER_ANY_GROUP] = "any-group",
	[GRANT_DANGER_ANY_RESOURCE] = "any-resource",
	[GRANT_DANGER_ESCALATE] = "escalate",
	[GRANT_DANGER_BIND] = "bind",
	[GRANT_DANGER_IMPERSONATE] = "impersonate",
	[GRANT_DANGER_TOKENS] = "serviceaccount-tokens",
	[GRANT_DANGER_LIST_ALL_SECRETS] = "list-all-secrets",
	[GRANT_DANGER_NODES_PROXY] = "nodes-proxy",
	[GRANT_DANGER_EXEC_ANYWHERE] = "exec-anywhere",
	[GRANT_DANGER_ATTACH_ANYWHERE] = "attach-anywhere",
	[GRANT_DANGER_EPHEMERAL_CONTAINERS_ANYWHERE] = "ephemeral-containers-anywhere",
	[GRANT_DANGER_CSR_APPROVAL] = "csr-approval",
	[GRANT_DANGER_SIGNERS] = "signers",
	[GRANT_DANGER_ADMISSION_WRITES] = "admission-writes",
	[GRANT_DANGER_RBAC_WRITES] = "rbac-writes",
	[GRANT_DANGER_SECRET_WRITES] = "secret-writes",
	[GRANT_DANGER_SERVICE_ACCOUNT_WRITES] = "serviceaccount-writes",
	[GRANT_DANGER_URLS] = "non-resource-urls",
};

static bool has_any_verb(const struct rule *rule)
{
	return rule_words_have(&rule->verbs, "*");
}

static bool has_any_group(const struct rule *rule)
{
	return rule_words_have(&rule->groups, "*");
}

static bool has_any_resource(const struct rule *rule)
{
	for (size_t i = 0; i < rule->resources.count; i++)
		if (rule->resources.words[i][0] == '*')
			return true;
	return false;
}

static bool says_escalate(const struct rule *rule)
{
	return rule_words_have(&rule->verbs, "escalate");
}

static bool says_bind(const struct rule *rule)
{
	return rule_words_have(&rule->verbs, "bind");
}

static bool says_impersonate(const struct rule *rule)
{
	static const char word[] = "impersonate";

	for (size_t i = 0; i < rule->verbs.count; i++)
		if (strncmp(rule->verbs.words[i], word, sizeof(word) - 1) == 0)
			return true;
	return false;
}

static bool reads_many(const struct rule *rule)
{
	return rule_covers_verb(rule, "list") || rule_covers_verb(rule, "watch") ||
	       rule_covers_verb(rule, "deletecollection");
}

static bool writes(const struct rule *rule)
{
	for (size_t i = 0; i < rule->verbs.count; i++) {
		const char *verb = rule->verbs.words[i];

		if (strcmp(verb, "get") != 0 && strcmp(verb, "list") != 0 &&
		    strcmp(verb, "watch") != 0)
			return true;
	}
	return false;
}

/* Other verbs, such as "impersonate", change no object. */
static bool changes_objects(const struct rule *rule)
{
	return rule_covers_verb(rule, "create") || rule_covers_verb(rule, "update") ||
	       rule_covers_verb(rule, "patch") || rule_covers_verb(rule, "delete") ||
	       rule_covers_verb(rule, "deletecollection");
}

/* What Kubernetes itself lets every client read. */
static bool url_is_public(const char *url)
{
	static const char *const open[] = {"/api",     "/api/*",     "/apis",   "/apis/*",
					   "/healthz", "/healthz/*", "/livez",  "/livez/*",
					   "/openapi", "/openapi/*", "/readyz", "/readyz/*",
					   "/version", "/version/"};

	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		if (rule_url_covers(open[i], url))
			return true;
	return false;
}

static bool reaches_other_urls(const struct rule *rule)
{
	for (size_t i = 0; i < rule->urls.count; i++)
		if (!url_is_public(rule->urls.words[i]))
			return true;
	return rule->urls.count > 0 &&
	       (rule->verbs.count > 1 || !rule_covers_verb(rule, "get") || has_any_verb(rule));
}

/* A danger is there when a rule does what MATCHES says (NULL: anything) on RESOURCE (NULL: on any)
 * of GROUP (NULL: of any), perhaps only when it holds in the whole cluster. */
struct pattern {
	enum grant_danger danger;
	bool in_cluster_only;
	bool (*matches)(const struct rule *rule);
	const char *group;
	const char *resource;
};

static const struct pattern patterns[] = {
	{GRANT_DANGER_ANY_VERB, false, has_any_verb, NULL, NULL},
	{GRANT_DANGER_ANY_GROUP, false, has_any_group, NULL, NULL},
	{GRANT_DANGER_ANY_RESOURCE, false, has_any_resource, NULL, NULL},
	{GRANT_DANGER_ESCALATE, false, says_escalate, NULL, NULL},
	{GRANT_DANGER_ESCALATE, false, has_any_verb, RBAC_GROUP, "roles"},
	{GRANT_DANGER_ESCALATE, false, has_any_verb, RBAC_GROUP, "clusterroles"},
	{GRANT_DANGER_BIND, false, says_bind, NULL, NULL},
	{GRANT_DANGER_BIND, false, has_any_verb, RBAC_GROUP, "roles"},
	{GRANT_DANGER_BIND, false, has_any_verb, RBAC_GROUP, "clusterroles"},
	{GRANT_DANGER_IMPERSONATE, false, says_impersonate, NULL, NULL},
	{GRANT_DANGER_IMPERSONATE, false, has_any_verb, "", "users"},
	{GRANT_DANGER_IMPERSONATE, false, has_any_verb, "", "groups"},
	{GRANT_DANGER_IMPERSONATE, false, has_any_verb, "", "serviceaccounts"},
	{GRANT_DANGER_IMPERSONATE, false, has_any_verb, AUTH_GROUP, NULL},
	{GRANT_DANGER_TOKENS, false, NULL, "", "serviceaccounts/token"},
	{GRANT_DANGER_LIST_ALL_SECRETS, true, reads_many, "", "secrets"},
	{GRANT_DANGER_NODES_PROXY, false, NULL, "", "nodes/proxy"},
	{GRANT_DANGER_EXEC_ANYWHERE, true, NULL, "", "pods/exec"},
	{GRANT_DANGER_ATTACH_ANYWHERE, true, NULL, "", "pods/attach"},
	{GRANT_DANGER_EPHEMERAL_CONTAINERS_ANYWHERE, true, NULL, "", "pods/ephemeralcontainers"},
	{GRANT_DANGER_CSR_APPROVAL, false, NULL, CERTS_GROUP,
	 "certificatesigningrequests/approval"},
	{GRANT_DANGER_SIGNERS, false, NULL, CERTS_GROUP, "signers"},
	{GRANT_DANGER_ADMISSION_WRITES, false, writes, "admissionregistration.k8s.io", NULL},
	{GRANT_DANGER_RBAC_WRITES, false, writes, RBAC_GROUP, NULL},
	{GRANT_DANGER_SECRET_WRITES, false, changes_objects, "", "secrets"},
	{GRANT_DANGER_SERVICE_ACCOUNT_WRITES, false, changes_objects, "", "serviceaccounts"},
	{GRANT_DANGER_URLS, false, reaches_other_urls, NULL, NULL},
};

static bool has_pattern(const struct rule *rule, const struct pattern *pattern)
{
	if (pattern->in_cluster_only && rule->scope)
		return false;
	if (pattern->group && !rule_covers_group(rule, pattern->group))
		return false;
	if (pattern->resource && !rule_covers_resource(rule, pattern->resource))
		return false;
	return !pattern->matches || pattern->matches(rule);
}

static uint32_t find_in_rule(const struct rule *rule)
{
	uint32_t found = 0;

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		if (has_pattern(rule, &patterns[i]))
			found |= UINT32_C(1) << patterns[i].danger;
	return found;
}

const char *grant_danger_name(enum grant_danger danger)
{
	return names[danger];
}

bool grant_danger_parse(const char *name, enum grant_danger *ret_danger)
{
	for (size_t i = 0; i < GRANT_DANGER_COUNT; i++) {
		if (text_same(names[i], name)) {
			*ret_danger = (enum grant_danger)i;
			return true;
		}
	}
	return false;
}

uint32_t grant_danger_find(const struct rule_set *wanted)
{
	uint32_t found = 0;

	for (size_t i = 0; i < wanted->count; i++)
		found |= find_in_rule(&wanted->rules[i]);
	return found;
}

bool grant_danger_accept(const struct rule_set *wanted, uint32_t allowed, struct error *err)
{
	uint32_t refused = grant_danger_find(wanted) & ~allowed;

	for (size_t i = 0; i < GRANT_DANGER_COUNT; i++)
		if (refused & UINT32_C(1) << i)
			return error_set(
				err, ERROR_DENIED,
				"the rules contain \"%s\", which a policy must allow by name",
				names[i]);
	return true;
}
