/* paged_list.h - lists a resource to its end, page by page, and says whether the list is whole.
 *
 * Nothing may be concluded from what it has shown before it says so. */
#ifndef CORE_PAGED_LIST_H
#define CORE_PAGED_LIST_H

#include <stdbool.h>

#include "core/kube_call.h"

struct json;
struct kube_resource;

enum paged_list_end {
	PAGED_LIST_WHOLE,  /* read to its end, and all of it as of one moment */
	PAGED_LIST_DENIED, /* we may not list this */
	PAGED_LIST_UNANSWERED,
	PAGED_LIST_FAILED,
};

/* All is borrowed until the end. */
struct paged_list_query {
	struct kube_port port;
	const struct kube_resource *resource;
	const char *namespace; /* NULL: all */
	const char *selector;  /* of labels; NULL: none */
	int page_size;
	void (*item)(void *context, const struct json *item);
	/* Called once, at once where no path can be built; the list may be begun again. */
	void (*ended)(void *context, enum paged_list_end end);
	void *context;
};

/* Open, so that its owner can hold it; zeroed before it is begun. */
struct paged_list {
	struct paged_list_query query;
	char *go_on;   /* the continue token of the next page; NULL: the first one */
	char *version; /* of the list, by its first page */
	int page_size;
	int pages;
};

void paged_list_begin(struct paged_list *list, const struct paged_list_query *query);
/* No call may be in flight any more. Fine when zeroed, and twice. */
void paged_list_done(struct paged_list *list);

#endif
