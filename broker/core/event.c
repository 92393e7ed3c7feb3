#include "core/event.h"

#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>
#include <base/timestamp.h>

#include "core/access.h"
#include "core/access_news.h"

enum {
	NAME_READABLE_MAX = 200, /* with the digits behind it at most 253 */
	NOTE_MAX = 1024,
};

static void add_name(struct json *metadata, const char *name, int64_t wall_us)
{
	struct text text = text_with_max(256);
	cleanup_free char *whole = NULL;
	size_t size = strlen(name) > NAME_READABLE_MAX ? NAME_READABLE_MAX : strlen(name);

	while (size > 0 && strchr(".-", name[size - 1]))
		size--; /* no part of a name may end with a dash, or be empty */
	text_append_bytes(&text, name, size);
	text_appendf(&text, ".%llx", (unsigned long long)wall_us);
	whole = text_take(&text);
	json_add_string(metadata, "name", whole);
}

static void add_regarding(struct json *event, const struct access_news *news, const char *namespace,
			  const char *name)
{
	struct json *regarding = json_add_object(event, "regarding");

	json_add_string(regarding, "apiVersion", "multicluster.x-k8s.io/v1alpha1");
	json_add_string(regarding, "kind", news->access ? "AuthTokenRequest" : "ClusterProfile");
	json_add_string(regarding, "namespace", namespace);
	json_add_string(regarding, "name", name);
	json_add_string(regarding, "uid", news->access ? news->access->uid : news->profile_uid);
}

struct json *event_render(const struct access_news *news, const char *instance, int64_t wall_us)
{
	const char *key = access_news_key(news);
	size_t slash = strcspn(key, "/");
	cleanup_free char *namespace = memory_bytes(key, slash);
	cleanup_free char *note = memory_bytes(
		news->message, text_utf8_cut(news->message, strnlen(news->message, NOTE_MAX)));
	struct json *event = json_object_new();
	struct json *metadata = json_add_object(event, "metadata");
	char time[TIMESTAMP_SIZE];

	timestamp_format_micro(wall_us, time);
	json_add_string(event, "apiVersion", "events.k8s.io/v1");
	json_add_string(event, "kind", "Event");
	json_add_string(metadata, "namespace", namespace);
	add_name(metadata, key + slash + 1, wall_us);
	add_regarding(event, news, namespace, key + slash + 1);
	json_add_string(event, "eventTime", time);
	json_add_string(event, "type", news->type);
	json_add_string(event, "action", news->action);
	json_add_string(event, "reason", news->reason);
	json_add_string(event, "note", note);
	json_add_string(event, "reportingController", "credbroker.dev/controller");
	json_add_string(event, "reportingInstance", instance);
	return event;
}
