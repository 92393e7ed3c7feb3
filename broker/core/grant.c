#include "core/grant.h"

#include <string.h>

#include <base/error.h>
#include <base/json.h>
#include <base/text.h>

static bool contains(const struct json *list, const char *word)
{
	for (size_t i = 0; i < json_size(list); i++)
		if (text_same(json_string(json_item(list, i)), word))
			return true;
	return false;
}

/* RESOURCE itself or one of its subresources. */
static bool contains_resource(const struct json *list, const char *resource)
{
	size_t size = strlen(resource);

	for (size_t i = 0; i < json_size(list); i++) {
		const char *item = json_string(json_item(list, i));

		if (item && strncmp(item, resource, size) == 0 &&
		    (item[size] == '\0' || item[size] == '/'))
			return true;
	}
	return false;
}

static bool has_wildcard(const struct json *list)
{
	for (size_t i = 0; i < json_size(list); i++) {
		const char *item = json_string(json_item(list, i));

		if (item && strchr(item, '*'))
			return true;
	}
	return false;
}

static bool only_reads(const struct json *verbs)
{
	for (size_t i = 0; i < json_size(verbs); i++) {
		const char *verb = json_string(json_item(verbs, i));

		if (!text_same(verb, "get") && !text_same(verb, "list") &&
		    !text_same(verb, "watch"))
			return false;
	}
	return true;
}

static bool rule_is_acceptable(const struct json *rule, struct error *err)
{
	static const char *const verbs_beyond[] = {"bind", "escalate", "impersonate"};
	static const char *const kept_resources[] = {"secrets", "serviceaccounts"};
	const struct json *verbs = json_find(rule, "verbs");
	const struct json *groups = json_find(rule, "apiGroups");
	const struct json *resources = json_find(rule, "resources");

	if (has_wildcard(verbs) || has_wildcard(groups) || has_wildcard(resources))
		return error_set(err, ERROR_DENIED, "inline rules take no \"*\": write them out");
	for (size_t i = 0; i < sizeof(verbs_beyond) / sizeof(verbs_beyond[0]); i++)
		if (contains(verbs, verbs_beyond[i]))
			return error_set(err, ERROR_DENIED, "inline rules do not take the verb %s",
					 verbs_beyond[i]);
	if (contains(groups, "rbac.authorization.k8s.io"))
		return error_set(err, ERROR_DENIED, "inline rules do not take RBAC objects");
	for (size_t i = 0; i < sizeof(kept_resources) / sizeof(kept_resources[0]); i++)
		if (contains(groups, "") && contains_resource(resources, kept_resources[i]) &&
		    !only_reads(verbs))
			return error_set(err, ERROR_DENIED, "inline rules may only read %s",
					 kept_resources[i]);
	return true;
}

bool grant_is_acceptable(const struct json *rules, struct error *err)
{
	for (size_t i = 0; i < json_size(rules); i++)
		if (!rule_is_acceptable(json_item(rules, i), err))
			return false;
	return true;
}
