#include "core/yaml_text.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include <base/cleanup.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

enum { STEP = 2, TEXT_MAX = 16 << 20 };

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_letter_or_digit(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9');
}

/* Words that YAML, of some version, takes for something else than a string. */
static bool is_reserved(const char *word)
{
	static const char *const words[] = {"y",   "n",    "yes",   "no",  "on",
					    "off", "true", "false", "null"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(word, words[i]) == 0)
			return true;
	return false;
}

/* A colon is plain only within a word. */
static bool is_plain(const char *word)
{
	if (!is_letter(word[0]) || is_reserved(word))
		return false;
	for (; *word; word++)
		if (!is_letter_or_digit(*word) && !strchr("._/-", *word) &&
		    !(*word == ':' && is_letter_or_digit(word[1])))
			return false;
	return true;
}

static void append_string(struct text *text, const char *word)
{
	cleanup_json struct json *wrapped = NULL;
	cleanup_free char *quoted = NULL;
	size_t size;

	if (is_plain(word)) {
		text_append(text, word);
		return;
	}
	wrapped = json_array_new();
	json_append_string(wrapped, word);
	quoted = json_dump(json_item(wrapped, 0), &size);
	text_append(text, quoted);
}

/* What fits behind a key: a scalar, or something empty; nested lists are too rare for lines. */
static void append_flow(struct text *text, const struct json *value)
{
	const char *word = json_string(value);
	cleanup_free char *dumped = NULL;
	size_t size;

	if (word) {
		append_string(text, word);
		return;
	}
	dumped = json_dump(value, &size);
	text_append(text, dumped);
}

struct writing {
	struct text *text;
	size_t indent;
	bool is_behind_dash;
};

static void append_indent(struct writing *writing)
{
	if (!writing->is_behind_dash)
		text_appendf(writing->text, "%*s", (int)writing->indent, "");
	writing->is_behind_dash = false;
}

static bool see_member(void *context, const char *key, const struct json *value)
{
	(void)key;
	(void)value;
	*(bool *)context = true;
	return false;
}

static bool has_members(const struct json *value)
{
	bool has = false;

	json_each(value, see_member, &has);
	return has;
}

static void append_list(struct text *text, const struct json *list, size_t indent);

static bool append_member(void *context, const char *key, const struct json *value)
{
	struct writing *writing = context;
	struct text *text = writing->text;

	append_indent(writing);
	append_string(text, key);
	if (has_members(value)) {
		struct writing inner = {text, writing->indent + STEP, false};

		text_append(text, ":\n");
		json_each(value, append_member, &inner);
	} else if (json_size(value) > 0) {
		text_append(text, ":\n");
		append_list(text, value, writing->indent);
	} else {
		text_append(text, ": ");
		append_flow(text, value);
		text_append(text, "\n");
	}
	return true;
}

static void append_list(struct text *text, const struct json *list, size_t indent)
{
	for (size_t i = 0; i < json_size(list); i++) {
		struct writing inner = {text, indent + STEP, true};

		text_appendf(text, "%*s- ", (int)indent, "");
		if (has_members(json_item(list, i))) {
			json_each(json_item(list, i), append_member, &inner);
			continue;
		}
		append_flow(text, json_item(list, i));
		text_append(text, "\n");
	}
}

char *yaml_text(const struct json *object)
{
	struct text text = text_with_max(TEXT_MAX);
	struct writing writing = {&text, 0, false};

	json_each(object, append_member, &writing);
	return text_take(&text);
}
