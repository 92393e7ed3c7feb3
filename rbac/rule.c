#include "rbac/rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

static int compare_words(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

bool rule_words_have(const struct rule_words *words, const char *word)
{
	return words->count > 0 &&
	       bsearch(&word, words->words, words->count, sizeof(word), compare_words) != NULL;
}

static void sort_words(struct rule_words *words)
{
	size_t kept = 0;

	if (words->count == 0)
		return;
	qsort(words->words, words->count, sizeof(*words->words), compare_words);
	for (size_t i = 1; i < words->count; i++) {
		if (strcmp(words->words[i], words->words[kept]) == 0)
			memory_free(words->words[i]);
		else
			words->words[++kept] = words->words[i];
	}
	words->count = kept + 1;
}

static void words_done(struct rule_words *words)
{
	for (size_t i = 0; i < words->count; i++)
		memory_free(words->words[i]);
	memory_free(words->words);
}

void rule_done(struct rule *rule)
{
	memory_free(rule->scope);
	words_done(&rule->verbs);
	words_done(&rule->groups);
	words_done(&rule->resources);
	words_done(&rule->names);
	words_done(&rule->urls);
	*rule = (struct rule){0};
}

static bool is_plain(const char *word)
{
	for (; *word; word++)
		if (*word <= ' ' || *word > '~')
			return false;
	return true;
}

static bool check_word(const char *field, const char *word, struct error *err)
{
	if (!word)
		return error_set(err, ERROR_INVALID, "%s must be a list of strings", field);
	if (*word == '\0' && strcmp(field, "apiGroups") != 0)
		return error_set(err, ERROR_INVALID,
				 "%s has an empty string: write a word or leave it out", field);
	if (strlen(word) > RULE_WORD_MAX)
		return error_set(err, ERROR_INVALID, "%s has a string of more than %d bytes", field,
				 RULE_WORD_MAX);
	if (!is_plain(word))
		return error_set(err, ERROR_INVALID,
				 "%s has a blank or a character beyond ASCII: write it without",
				 field);
	return true;
}

static bool read_words(const struct json *json, const char *field, struct rule_words *words,
		       struct error *err)
{
	const struct json *list = json_find(json, field);
	size_t count = json_size(list);

	if (list && !json_is_null(list) && !json_is_array(list))
		return error_set(err, ERROR_INVALID, "%s must be a list of strings", field);
	if (count > RULE_SET_WORDS_MAX)
		return error_set(err, ERROR_INVALID, "%s has %zu strings: write at most %d", field,
				 count, RULE_SET_WORDS_MAX);
	words->words = memory_new_array(count, sizeof(*words->words));
	for (size_t i = 0; i < count; i++) {
		const char *word = json_string(json_item(list, i));

		if (!check_word(field, word, err))
			return false;
		words->words[words->count++] = memory_text(word);
	}
	sort_words(words);
	return true;
}

static bool is_known_field(void *context, const char *key, const struct json *value)
{
	static const char *const known[] = {"verbs", "apiGroups", "resources", "resourceNames",
					    "nonResourceURLs"};

	(void)value;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(key, known[i]) == 0)
			return true;
	return error_set(context, ERROR_INVALID, "\"%.80s\" is no field of a rule: leave it out",
			 is_plain(key) ? key : "?");
}

/* What the API server asks of a rule. */
static bool check_shape(const struct rule *rule, struct error *err)
{
	bool is_for_resources = rule->groups.count + rule->resources.count + rule->names.count > 0;

	if (rule->verbs.count == 0)
		return error_set(err, ERROR_INVALID,
				 "verbs is empty: write at least one, such as \"get\"");
	if (rule->urls.count > 0 && rule->scope)
		return error_set(
			err, ERROR_INVALID,
			"nonResourceURLs hold in no namespace: write them in a ClusterRole");
	if (rule->urls.count > 0 && is_for_resources)
		return error_set(err, ERROR_INVALID,
				 "nonResourceURLs and resources do not mix: write two rules");
	if (rule->urls.count == 0 && rule->groups.count == 0)
		return error_set(err, ERROR_INVALID,
				 "apiGroups is empty: write the groups, \"\" for the core one");
	if (rule->urls.count == 0 && rule->resources.count == 0)
		return error_set(err, ERROR_INVALID,
				 "resources is empty: write at least one, such as \"pods\"");
	return true;
}

static bool read_fields(const struct json *json, struct rule *rule, struct error *err)
{
	if (!json_is_object(json))
		return error_set(err, ERROR_INVALID, "a rule must be an object");
	return json_each(json, is_known_field, err) &&
	       read_words(json, "verbs", &rule->verbs, err) &&
	       read_words(json, "apiGroups", &rule->groups, err) &&
	       read_words(json, "resources", &rule->resources, err) &&
	       read_words(json, "resourceNames", &rule->names, err) &&
	       read_words(json, "nonResourceURLs", &rule->urls, err) && check_shape(rule, err);
}

bool rule_read(const struct json *json, const char *scope, struct rule *ret_rule, struct error *err)
{
	struct rule rule = {.scope = memory_text(scope)};

	if (!read_fields(json, &rule, err)) {
		rule_done(&rule);
		return false;
	}
	*ret_rule = rule;
	return true;
}

size_t rule_count_words(const struct rule *rule)
{
	return rule->verbs.count + rule->groups.count + rule->resources.count + rule->names.count +
	       rule->urls.count;
}

size_t rule_count_rights(const struct rule *rule)
{
	size_t names = rule->names.count > 0 ? rule->names.count : 1;

	return rule->verbs.count *
	       (rule->urls.count + rule->groups.count * rule->resources.count * names);
}

bool rule_covers_scope(const struct rule *rule, const char *scope)
{
	return !rule->scope || text_same(rule->scope, scope);
}

bool rule_covers_verb(const struct rule *rule, const char *verb)
{
	return rule_words_have(&rule->verbs, "*") || rule_words_have(&rule->verbs, verb);
}

bool rule_covers_group(const struct rule *rule, const char *group)
{
	return rule_words_have(&rule->groups, "*") || rule_words_have(&rule->groups, group);
}

bool rule_covers_resource(const struct rule *rule, const char *resource)
{
	const char *slash = strchr(resource, '/');
	char of_any[1 + RULE_WORD_MAX + 1];

	if (rule_words_have(&rule->resources, "*") || rule_words_have(&rule->resources, resource))
		return true;
	if (!slash)
		return false;
	snprintf(of_any, sizeof(of_any), "*%s", slash);
	return rule_words_have(&rule->resources, of_any);
}

bool rule_covers_name(const struct rule *rule, const char *name)
{
	return rule->names.count == 0 || (name && rule_words_have(&rule->names, name));
}

bool rule_url_covers(const char *owner, const char *url)
{
	size_t size = strlen(owner);
	size_t prefix = size;

	while (prefix > 0 && owner[prefix - 1] == '*')
		prefix--;
	if (prefix == size)
		return strcmp(owner, url) == 0;
	return strncmp(owner, url, prefix) == 0;
}

bool rule_covers_url(const struct rule *rule, const char *url)
{
	for (size_t i = 0; i < rule->urls.count; i++)
		if (rule_url_covers(rule->urls.words[i], url))
			return true;
	return false;
}
