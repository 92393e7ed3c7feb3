#include "edge/kube_watch.h"

#include <string.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/backoff.h"
#include "core/kube_path.h"
#include "core/store.h"
#include "core/watch_stream.h"
#include "edge/chance.h"
#include "edge/kube_client.h"
#include "edge/log.h"
#include "edge/loop.h"

enum {
	TIMEOUT_MIN_S = 300,
	TIMEOUT_MAX_S = 600,
	CEILING_EXTRA_S = 15,
	/* Bookmarks come about every 60 s: silence for longer is a peer that is gone, even where a
	 * proxy goes on to acknowledge for it. */
	IDLE_MIN_MS = 150 * 1000,
	IDLE_MAX_MS = 180 * 1000,
	VERY_SHORT_MS = 1000,
	SAME_VERSION_TRIES_MAX = 5, /* of errors that say nothing about the version */
	NUMBER_SIZE = 24,
};

static const struct backoff watch_backoff = {
	.first_ms = 800,
	.max_ms = 30 * 1000,
	.jitter_percent = 100,
};

struct kube_watch {
	struct kube_client *client;
	struct loop *loop;
	struct kube_watch_config config;
	char *namespace;
	char *label_selector;

	int page_size;           /* objects; fewer after a page that was too large */
	struct kube_call *call;  /* a page of a list, or the stream */
	struct loop_timer again; /* set instead of a call */
	char *version;           /* of the last change in the store; NULL: list first */
	char *list_version;      /* of the first page of the list that is under way */
	char *list_continue;     /* NULL: the first page */
	struct watch_stream *stream;
	int64_t opened_ms;
	bool progressed;           /* this stream has moved the version */
	struct kube_error verdict; /* of an ERROR event; status 0: none */
	struct error refusal;      /* why this stream was dropped by us */

	unsigned failures; /* in a row */
	bool synced;
	int64_t unreadable; /* objects that could not be projected */
	int told_status;    /* of the failure that was logged last */
	enum error_kind told_kind;
};

struct gone_keys {
	char **keys;
	size_t count;
	size_t capacity;
};

static void watch_go_on(void *context);

static void watch_log(const struct kube_watch *watch, enum log_level level, const char *message,
		      const char *key, const struct error *err)
{
	const struct kube_resource *resource = watch->config.resource;

	log_event(level, message, "group", resource->group, "resource", resource->plural,
		  "namespace", watch->namespace, "key", key, "kind",
		  err ? error_kind_name(err->kind) : NULL, "error", err ? err->text : NULL, NULL);
}

/* A failure is told once, and again only when it becomes another one. */
static void tell_failure(struct kube_watch *watch, int status, const struct error *err)
{
	if (watch->told_kind == err->kind && watch->told_status == status)
		return;
	watch->told_kind = err->kind;
	watch->told_status = status;
	watch_log(watch, LOG_LEVEL_WARNING, "watch failed, trying again", NULL, err);
}

static void tell_recovery(struct kube_watch *watch)
{
	if (watch->told_kind == ERROR_NONE)
		return;
	watch->told_kind = ERROR_NONE;
	watch->told_status = 0;
	watch_log(watch, LOG_LEVEL_INFO, "watch works again", NULL, NULL);
}

static void replace_text(char **target, const char *text)
{
	char *copy = memory_text(text);

	memory_free(*target);
	*target = copy;
}

/* "namespace/name", or "name"; false when OBJECT has no name. */
static bool key_of(const struct json *object, struct text *key)
{
	const char *namespace = json_find_string(object, "metadata", "namespace");
	const char *name = json_find_string(object, "metadata", "name");

	if (text_is_empty(name))
		return false;
	if (!text_is_empty(namespace))
		text_appendf(key, "%s/", namespace);
	text_append(key, name);
	return !key->overflown;
}

static void tell_unreadable(struct kube_watch *watch, const char *key, const struct error *err)
{
	watch->unreadable++;
	watch_log(watch, LOG_LEVEL_WARNING, "object cannot be read, ignoring it", key, err);
}

/* What cannot be read is not kept either: the store holds nothing that is known to be old. */
static void put_object(struct kube_watch *watch, const char *key, const struct json *object)
{
	struct error err = {0};
	void *projected = watch->config.project(object, &err);

	if (projected) {
		store_put(watch->config.store, key, projected);
	} else {
		tell_unreadable(watch, key, &err);
		store_remove(watch->config.store, key);
	}
	watch->config.changed(watch->config.context, key);
}

static void apply_object(struct kube_watch *watch, const struct json *object, bool deleted)
{
	cleanup_text struct text key = text_with_max(HTTP_PATH_MAX);

	if (!key_of(object, &key)) {
		struct error err = {0};
		error_set(&err, ERROR_INVALID, "it has no name");
		tell_unreadable(watch, NULL, &err);
		return;
	}
	if (!deleted) {
		put_object(watch, text_chars(&key), object);
		return;
	}
	store_remove(watch->config.store, text_chars(&key));
	watch->config.changed(watch->config.context, text_chars(&key));
}

static bool add_number(char **path, const char *key, int64_t number, struct error *err)
{
	struct text text = text_with_max(NUMBER_SIZE);

	text_appendf(&text, "%lld", (long long)number);
	bool ok = kube_path_add_query(path, key, text_chars(&text), err);
	text_done(&text);
	return ok;
}

static bool build_path(const struct kube_watch *watch, char **path, struct error *err)
{
	if (!kube_path_list(watch->config.resource, watch->namespace, path, err))
		return false;
	return !watch->label_selector ||
	       kube_path_add_query(path, "labelSelector", watch->label_selector, err);
}

static bool build_list_path(const struct kube_watch *watch, char **path, struct error *err)
{
	if (!build_path(watch, path, err) || !add_number(path, "limit", watch->page_size, err))
		return false;
	return !watch->list_continue ||
	       kube_path_add_query(path, "continue", watch->list_continue, err);
}

static bool build_watch_path(const struct kube_watch *watch, int64_t timeout_s, char **path,
			     struct error *err)
{
	return build_path(watch, path, err) && kube_path_add_query(path, "watch", "1", err) &&
	       kube_path_add_query(path, "allowWatchBookmarks", "true", err) &&
	       kube_path_add_query(path, "resourceVersion", watch->version, err) &&
	       add_number(path, "timeoutSeconds", timeout_s, err);
}

/* Goes on after a delay that grows with each failure in a row; not before RETRY_AFTER_S. */
static void back_off(struct kube_watch *watch, int64_t retry_after_s)
{
	int64_t delay_ms = backoff_delay_ms(&watch_backoff, watch->failures, chance_number());

	if (delay_ms < retry_after_s * 1000)
		delay_ms = retry_after_s * 1000 + chance_between(0, watch_backoff.first_ms);
	watch->failures++;
	loop_timer_set(watch->loop, &watch->again, delay_ms, watch_go_on, watch);
}

static void list_forget(struct kube_watch *watch)
{
	memory_free(TAKE_PTR(watch->list_version));
	memory_free(TAKE_PTR(watch->list_continue));
}

static void list_failed(struct kube_watch *watch, const struct kube_error *kube,
			const struct error *err)
{
	/* Also when a later page says 410: what it offers to go on with is another state of the
	 * world than that of the first page. */
	list_forget(watch);
	if (err->kind == ERROR_INVALID && watch->page_size > 1)
		watch->page_size /= 4; /* objects may be large: at least one fits */
	if (watch->page_size == 0)
		watch->page_size = 1;
	tell_failure(watch, kube->status, err);
	back_off(watch, kube->retry_after_s);
}

static void remember_key(void *context, const char *key)
{
	struct gone_keys *gone = context;

	if (gone->count == gone->capacity) {
		gone->capacity = gone->capacity ? 2 * gone->capacity : 16;
		gone->keys = memory_resize(gone->keys, gone->capacity, sizeof(char *));
	}
	gone->keys[gone->count++] = memory_text(key);
}

/* Told only when the store does not hold them any more. */
static void drop_what_was_not_listed(struct kube_watch *watch)
{
	struct gone_keys gone = {0};

	store_replace_end(watch->config.store, remember_key, &gone);
	for (size_t i = 0; i < gone.count; i++) {
		watch->config.changed(watch->config.context, gone.keys[i]);
		memory_free(gone.keys[i]);
	}
	memory_free(gone.keys);
}

static void list_ended(struct kube_watch *watch)
{
	drop_what_was_not_listed(watch);
	memory_free(watch->version);
	watch->version = TAKE_PTR(watch->list_version);
	list_forget(watch);
	if (!watch->synced) {
		watch->synced = true;
		watch->config.synced(watch->config.context);
	}
	watch_go_on(watch);
}

static bool page_is_valid(const struct kube_watch *watch, const struct json *page,
			  struct error *err)
{
	if (!json_is_array(json_find(page, "items")))
		return error_set(err, ERROR_UNAVAILABLE, "the reply is no list");
	if (!watch->list_version &&
	    text_is_empty(json_find_string(page, "metadata", "resourceVersion")))
		return error_set(err, ERROR_UNAVAILABLE, "the list has no resourceVersion");
	return true;
}

static void page_came(void *context, const struct kube_reply *reply)
{
	struct kube_watch *watch = context;
	struct error err = {0};

	watch->call = NULL;
	if (reply->err) {
		list_failed(watch, &reply->kube, reply->err);
		return;
	}
	if (!page_is_valid(watch, reply->object, &err)) {
		list_failed(watch, &reply->kube, &err);
		return;
	}
	if (!watch->list_version) {
		store_replace_begin(watch->config.store);
		replace_text(&watch->list_version,
			     json_find_string(reply->object, "metadata", "resourceVersion"));
	}

	const struct json *items = json_find(reply->object, "items");
	for (size_t i = 0; i < json_size(items); i++)
		apply_object(watch, json_item(items, i), false);

	const char *next = json_find_string(reply->object, "metadata", "continue");
	replace_text(&watch->list_continue, text_is_empty(next) ? NULL : next);
	if (watch->list_continue)
		watch_go_on(watch);
	else
		list_ended(watch);
}

static void list_page(struct kube_watch *watch)
{
	cleanup_free char *path = NULL;
	struct error err = {0};

	if (!build_list_path(watch, &path, &err)) {
		list_failed(watch, &(struct kube_error){.retry_after_s = -1}, &err);
		return;
	}
	const struct kube_request request = {.verb = KUBE_LIST, .path = path};
	watch->call = kube_client_start(watch->client, &request, page_came, watch);
}

/* True when the version is to be kept: it is not known to be bad. */
static bool version_may_stay(const struct kube_watch *watch, const struct kube_error *kube)
{
	if (kube->reason == KUBE_REASON_EXPIRED)
		return false;
	if (kube->status == 0 || kube->reason == KUBE_REASON_TOO_MANY_REQUESTS)
		return true;
	return watch->failures < SAME_VERSION_TRIES_MAX;
}

static void stream_failed(struct kube_watch *watch, const struct kube_error *kube,
			  const struct error *err)
{
	/* History that is gone is normal after a long absence; again and again it is not. */
	bool normal = kube->reason == KUBE_REASON_EXPIRED && watch->failures == 0;

	if (!version_may_stay(watch, kube))
		memory_free(TAKE_PTR(watch->version));
	if (!normal)
		tell_failure(watch, kube->status, err);
	back_off(watch, kube->retry_after_s);
}

static void stream_ended(void *context, const struct kube_reply *reply)
{
	struct kube_watch *watch = context;
	int64_t now_ms = clock_monotonic_ms(loop_clock(watch->loop));
	struct error err = {0};

	watch->call = NULL;
	watch_stream_free(TAKE_PTR(watch->stream));
	if (watch->verdict.reason != KUBE_REASON_NONE) {
		kube_error_describe(&watch->verdict, &err);
		stream_failed(watch, &watch->verdict, &err);
	} else if (watch->refusal.kind != ERROR_NONE) {
		const struct kube_error kube = {.status = 200, .retry_after_s = -1};
		stream_failed(watch, &kube, &watch->refusal);
	} else if (reply->err) {
		stream_failed(watch, &reply->kube, reply->err);
	} else if (!watch->progressed && now_ms - watch->opened_ms < VERY_SHORT_MS) {
		back_off(watch, -1);
	} else {
		watch->failures = 0;
		watch_go_on(watch);
	}
}

static void stream_opened(void *context)
{
	struct kube_watch *watch = context;

	watch->opened_ms = clock_monotonic_ms(loop_clock(watch->loop));
	tell_recovery(watch);
}

/* Only now is the change in the store, so only now may a resume leave it out. */
static void advance(struct kube_watch *watch, const struct json *object)
{
	const char *version = json_find_string(object, "metadata", "resourceVersion");

	if (text_is_empty(version))
		return;
	replace_text(&watch->version, version);
	watch->progressed = true;
	watch->failures = 0;
}

static bool apply_event(struct kube_watch *watch, const char *type, const struct json *object,
			struct error *err)
{
	if (text_same(type, "ADDED") || text_same(type, "MODIFIED"))
		apply_object(watch, object, false);
	else if (text_same(type, "DELETED"))
		apply_object(watch, object, true);
	else if (text_same(type, "ERROR"))
		kube_error_classify_status(object, &watch->verdict);
	else if (!text_same(type, "BOOKMARK"))
		return error_set(err, ERROR_UNAVAILABLE, "an event has an unknown type");

	if (watch->verdict.reason != KUBE_REASON_NONE)
		return error_set(err, ERROR_UNAVAILABLE, "the server ends the watch");
	advance(watch, object);
	return true;
}

static bool event_came(void *context, const char *bytes, size_t size, struct error *err)
{
	struct kube_watch *watch = context;
	struct error why = {0};
	cleanup_json struct json *event = json_parse_object(bytes, size, &why);

	/* Whose it is cannot be told, so the store is wrong somewhere: everything is listed anew.
	 */
	if (!event) {
		tell_unreadable(watch, NULL, &why);
		replace_text(&watch->version, NULL);
		return error_set(err, ERROR_INVALID, "an event cannot be read");
	}
	return apply_event(watch, json_find_string(event, "type"), json_find(event, "object"), err);
}

static bool piece_came(void *context, const char *bytes, size_t size)
{
	struct kube_watch *watch = context;

	return watch_stream_feed(watch->stream, bytes, size, event_came, watch, &watch->refusal);
}

static void stream_open(struct kube_watch *watch)
{
	cleanup_free char *path = NULL;
	struct error err = {0};
	int64_t timeout_s = chance_between(TIMEOUT_MIN_S, TIMEOUT_MAX_S);

	watch->progressed = false;
	watch->verdict = (struct kube_error){0};
	watch->refusal = (struct error){0};
	if (!build_watch_path(watch, timeout_s, &path, &err)) {
		stream_failed(watch, &(struct kube_error){.retry_after_s = -1}, &err);
		return;
	}
	watch->opened_ms = clock_monotonic_ms(loop_clock(watch->loop));
	watch->stream = watch_stream_new(WATCH_EVENT_MAX);
	watch->call = kube_client_stream(watch->client, path, (timeout_s + CEILING_EXTRA_S) * 1000,
					 chance_between(IDLE_MIN_MS, IDLE_MAX_MS), stream_opened,
					 piece_came, stream_ended, watch);
}

static void watch_go_on(void *context)
{
	struct kube_watch *watch = context;

	if (watch->version)
		stream_open(watch);
	else
		list_page(watch);
}

struct kube_watch *kube_watch_new(struct kube_client *client, struct loop *loop,
				  const struct kube_watch_config *config)
{
	struct kube_watch *watch = memory_new(sizeof(*watch));

	watch->client = client;
	watch->loop = loop;
	watch->config = *config;
	watch->namespace = memory_text(config->namespace);
	watch->label_selector = memory_text(config->label_selector);
	watch->page_size = LIST_PAGE_SIZE;
	loop_timer_set(loop, &watch->again, 0, watch_go_on, watch);
	return watch;
}

void kube_watch_free(struct kube_watch *watch)
{
	if (!watch)
		return;
	kube_call_cancel(watch->call);
	loop_timer_clear(&watch->again);
	watch_stream_free(watch->stream);
	list_forget(watch);
	memory_free(watch->version);
	memory_free(watch->namespace);
	memory_free(watch->label_selector);
	memory_free(watch);
}

bool kube_watch_is_synced(const struct kube_watch *watch)
{
	return watch->synced;
}
