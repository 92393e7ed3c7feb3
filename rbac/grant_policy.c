#include <rbac/grant_policy.h>

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include <base/error.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "rbac/rule.h"

enum { WORD_BITS = 64, SET_WORDS = (RULE_SET_RULES_MAX + WORD_BITS - 1) / WORD_BITS };

/* A set of rules of the ceiling, a bit for each. */
struct rule_bits {
	uint64_t words[SET_WORDS];
};

/* One part of a right: the words that a wanted rule has for it, and which rules of the ceiling
 * cover each of them. */
struct part {
	const struct rule_words *words;
	bool (*covers)(const struct rule *rule, const char *word);
	const char **ret_word; /* in the right that is looked at */
	struct rule_bits *covering;
};

enum { PARTS_MAX = 4 };

/* No resourceNames: one word, which means every name. */
static const struct rule_words every_name = {.words = (char *[]){NULL}, .count = 1};

static bool narrow(const struct rule_bits *a, const struct rule_bits *b, struct rule_bits *ret_both)
{
	uint64_t any = 0;

	for (size_t i = 0; i < SET_WORDS; i++) {
		ret_both->words[i] = a->words[i] & b->words[i];
		any |= ret_both->words[i];
	}
	return any != 0;
}

static void add_bit(struct rule_bits *bits, size_t index)
{
	bits->words[index / WORD_BITS] |= UINT64_C(1) << (index % WORD_BITS);
}

static bool has_bit(const struct rule_bits *bits, size_t index)
{
	return bits->words[index / WORD_BITS] >> (index % WORD_BITS) & 1;
}

/* Looks up what covers the words of PART among the rules that are LEFT, and leaves those that cover
 * any of them: with the group looked up first, few are. */
static void look_up(struct part *part, const struct rule_set *ceiling, struct rule_bits *left)
{
	struct rule_bits useful = {0};

	part->covering = memory_new_array(part->words->count, sizeof(*part->covering));
	for (size_t j = 0; j < ceiling->count; j++) {
		if (!has_bit(left, j))
			continue;
		for (size_t i = 0; i < part->words->count; i++) {
			if (!part->covers(&ceiling->rules[j], part->words->words[i]))
				continue;
			add_bit(&part->covering[i], j);
			add_bit(&useful, j);
		}
	}
	*left = useful;
}

/* Goes through the combinations of the words of PARTS, as long as rules that cover what was chosen
 * so far are LEFT. True when there are none for one of them: its words stand in ret_word. */
static bool find_uncovered(const struct part *parts, size_t count, const struct rule_bits *left)
{
	if (count == 0)
		return false;
	for (size_t i = 0; i < parts->words->count; i++) {
		struct rule_bits both;

		*parts->ret_word = parts->words->words[i];
		if (!narrow(left, &parts->covering[i], &both)) {
			for (size_t j = 1; j < count; j++)
				*parts[j].ret_word = parts[j].words->words[0];
			return true;
		}
		if (find_uncovered(parts + 1, count - 1, &both))
			return true;
	}
	return false;
}

static size_t split(const struct rule *rule, struct grant_right *right, struct part parts[])
{
	size_t count = 0;

	if (rule->urls.count > 0) {
		parts[count++] = (struct part){&rule->urls, rule_covers_url, &right->url, NULL};
	} else {
		const struct rule_words *names = rule->names.count > 0 ? &rule->names : &every_name;

		parts[count++] =
			(struct part){&rule->groups, rule_covers_group, &right->group, NULL};
		parts[count++] = (struct part){&rule->resources, rule_covers_resource,
					       &right->resource, NULL};
		parts[count++] = (struct part){names, rule_covers_name, &right->name, NULL};
	}
	parts[count++] = (struct part){&rule->verbs, rule_covers_verb, &right->verb, NULL};
	return count;
}

static bool find_gap_of_rule(const struct rule_set *ceiling, const struct rule *rule,
			     struct grant_right *ret_gap)
{
	struct grant_right right = {.namespace_name = rule->scope};
	struct part parts[PARTS_MAX];
	struct rule_bits left = {0};
	size_t count = split(rule, &right, parts);

	for (size_t i = 0; i < ceiling->count; i++)
		if (rule_covers_scope(&ceiling->rules[i], rule->scope))
			add_bit(&left, i);
	for (size_t i = 0; i < count; i++)
		look_up(&parts[i], ceiling, &left);
	bool found = find_uncovered(parts, count, &left);
	for (size_t i = 0; i < count; i++)
		memory_free(parts[i].covering);
	if (found)
		*ret_gap = right;
	return found;
}

static const struct rule *rule_with_gap(const struct rule_set *ceiling,
					const struct rule_set *wanted, struct grant_right *ret_gap)
{
	for (size_t i = 0; i < wanted->count; i++)
		if (find_gap_of_rule(ceiling, &wanted->rules[i], ret_gap))
			return &wanted->rules[i];
	return NULL;
}

bool grant_policy_find_gap(const struct rule_set *ceiling, const struct rule_set *wanted,
			   struct grant_right *ret_gap)
{
	return rule_with_gap(ceiling, wanted, ret_gap) != NULL;
}

static bool is_covered(const struct rule_set *ceiling, const struct grant_right *right)
{
	for (size_t i = 0; i < ceiling->count; i++) {
		const struct rule *rule = &ceiling->rules[i];

		if (!rule_covers_scope(rule, right->namespace_name) ||
		    !rule_covers_verb(rule, right->verb))
			continue;
		if (right->url ? rule_covers_url(rule, right->url)
			       : rule_covers_group(rule, right->group) &&
					 rule_covers_resource(rule, right->resource) &&
					 rule_covers_name(rule, right->name))
			return true;
	}
	return false;
}

/* As kubectl writes it: "deployments.apps/scale". */
static void write_resource(struct text *text, const struct grant_right *right)
{
	assert(right->group && right->resource);
	size_t size = strcspn(right->resource, "/");

	text_append_bytes(text, right->resource, size);
	if (right->group[0] != '\0')
		text_appendf(text, ".%s", right->group);
	text_append(text, right->resource + size);
	if (right->name)
		text_appendf(text, " named %s", right->name);
}

static void write_gap(struct text *text, const struct rule_set *ceiling, const struct rule *rule,
		      struct grant_right right)
{
	const char *between = "";

	text_append(text, "verbs [");
	for (size_t i = 0; i < rule->verbs.count; i++) {
		right.verb = rule->verbs.words[i];
		if (is_covered(ceiling, &right))
			continue;
		text_appendf(text, "%s%s", between, right.verb);
		between = " ";
	}
	text_append(text, "] on ");
	if (right.url)
		text_appendf(text, "the URL %s", right.url);
	else
		write_resource(text, &right);
	if (right.namespace_name)
		text_appendf(text, " in namespace %s", right.namespace_name);
	else if (!right.url)
		text_append(text, " in the whole cluster");
}

bool grant_policy_covers(const struct rule_set *ceiling, const struct rule_set *wanted,
			 struct error *err)
{
	cleanup_text struct text text = text_with_max(ERROR_TEXT_MAX);
	struct grant_right gap = {0};
	const struct rule *rule = rule_with_gap(ceiling, wanted, &gap);

	if (!rule)
		return true;
	write_gap(&text, ceiling, rule, gap);
	return error_set(err, ERROR_DENIED, "%s", text_chars(&text));
}
