#include "support/rule_sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>

#include <rbac/rule_set.h>

enum { FILE_MAX = 1 << 20 };

struct json *rule_sample_rows(const char *path)
{
	struct error err = {0};
	cleanup_free char *bytes = memory_new(FILE_MAX);
	FILE *file = fopen(path, "re");

	assert_non_null(file);
	size_t size = fread(bytes, 1, FILE_MAX, file);
	fclose(file);
	struct json *rows = json_parse(bytes, size, &err);
	if (json_size(rows) == 0)
		fail_msg("%s: %s", path, err.text);
	return rows;
}

struct rule_set *rule_sample_read(const struct json *parts, struct error *err)
{
	cleanup_rule_set struct rule_set *set = rule_set_new();

	for (size_t i = 0; i < json_size(parts); i++) {
		const struct json *part = json_item(parts, i);

		if (!rule_set_add(set, json_find(part, "rules"),
				  json_find_string(part, "namespace"), err))
			return NULL;
	}
	return TAKE_PTR(set);
}

struct rule_set *rule_sample_set(const char *parts)
{
	struct error err = {0};
	cleanup_json struct json *json = json_parse(parts, strlen(parts), &err);
	struct rule_set *set = json ? rule_sample_read(json, &err) : NULL;

	if (!set)
		fail_msg("%s", err.text);
	return set;
}
