#include <rbac/rule_set.h>

#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>

#include "rbac/rule.h"

struct rule_set *rule_set_new(void)
{
	return memory_new(sizeof(struct rule_set));
}

/* Drops the rules behind the first COUNT. */
static void cut(struct rule_set *set, size_t count)
{
	while (set->count > count) {
		struct rule *last = &set->rules[--set->count];

		set->words -= rule_count_words(last);
		set->rights -= rule_count_rights(last);
		rule_done(last);
	}
}

void rule_set_free(struct rule_set *set)
{
	if (!set)
		return;
	cut(set, 0);
	memory_free(set->rules);
	memory_free(set);
}

void rule_set_free_target(struct rule_set **set)
{
	rule_set_free(*set);
}

static bool has_room(const struct rule_set *set, struct error *err)
{
	if (set->words > RULE_SET_WORDS_MAX)
		return error_set(err, ERROR_INVALID,
				 "the rules have more than %d words: write fewer",
				 RULE_SET_WORDS_MAX);
	if (set->rights > RULE_SET_RIGHTS_MAX)
		return error_set(err, ERROR_INVALID,
				 "the rules stand for more than %d rights: write fewer",
				 RULE_SET_RIGHTS_MAX);
	return true;
}

static bool add_rule(struct rule_set *set, const struct json *json, const char *scope,
		     struct error *err)
{
	struct rule *rule = &set->rules[set->count];

	if (!rule_read(json, scope, rule, err))
		return false;
	set->count++;
	set->words += rule_count_words(rule);
	set->rights += rule_count_rights(rule);
	return has_room(set, err);
}

bool rule_set_add(struct rule_set *set, const struct json *rules, const char *namespace_name,
		  struct error *err)
{
	size_t before = set->count;

	if (rules && !json_is_null(rules) && !json_is_array(rules))
		return error_set(err, ERROR_INVALID, "rules must be a list");
	if (json_size(rules) > RULE_SET_RULES_MAX - before)
		return error_set(err, ERROR_INVALID, "there are more than %d rules: write fewer",
				 RULE_SET_RULES_MAX);
	set->rules = memory_resize(set->rules, before + json_size(rules), sizeof(*set->rules));
	for (size_t i = 0; i < json_size(rules); i++) {
		if (!add_rule(set, json_item(rules, i), namespace_name, err)) {
			cut(set, before);
			return error_wrap(err, "rules[%zu]", i);
		}
	}
	return true;
}
