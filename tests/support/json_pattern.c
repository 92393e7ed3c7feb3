#include "support/json_pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fnmatch.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

enum { TEXT_MAX = 1 << 20, PATH_MAX_SIZE = 1000 };

struct json *json_pattern_parse(const char *text)
{
	cleanup_free char *plain = memory_text(text);
	struct error err = {0};
	struct json *json;

	for (char *c = plain; *c; c++)
		if (*c == '\'')
			*c = '"';
	json = json_parse(plain, strlen(plain), &err);
	if (!json)
		fail_msg("%s: %s", err.text, text);
	return json;
}

static bool merge_member(void *context, const char *key, const struct json *value)
{
	struct json *merged = context;

	if (json_is_null(value))
		json_remove(merged, key);
	else
		json_add(merged, key, json_pattern_merge(json_find(merged, key), value));
	return true;
}

struct json *json_pattern_merge(const struct json *base, const struct json *patch)
{
	struct json *merged;

	if (!json_is_object(patch))
		return json_dup(patch);
	merged = json_is_object(base) ? json_dup(base) : json_object_new();
	json_each(patch, merge_member, merged);
	return merged;
}

static const struct json *value_at(const struct json *values, const char *path, size_t size)
{
	const struct json *value = values;
	size_t done = 0;

	while (value && done < size) {
		size_t part = strcspn(path + done, ".}");
		cleanup_free char *key = memory_bytes(path + done, part);
		value = json_find(value, key);
		done += part + 1;
	}
	if (!value)
		fail_msg("there is no value %.*s", (int)size, path);
	return value;
}

static void append_value(struct text *text, const struct json *value)
{
	cleanup_free char *dump = NULL;
	size_t size;

	if (json_string(value)) {
		text_append(text, json_string(value));
		return;
	}
	dump = json_dump(value, &size);
	text_append(text, dump);
}

static struct json *filled_string(const char *string, const struct json *values)
{
	cleanup_text struct text text = text_with_max(TEXT_MAX);
	struct json *list;
	struct json *filled;

	while (*string) {
		const char *start = strstr(string, "${");
		const char *end = start ? strchr(start, '}') : NULL;
		const struct json *value;

		if (!end) {
			text_append(&text, string);
			break;
		}
		value = value_at(values, start + 2, (size_t)(end - start - 2));
		if (start == string && !end[1] && text.size == 0)
			return json_dup(value);
		text_append_bytes(&text, string, (size_t)(start - string));
		append_value(&text, value);
		string = end + 1;
	}
	list = json_array_new();
	json_append_string(list, text_chars(&text));
	filled = json_dup(json_item(list, 0));
	json_free(list);
	return filled;
}

struct filling {
	struct json *filled;
	const struct json *values;
};

static bool fill_member(void *context, const char *key, const struct json *value)
{
	struct filling *filling = context;

	json_add(filling->filled, key, json_pattern_fill(value, filling->values));
	return true;
}

struct json *json_pattern_fill(const struct json *template, const struct json *values)
{
	struct filling filling = {.values = values};

	if (json_string(template))
		return filled_string(json_string(template), values);
	if (json_is_object(template)) {
		filling.filled = json_object_new();
		json_each(template, fill_member, &filling);
		return filling.filled;
	}
	if (!json_is_array(template))
		return json_dup(template);
	filling.filled = json_array_new();
	for (size_t i = 0; i < json_size(template); i++)
		json_append(filling.filled, json_pattern_fill(json_item(template, i), values));
	return filling.filled;
}

struct comparison {
	const struct json *actual;
	const char *path;
	struct text *why;
};

static bool matches_at(const struct comparison *at, const struct json *pattern);

static bool differs(const struct comparison *at, const struct json *pattern)
{
	cleanup_free char *wanted = NULL;
	cleanup_free char *got = NULL;
	size_t size;

	wanted = json_dump(pattern, &size);
	got = at->actual ? json_dump(at->actual, &size) : memory_text("nothing");
	text_appendf(at->why, "%s: wanted %s, got %s", *at->path ? at->path : "it", wanted, got);
	return false;
}

static bool match_member(void *context, const char *key, const struct json *value)
{
	const struct comparison *at = context;
	cleanup_text struct text path = text_with_max(PATH_MAX_SIZE);

	text_appendf(&path, "%s.%s", at->path, key);
	return matches_at(
		&(struct comparison){json_find(at->actual, key), text_chars(&path), at->why},
		value);
}

static bool match_items(const struct comparison *at, const struct json *pattern)
{
	if (!json_is_array(at->actual) || json_size(at->actual) != json_size(pattern))
		return differs(at, pattern);
	for (size_t i = 0; i < json_size(pattern); i++) {
		cleanup_text struct text path = text_with_max(PATH_MAX_SIZE);

		text_appendf(&path, "%s[%zu]", at->path, i);
		if (!matches_at(&(struct comparison){json_item(at->actual, i), text_chars(&path),
						     at->why},
				json_item(pattern, i)))
			return false;
	}
	return true;
}

static bool matches_at(const struct comparison *at, const struct json *pattern)
{
	const char *glob = json_string(pattern);
	const char *actual = json_string(at->actual);

	if (json_is_null(pattern))
		return !at->actual || json_is_null(at->actual) || differs(at, pattern);
	if (json_is_object(pattern))
		return json_is_object(at->actual) ? json_each(pattern, match_member, (void *)at)
						  : differs(at, pattern);
	if (json_is_array(pattern))
		return match_items(at, pattern);
	if (glob && actual)
		return fnmatch(glob, actual, 0) == 0 || differs(at, pattern);
	return json_equal(pattern, at->actual) || differs(at, pattern);
}

bool json_pattern_matches(const struct json *pattern, const struct json *actual, struct text *why)
{
	return matches_at(&(struct comparison){actual, "", why}, pattern);
}
