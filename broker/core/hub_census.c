#include "core/hub_census.h"

#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>

#include "core/hub_state.h"
#include "core/kube_path.h"
#include "core/ledger.h"
#include "core/paged_list.h"
#include "core/request.h"
#include "core/store.h"

struct hub_census {
	struct kube_port hub;
	const char *namespace;
	struct paged_list list;
	struct store *requests; /* by UID, as are RECORDS; the objects say nothing */
	struct store *records;
	bool unreadable; /* an item */
	void (*ended)(void *context, bool whole);
	void *context;
};

static char present;

void hub_census_free(struct hub_census *census)
{
	if (!census)
		return;
	paged_list_done(&census->list);
	store_free(census->requests);
	store_free(census->records);
	memory_free(census);
}

static void note(struct hub_census *census, struct store *store, const char *uid)
{
	if (uid)
		store_put(store, uid, &present);
	else
		census->unreadable = true;
}

static void note_request(void *context, const struct json *item)
{
	struct hub_census *census = context;

	note(census, census->requests, json_find_string(item, "metadata", "uid"));
}

/* A record that cannot be read is one all the same. */
static void note_record(void *context, const struct json *item)
{
	struct hub_census *census = context;

	note(census, census->records, json_find_string(item, "metadata", "name"));
}

static void records_listed(void *context, enum paged_list_end end)
{
	struct hub_census *census = context;

	census->ended(census->context, end == PAGED_LIST_WHOLE && !census->unreadable);
}

static void requests_listed(void *context, enum paged_list_end end)
{
	struct hub_census *census = context;

	if (end != PAGED_LIST_WHOLE) {
		census->ended(census->context, false);
		return;
	}
	paged_list_begin(&census->list, &(struct paged_list_query){
						.port = census->hub,
						.resource = &KUBE_ISSUED_CREDENTIALS,
						.namespace = census->namespace,
						.page_size = LIST_PAGE_SIZE,
						.item = note_record,
						.ended = records_listed,
						.context = census,
					});
}

struct hub_census *hub_census_start(const struct kube_port *hub, const char *namespace,
				    void (*ended)(void *context, bool whole), void *context)
{
	struct hub_census *census = memory_new(sizeof(*census));

	census->hub = *hub;
	census->namespace = namespace;
	census->requests = store_new(NULL);
	census->records = store_new(NULL);
	census->ended = ended;
	census->context = context;
	paged_list_begin(&census->list, &(struct paged_list_query){
						.port = *hub,
						.resource = &KUBE_AUTH_TOKEN_REQUESTS,
						.page_size = LIST_PAGE_SIZE,
						.item = note_request,
						.ended = requests_listed,
						.context = census,
					});
	return census;
}

bool hub_census_knows(const struct hub_census *census, const char *request_uid)
{
	return store_find(census->requests, request_uid) ||
	       store_find(census->records, request_uid);
}

static bool has_request(void *context, const char *key, void *object)
{
	const struct hub_census *census = context;

	(void)key;
	return store_find(census->requests, ((const struct request *)object)->uid) != NULL;
}

static bool has_record(void *context, const char *key, void *object)
{
	const struct hub_census *census = context;

	(void)key;
	return store_find(census->records, ((const struct ledger *)object)->uid) != NULL;
}

bool hub_census_covers(const struct hub_census *census, const struct hub_state *seen)
{
	struct hub_census *visited = (struct hub_census *)census; /* only read */

	return store_each(seen->requests, has_request, visited) &&
	       store_each(seen->ledgers, has_record, visited);
}
