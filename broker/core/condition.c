#include "core/condition.h"

#include <string.h>

#include <base/cleanup.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>
#include <base/timestamp.h>

static const char *transition_time(const struct condition *condition, const struct json *old_list)
{
	for (size_t i = 0; i < json_size(old_list); i++) {
		const struct json *old = json_item(old_list, i);

		if (text_same(json_find_string(old, "type"), condition->type) &&
		    text_same(json_find_string(old, "status"), condition->status))
			return json_find_string(old, "lastTransitionTime");
	}
	return NULL;
}

static char *message_within_cap(const char *message)
{
	size_t size = strlen(message);

	if (size > CONDITION_MESSAGE_MAX)
		size = text_utf8_cut(message, CONDITION_MESSAGE_MAX);
	return memory_bytes(message, size);
}

void condition_append(struct json *list, const struct condition *condition, int64_t generation,
		      const struct json *old_list, int64_t now_s)
{
	struct json *json = json_append_object(list);
	cleanup_free char *message =
		message_within_cap(condition->message ? condition->message : "");
	const char *since = transition_time(condition, old_list);
	char now[TIMESTAMP_SIZE];

	json_add_string(json, "type", condition->type);
	json_add_string(json, "status", condition->status);
	json_add_string(json, "reason", condition->reason);
	json_add_string(json, "message", message);
	json_add_integer(json, "observedGeneration", generation);
	if (now_s == CONDITION_TIMELESS)
		return;
	if (!since)
		timestamp_format(now_s, now);
	json_add_string(json, "lastTransitionTime", since ? since : now);
}
