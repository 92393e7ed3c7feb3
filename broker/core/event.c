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
#include "core/kube_path.h"
#include "core/ledger.h"

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

struct json *event_render_content(const struct event_content *content, const char *instance,
				  int64_t wall_us)
{
	const char *message = content->message;
	cleanup_free char *note =
		memory_bytes(message, text_utf8_cut(message, strnlen(message, NOTE_MAX)));
	struct json *event = json_object_new();
	struct json *metadata = json_add_object(event, "metadata");
	struct json *regarding = json_add_object(event, "regarding");
	char time[TIMESTAMP_SIZE];

	timestamp_format_micro(wall_us, time);
	json_add_string(event, "apiVersion", "events.k8s.io/v1");
	json_add_string(event, "kind", "Event");
	json_add_string(metadata, "namespace", content->namespace);
	add_name(metadata, content->name, wall_us);
	json_add_string(regarding, "apiVersion", content->api_version);
	json_add_string(regarding, "kind", content->kind);
	json_add_string(regarding, "namespace", content->namespace);
	json_add_string(regarding, "name", content->name);
	json_add_string(regarding, "uid", content->uid);
	json_add_string(event, "eventTime", time);
	json_add_string(event, "type", content->type);
	json_add_string(event, "action", content->action);
	json_add_string(event, "reason", content->reason);
	json_add_string(event, "note", note);
	json_add_string(event, "reportingController", "credbroker.dev/controller");
	json_add_string(event, "reportingInstance", instance);
	return event;
}

static void set_subject(struct event_content *content, const struct access_news *news,
			const char *namespace)
{
	const char *key = access_news_key(news);

	content->api_version = "multicluster.x-k8s.io/v1alpha1";
	content->kind = news->access ? KUBE_AUTH_TOKEN_REQUESTS.kind : KUBE_CLUSTER_PROFILES.kind;
	content->namespace = namespace;
	content->name = key + strcspn(key, "/") + 1;
	content->uid = news->access ? news->access->uid : news->profile_uid;
}

static void set_record(struct event_content *content, const struct access *access,
		       const char *record_namespace)
{
	content->api_version = "credbroker.dev/v1alpha1";
	content->kind = KUBE_ISSUED_CREDENTIALS.kind;
	content->namespace = record_namespace;
	content->name = access->uid;
	content->uid = access->ledger ? access->ledger->record_uid : access->record_uid;
}

struct json *event_render(const struct access_news *news, const char *record_namespace,
			  const char *instance, int64_t wall_us)
{
	const struct access *access = news->access;
	const char *key = access_news_key(news);
	cleanup_free char *namespace = memory_bytes(key, strcspn(key, "/"));
	struct text message cleanup_text = text_with_max(2 * NOTE_MAX);
	struct event_content content = {
		.type = news->type,
		.action = news->action,
		.reason = news->reason,
	};

	if (access && access->request_gone) {
		set_record(&content, access, record_namespace);
		/* the name of a record tells nobody whose it is */
		text_appendf(&message, "request %s: ", key);
	} else {
		set_subject(&content, news, namespace);
	}
	text_append_bytes(&message, news->message, strnlen(news->message, NOTE_MAX));
	content.message = text_chars(&message);
	return event_render_content(&content, instance, wall_us);
}
