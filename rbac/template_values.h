/* template_values.h - the values that stand for the placeholders of a template.
 *
 * For rbac alone. A value is one word or a list of words; when a template is read, there are only
 * names yet, so that placeholders can be checked before there is any value. */
#ifndef RBAC_TEMPLATE_VALUES_H
#define RBAC_TEMPLATE_VALUES_H

#include <stdbool.h>
#include <stddef.h>

#include <base/limits.h>

struct error;
struct json;
struct text_pattern;

struct template_value {
	const char *name;
	bool is_list;
	const char *word; /* unless it is a list */
	const struct json *list;
};

/* Everything in it is borrowed. */
struct template_values {
	struct template_value items[2 * TEMPLATE_PARAMETERS_MAX];
	size_t count;
};

/* False (ERROR_INVALID) when the name is there already. VALUES must have room. */
bool template_values_add(struct template_values *values, const struct template_value *value,
			 struct error *err);

/* NULL when there is none. */
const struct template_value *template_values_find(const struct template_values *values,
						  const char *name);

/* Printable ASCII without blanks? */
bool template_value_is_plain(const char *word);

/* May WORD (may be NULL) be a value? PATTERN may be NULL. False (ERROR_INVALID, saying what to
 * write). */
bool template_value_check_word(const char *word, struct text_pattern *pattern, struct error *err);

/* The same for a list or a string. Never true for what is empty: an empty list of resourceNames
 * would mean every name. */
bool template_value_check(const struct json *json, bool is_list, struct text_pattern *pattern,
			  struct error *err);

#endif
