#include "rbac/template_values.h"

#include <assert.h>
#include <string.h>

#include <base/error.h>
#include <base/json.h>
#include <base/text.h>

#include "rbac/text_pattern.h"

bool template_values_add(struct template_values *values, const struct template_value *value,
			 struct error *err)
{
	if (template_values_find(values, value->name))
		return error_set(err, ERROR_INVALID,
				 "the name \"%s\" is there twice: write another", value->name);
	assert(values->count < sizeof(values->items) / sizeof(values->items[0]));
	values->items[values->count++] = *value;
	return true;
}

const struct template_value *template_values_find(const struct template_values *values,
						  const char *name)
{
	for (size_t i = 0; i < values->count; i++)
		if (text_same(values->items[i].name, name))
			return &values->items[i];
	return NULL;
}

bool template_value_is_plain(const char *word)
{
	for (; *word; word++)
		if (*word <= ' ' || *word > '~')
			return false;
	return true;
}

bool template_value_check_word(const char *word, struct text_pattern *pattern, struct error *err)
{
	if (!word || *word == '\0')
		return error_set(err, ERROR_INVALID, "is no string or an empty one: write a word");
	if (strlen(word) > RULE_WORD_MAX)
		return error_set(err, ERROR_INVALID, "has more than %d bytes: write fewer",
				 RULE_WORD_MAX);
	if (!template_value_is_plain(word))
		return error_set(err, ERROR_INVALID,
				 "has a blank or a character beyond ASCII: write it without");
	if (strchr(word, '*'))
		return error_set(err, ERROR_INVALID,
				 "has a \"*\": only the template itself may have one, write what "
				 "is meant");
	if (pattern && !text_pattern_matches(pattern, word))
		return error_set(err, ERROR_INVALID, "does not match: write one like %.120s",
				 text_pattern_text(pattern));
	return true;
}

static bool check_list(const struct json *list, struct text_pattern *pattern, struct error *err)
{
	size_t count = json_size(list);

	if (count == 0)
		return error_set(err, ERROR_INVALID,
				 "is no list or an empty one: write at least "
				 "one word");
	if (count > TEMPLATE_VALUES_MAX)
		return error_set(err, ERROR_INVALID, "has %zu words: write at most %d", count,
				 TEMPLATE_VALUES_MAX);
	for (size_t i = 0; i < count; i++)
		if (!template_value_check_word(json_string(json_item(list, i)), pattern, err))
			return error_wrap(err, "[%zu]", i);
	return true;
}

bool template_value_check(const struct json *json, bool is_list, struct text_pattern *pattern,
			  struct error *err)
{
	return is_list ? check_list(json, pattern, err)
		       : template_value_check_word(json_string(json), pattern, err);
}
