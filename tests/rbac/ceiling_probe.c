/* ceiling_probe - asks grant_policy about many pairs, for tests.
 *
 * usage: ceiling_probe < pairs > verdicts
 *
 * A line in is {"ceiling": [PART...], "wanted": [PART...]}, where a part is
 * {"rules": [...], "namespace": NAME or absent for the whole cluster}. A line out is {"covered":
 * true},
 * {"gap": {...}, "text": ...} or {"error": ...}. */
#include <stdio.h>
#include <stdlib.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>

#include <rbac/grant_policy.h>
#include <rbac/rule_set.h>

static struct rule_set *read_set(const struct json *parts, struct error *err)
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

static void answer(const struct rule_set *ceiling, const struct rule_set *wanted,
		   struct json *answer)
{
	struct grant_right gap = {0};
	struct error err = {0};

	if (grant_policy_covers(ceiling, wanted, &err))
		json_add_bool(answer, "covered", true);
	if (!grant_policy_find_gap(ceiling, wanted, &gap))
		return;
	json_add_string(answer, "text", err.text);
	struct json *shown = json_add_object(answer, "gap");
	json_add_string(shown, "namespace", gap.namespace_name);
	json_add_string(shown, "group", gap.group);
	json_add_string(shown, "resource", gap.resource);
	json_add_string(shown, "name", gap.name);
	json_add_string(shown, "url", gap.url);
	json_add_string(shown, "verb", gap.verb);
}

static void answer_line(const char *line, size_t size)
{
	struct error err = {0};
	cleanup_json struct json *shown = json_object_new();
	cleanup_json struct json *pair = json_parse(line, size, &err);
	cleanup_rule_set struct rule_set *ceiling = NULL;
	cleanup_rule_set struct rule_set *wanted = NULL;
	size_t length;

	if (pair && (ceiling = read_set(json_find(pair, "ceiling"), &err)) &&
	    (wanted = read_set(json_find(pair, "wanted"), &err)))
		answer(ceiling, wanted, shown);
	else
		json_add_string(shown, "error", err.text);
	cleanup_free char *text = json_dump(shown, &length);
	puts(text);
}

int main(void)
{
	char *line = NULL;
	size_t capacity = 0;
	ssize_t size;

	while ((size = getline(&line, &capacity, stdin)) > 0)
		answer_line(line, (size_t)size);
	free(line);
	return 0;
}
