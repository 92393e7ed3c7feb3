#include "rbac/policy_subject.h"

#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include <rbac/access_policy.h>

#include "rbac/fields.h"
#include "rbac/policy_json.h"

static bool read_account(const struct json *item, void *place, struct error *err)
{
	static const char *const fields[] = {"namespace", "name", NULL};
	cleanup_text struct text user = text_with_max(POLICY_WORD_MAX);
	const char *namespace_name = NULL;
	const char *name = NULL;

	if (!fields_are_known(item, fields, err))
		return false;
	namespace_name = policy_json_name(item, "namespace", err);
	name = namespace_name ? policy_json_name(item, "name", err) : NULL;
	if (!name)
		return false;
	text_appendf(&user, "system:serviceaccount:%s:%s", namespace_name, name);
	if (!text_ok(&user, "namespace and name", err))
		return false;
	*(char **)place = text_take(&user);
	return true;
}

static bool read_accounts(const struct json *item, struct name_set *ret_set, struct error *err)
{
	struct policy_items users = {0};
	bool ok = policy_json_items(item, "serviceAccounts", 1, POLICY_LIST_MAX, read_account,
				    sizeof(char *), &users, err);

	*ret_set = (struct name_set){users.items, users.count};
	if (ok)
		*ret_set = name_set_of(users.items, users.count);
	return ok;
}

static bool read_selector(const struct json *item, const char *field, bool *ret_has,
			  struct label_selector *ret_selector, struct error *err)
{
	const struct json *selector = json_find(item, field);

	if (!selector)
		return true;
	*ret_has = true;
	return label_selector_read(selector, ret_selector, err) || error_wrap(err, "%s", field);
}

static bool gives_something(bool gives, struct error *err)
{
	return gives ||
	       error_set(err, ERROR_INVALID,
			 "gives no field: write what it is to match, {} as a selector for all");
}

bool policy_subject_read(const struct json *item, void *place, struct error *err)
{
	static const char *const fields[] = {"namespaces", "namespaceSelector", "users",
					     "groups",     "serviceAccounts",   NULL};
	struct policy_subject *subject = place;

	return fields_are_known(item, fields, err) &&
	       name_set_read(item, "namespaces", 1, &subject->namespaces, err) &&
	       name_set_read(item, "users", 1, &subject->users, err) &&
	       name_set_read(item, "groups", 1, &subject->groups, err) &&
	       read_accounts(item, &subject->accounts, err) &&
	       read_selector(item, "namespaceSelector", &subject->has_selector, &subject->selector,
			     err) &&
	       gives_something(subject->has_selector || subject->namespaces.count > 0 ||
				       subject->users.count > 0 || subject->groups.count > 0 ||
				       subject->accounts.count > 0,
			       err);
}

bool policy_subject_read_target(const struct json *item, void *place, struct error *err)
{
	static const char *const fields[] = {"namespaces", "names", "selector", "clusterManagers",
					     NULL};
	struct policy_target *target = place;

	return fields_are_known(item, fields, err) &&
	       name_set_read(item, "namespaces", 1, &target->namespaces, err) &&
	       name_set_read(item, "names", 1, &target->names, err) &&
	       name_set_read(item, "clusterManagers", 1, &target->managers, err) &&
	       read_selector(item, "selector", &target->has_selector, &target->selector, err) &&
	       gives_something(target->has_selector || target->namespaces.count > 0 ||
				       target->names.count > 0 || target->managers.count > 0,
			       err);
}

void policy_subject_done(struct policy_subject *subject)
{
	name_set_done(&subject->namespaces);
	name_set_done(&subject->users);
	name_set_done(&subject->groups);
	name_set_done(&subject->accounts);
	label_selector_done(&subject->selector);
}

void policy_subject_done_target(struct policy_target *target)
{
	name_set_done(&target->namespaces);
	name_set_done(&target->names);
	name_set_done(&target->managers);
	label_selector_done(&target->selector);
}

static bool allows_name(const struct name_set *set, const char *name)
{
	return set->count == 0 || name_set_has(set, name);
}

static bool allows_group(const struct name_set *set, const struct policy_words *groups)
{
	for (size_t i = 0; i < groups->count; i++)
		if (name_set_has(set, groups->words[i]))
			return true;
	return set->count == 0;
}

/* Labels that are not known match only what every object matches. */
static bool selects(const struct label_selector *selector, bool is_known, const struct json *labels)
{
	return selector->count == 0 || (is_known && label_selector_matches(selector, labels));
}

bool policy_subject_matches(const struct policy_subject *subject,
			    const struct policy_question *question)
{
	static const struct policy_words no_groups = {0};
	const char *user = question->requester_known ? question->username : NULL;
	const struct policy_words *groups =
		question->requester_known ? &question->groups : &no_groups;

	return allows_name(&subject->namespaces, question->request_namespace) &&
	       allows_name(&subject->users, user) && allows_name(&subject->accounts, user) &&
	       allows_group(&subject->groups, groups) &&
	       (!subject->has_selector ||
		selects(&subject->selector, question->namespace_known, question->namespace_labels));
}

bool policy_subject_matches_target(const struct policy_target *target,
				   const struct policy_question *question)
{
	return allows_name(&target->namespaces, question->profile_namespace) &&
	       allows_name(&target->names, question->profile_name) &&
	       allows_name(&target->managers, question->cluster_manager) &&
	       (!target->has_selector ||
		selects(&target->selector, question->profile_known, question->profile_labels));
}
