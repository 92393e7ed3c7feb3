#include "core/paged_list.h"

#include <stdio.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/kube_path.h"

void paged_list_done(struct paged_list *list)
{
	memory_free(TAKE_PTR(list->go_on));
	memory_free(TAKE_PTR(list->version));
}

static void end(struct paged_list *list, enum paged_list_end how)
{
	paged_list_done(list);
	list->query.ended(list->query.context, how);
}

static void ask(struct paged_list *list);

/* A list that goes on elsewhere than it began shows one object twice, and another one not at all.
 */
static bool is_of_one_moment(struct paged_list *list, const struct json *page)
{
	const char *version = json_find_string(page, "metadata", "resourceVersion");

	if (!list->version)
		list->version = memory_text(version);
	return !text_is_empty(version) && text_same(version, list->version);
}

static void take_page(struct paged_list *list, const struct json *page)
{
	const struct json *items = json_find(page, "items");
	const char *go_on = json_find_string(page, "metadata", "continue");

	if (!json_is_array(items) || !is_of_one_moment(list, page)) {
		end(list, PAGED_LIST_FAILED);
		return;
	}
	for (size_t i = 0; i < json_size(items); i++)
		list->query.item(list->query.context, json_item(items, i));
	memory_free(list->go_on);
	list->go_on = text_is_empty(go_on) ? NULL : memory_text(go_on);
	if (!list->go_on)
		end(list, PAGED_LIST_WHOLE);
	else if (++list->pages < MEMBER_PAGES_MAX)
		ask(list);
	else
		end(list, PAGED_LIST_FAILED);
}

static void answered(void *context, const struct kube_reply *reply)
{
	struct paged_list *list = context;
	bool too_large = reply->err && reply->err->kind == ERROR_INVALID;

	if (!reply->err) {
		take_page(list, reply->object);
	} else if (too_large && list->page_size > 1) {
		list->page_size = list->page_size > 4 ? list->page_size / 4 : 1;
		ask(list);
	} else if (reply->kube.reason == KUBE_REASON_FORBIDDEN) {
		end(list, PAGED_LIST_DENIED);
	} else if (reply->kube.status == 0 && !too_large) {
		end(list, PAGED_LIST_UNANSWERED);
	} else {
		end(list, PAGED_LIST_FAILED);
	}
}

static bool build_path(const struct paged_list *list, char **path, struct error *err)
{
	const struct paged_list_query *query = &list->query;
	char limit[16];

	snprintf(limit, sizeof(limit), "%d", list->page_size);
	return kube_path_list(query->resource, query->namespace, path, err) &&
	       (!query->selector ||
		kube_path_add_query(path, "labelSelector", query->selector, err)) &&
	       kube_path_add_query(path, "limit", limit, err) &&
	       (!list->go_on || kube_path_add_query(path, "continue", list->go_on, err));
}

static void ask(struct paged_list *list)
{
	cleanup_free char *path = NULL;
	struct error err = {0};

	if (!build_path(list, &path, &err)) {
		end(list, PAGED_LIST_FAILED); /* a continue token that fits into no path */
		return;
	}
	list->query.port.start(list->query.port.context,
			       &(struct kube_request){.verb = KUBE_LIST, .path = path}, answered,
			       list);
}

void paged_list_begin(struct paged_list *list, const struct paged_list_query *query)
{
	paged_list_done(list);
	*list = (struct paged_list){.query = *query, .page_size = query->page_size};
	ask(list);
}
