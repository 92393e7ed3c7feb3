/* rule.h - one PolicyRule with the place where it holds, and what it covers.
 *
 * For rbac alone; others know struct rule_set. */
#ifndef RBAC_RULE_H
#define RBAC_RULE_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct json;

/* Sorted by bytes, each word once. */
struct rule_words {
	char **words;
	size_t count;
};

/* A rule for resources (groups and resources are not empty) or for URLs (urls is not). */
struct rule {
	char *scope; /* the namespace; NULL: the whole cluster */
	struct rule_words verbs;
	struct rule_words groups;
	struct rule_words resources;
	struct rule_words names; /* empty: every name */
	struct rule_words urls;
};

struct rule_set {
	struct rule *rules;
	size_t count;
	size_t words;  /* over all rules */
	size_t rights; /* over all rules */
};

/* Reads a PolicyRule that holds in SCOPE (NULL: the whole cluster). False (ERROR_INVALID, saying
 * what to write instead). */
bool rule_read(const struct json *json, const char *scope, struct rule *ret_rule,
	       struct error *err);
/* Releases the content; fine on a zeroed rule. */
void rule_done(struct rule *rule);

/* How many words and how many rights (one group, resource, name and verb, or URL and verb). */
size_t rule_count_words(const struct rule *rule);
size_t rule_count_rights(const struct rule *rule);

bool rule_words_have(const struct rule_words *words, const char *word);

/* Does RULE cover that part of a right? A wildcard is covered by a wildcard only. */
bool rule_covers_scope(const struct rule *rule, const char *scope);
bool rule_covers_verb(const struct rule *rule, const char *verb);
bool rule_covers_group(const struct rule *rule, const char *group);
bool rule_covers_resource(const struct rule *rule, const char *resource);
/* NAME is NULL for every name. */
bool rule_covers_name(const struct rule *rule, const char *name);
bool rule_covers_url(const struct rule *rule, const char *url);

/* Does the URL OWNER, which may end in "*", cover URL? */
bool rule_url_covers(const char *owner, const char *url);

#endif
