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

/* Of the request, or of its record. */
static const char *name_of(const struct access *access)
{
	return access->request_gone ? access->uid
				    : access->request_key + strcspn(access->request_key, "/") + 1;
}

char *event_namespace(const struct access_news *news, const char *record_namespace)
{
	const char *key = news->access->request_key;

	if (news->access->request_gone)
		return memory_text(record_namespace);
	return memory_bytes(key, strcspn(key, "/"));
}

static void add_subject(struct json *regarding, const struct access *access, const char *namespace)
{
	const char *record_uid = access->ledger ? access->ledger->record_uid : access->record_uid;

	json_add_string(regarding, "apiVersion",
			access->request_gone ? "credbroker.dev/v1alpha1"
					     : "multicluster.x-k8s.io/v1alpha1");
	json_add_string(regarding, "kind",
			access->request_gone ? KUBE_ISSUED_CREDENTIALS.kind
					     : KUBE_AUTH_TOKEN_REQUESTS.kind);
	json_add_string(regarding, "namespace", namespace);
	json_add_string(regarding, "name", name_of(access));
	json_add_string(regarding, "uid", access->request_gone ? record_uid : access->uid);
}

static void add_note(struct json *event, const struct access_news *news)
{
	struct text text = text_with_max(NOTE_MAX + 512);
	cleanup_free char *whole = NULL;
	cleanup_free char *note = NULL;

	if (news->access->request_gone) /* the name of a record tells nobody whose it is */
		text_appendf(&text, "request %s: ", news->access->request_key);
	text_append_bytes(&text, news->message, strnlen(news->message, NOTE_MAX));
	whole = text_take(&text);
	note = memory_bytes(whole, text_utf8_cut(whole, strnlen(whole, NOTE_MAX)));
	json_add_string(event, "note", note);
}

struct json *event_render(const struct access_news *news, const char *record_namespace,
			  const char *instance, int64_t wall_us)
{
	cleanup_free char *namespace = event_namespace(news, record_namespace);
	struct json *event = json_object_new();
	struct json *metadata = json_add_object(event, "metadata");
	struct json *regarding = json_add_object(event, "regarding");
	char time[TIMESTAMP_SIZE];

	timestamp_format_micro(wall_us, time);
	json_add_string(event, "apiVersion", "events.k8s.io/v1");
	json_add_string(event, "kind", "Event");
	json_add_string(metadata, "namespace", namespace);
	add_name(metadata, name_of(news->access), wall_us);
	add_subject(regarding, news->access, namespace);
	json_add_string(event, "eventTime", time);
	json_add_string(event, "type", news->type);
	json_add_string(event, "action", news->action);
	json_add_string(event, "reason", news->reason);
	add_note(event, news);
	json_add_string(event, "reportingController", "credbroker.dev/controller");
	json_add_string(event, "reportingInstance", instance);
	return event;
}
