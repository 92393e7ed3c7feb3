#include "edge/kube_list.h"

#include <stdio.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/kube_path.h"
#include "edge/kube_client.h"

struct kube_list {
	struct kube_client *client;
	struct kube_list_config config;
	struct kube_call *call;
	int page_size;   /* fewer after a page that was too large */
	char *next_page; /* NULL: the first */
	size_t count;
};

static void ask(struct kube_list *list);

static void end(struct kube_list *list, const struct error *err)
{
	list->config.done(list->config.context, err);
}

static void fail(struct kube_list *list, const struct error *reason)
{
	const struct kube_resource *resource = list->config.resource;
	struct error err = *reason;

	error_wrap(&err, "list %s%s%s", resource->plural, *resource->group ? "." : "",
		   resource->group);
	end(list, &err);
}

static void take_page(struct kube_list *list, const struct json *page)
{
	const struct json *items = json_find(page, "items");
	const char *next = json_find_string(page, "metadata", "continue");
	struct error err = {0};

	list->count += json_size(items);
	if (!json_is_array(items))
		error_set(&err, ERROR_UNAVAILABLE, "the reply is no list");
	else if (list->count > KUBE_LIST_OBJECTS_MAX)
		error_set(&err, ERROR_INVALID, "more than %d of them", KUBE_LIST_OBJECTS_MAX);
	if (err.kind != ERROR_NONE) {
		fail(list, &err);
		return;
	}
	for (size_t i = 0; i < json_size(items); i++)
		list->config.object(list->config.context, json_item(items, i));
	memory_free(list->next_page);
	list->next_page = text_is_empty(next) ? NULL : memory_text(next);
	if (list->next_page)
		ask(list);
	else
		end(list, NULL);
}

static void page_came(void *context, const struct kube_reply *reply)
{
	struct kube_list *list = context;

	list->call = NULL;
	if (!reply->err) {
		take_page(list, reply->object);
	} else if (reply->err->kind == ERROR_INVALID && list->page_size > 1) {
		list->page_size = list->page_size >= 4 ? list->page_size / 4 : 1;
		ask(list); /* objects may be large: at least one fits */
	} else {
		fail(list, reply->err);
	}
}

static bool build_path(const struct kube_list *list, char **path, struct error *err)
{
	char limit[16];

	snprintf(limit, sizeof(limit), "%d", list->page_size);
	return kube_path_list(list->config.resource, NULL, path, err) &&
	       kube_path_add_query(path, "limit", limit, err) &&
	       (!list->next_page || kube_path_add_query(path, "continue", list->next_page, err));
}

static void ask(struct kube_list *list)
{
	cleanup_free char *path = NULL;
	struct error err = {0};

	if (!build_path(list, &path, &err)) {
		fail(list, &err);
		return;
	}
	list->call = kube_client_start(list->client,
				       &(struct kube_request){.verb = KUBE_LIST, .path = path},
				       page_came, list);
}

struct kube_list *kube_list_new(struct kube_client *client, const struct kube_list_config *config)
{
	struct kube_list *list = memory_new(sizeof(*list));

	list->client = client;
	list->config = *config;
	list->page_size = LIST_PAGE_SIZE;
	ask(list);
	return list;
}

void kube_list_free(struct kube_list *list)
{
	if (!list)
		return;
	kube_call_cancel(list->call);
	memory_free(list->next_page);
	memory_free(list);
}
