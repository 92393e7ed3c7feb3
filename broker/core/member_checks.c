#include "core/member_checks.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/digest.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access.h"
#include "core/access_index.h"
#include "core/access_news.h"
#include "core/kube_path.h"
#include "core/ledger.h"
#include "core/member_objects.h"
#include "core/rights.h"
#include "core/spread.h"
#include "core/store.h"
#include "core/work_queue.h"

/* One list: a kind, in one namespace or in all. */
struct scope {
	const struct kube_resource *resource;
	char *namespace; /* NULL: all */
	char *hub_id;
	bool complete; /* its last page was read */
};

/* An object on record, and what a list showed of it. */
struct listed {
	size_t scope;
	bool seen;
	char digest[DIGEST_SHORT_SIZE];
};

/* Of one member. */
struct member_check {
	struct member_checks *checks;
	char *profile_key;
	uint32_t rounds;
	bool waiting; /* the member was not ready when it was due */
	bool denied;  /* by the look before this one */

	/* the look in flight */
	char *member_uid;
	struct store *on_record; /* struct listed by UID */
	struct scope *scopes;
	size_t scope_count;
	size_t scope;
	char *go_on; /* the continue token of the next page; NULL: the first one */
	int page_size;
	int pages;
	const struct kube_resource *denied_resource;
	bool failed; /* at least one list */
};

struct member_checks {
	struct member_checks_config config;
	struct store *members; /* struct member_check by profile key */
	struct work_queue *queue;
};

static void forget_look(struct member_check *check)
{
	for (size_t i = 0; i < check->scope_count; i++) {
		memory_free(check->scopes[i].namespace);
		memory_free(check->scopes[i].hub_id);
	}
	memory_free(TAKE_PTR(check->scopes));
	memory_free(TAKE_PTR(check->member_uid));
	memory_free(TAKE_PTR(check->go_on));
	store_free(TAKE_PTR(check->on_record));
	check->scope_count = check->scope = 0;
	check->pages = 0;
	check->denied_resource = NULL;
	check->failed = false;
}

static void check_free(void *pointer)
{
	struct member_check *check = pointer;

	forget_look(check);
	memory_free(check->profile_key);
	memory_free(check);
}

struct member_checks *member_checks_new(const struct member_checks_config *config)
{
	struct member_checks *checks = memory_new(sizeof(*checks));

	checks->config = *config;
	checks->members = store_new(check_free);
	checks->queue = work_queue_new(config->clock);
	return checks;
}

void member_checks_free(struct member_checks *checks)
{
	if (!checks)
		return;
	work_queue_free(checks->queue);
	store_free(checks->members);
	memory_free(checks);
}

/* Replies come between two runs: the next time to run is another one then. */
static void add_in(struct member_checks *checks, const struct member_check *check, int64_t delay_ms)
{
	work_queue_add_at(checks->queue, check->profile_key,
			  clock_monotonic_ms(checks->config.clock) + delay_ms, WORK_BACKGROUND);
	checks->config.index->wake(checks->config.index->context);
}

void member_checks_want(struct member_checks *checks, const char *profile_key)
{
	struct member_check *check;

	if (checks->config.interval_ms == 0 || store_find(checks->members, profile_key))
		return;
	check = memory_new(sizeof(*check));
	check->checks = checks;
	check->profile_key = memory_text(profile_key);
	check->page_size = MEMBER_PAGE_SIZE;
	store_put(checks->members, profile_key, check);
	add_in(checks, check,
	       spread_ms(check->profile_key, check->rounds, checks->config.interval_ms));
}

void member_checks_member_changed(struct member_checks *checks, const char *profile_key)
{
	struct member_check *check = store_find(checks->members, profile_key);

	if (!check || !check->waiting)
		return;
	check->waiting = false;
	add_in(checks, check, 0);
}

/* Within a tenth of the interval, because many members became known at the same time. */
static void rest(struct member_check *check, bool soon)
{
	int64_t interval_ms = check->checks->config.interval_ms;
	int64_t delay_ms = soon ? interval_ms / 10 : interval_ms - interval_ms / 10;

	check->rounds++;
	forget_look(check);
	work_queue_done(check->checks->queue, check->profile_key);
	add_in(check->checks, check,
	       delay_ms + spread_ms(check->profile_key, check->rounds, interval_ms / 5));
}

/* What is wanted of it must be known; what goes is nobody's loss. */
static bool takes_part(const struct member_check *check, const struct access *access)
{
	const struct ledger *ledger = access->ledger;

	return ledger && ledger->resource_version && access->rights && !access->ending &&
	       !ledger->revoking && text_same(access->profile_key, check->profile_key) &&
	       text_same(ledger->member_uid, check->member_uid);
}

static size_t ensure_scope(struct member_check *check, const struct ledger *ledger,
			   const struct ledger_object *object)
{
	/* in identity namespaces only may we list ServiceAccounts */
	const char *namespace =
		object->resource == &KUBE_SERVICE_ACCOUNTS ? object->namespace : NULL;
	struct scope *scope;

	for (size_t i = 0; i < check->scope_count; i++)
		if (check->scopes[i].resource == object->resource &&
		    text_same(check->scopes[i].namespace, namespace) &&
		    text_same(check->scopes[i].hub_id, ledger->hub_id))
			return i;
	check->scopes = memory_resize(check->scopes, check->scope_count + 1, sizeof(*scope));
	scope = &check->scopes[check->scope_count];
	*scope = (struct scope){
		.resource = object->resource,
		.namespace = memory_text(namespace),
		.hub_id = memory_text(ledger->hub_id),
	};
	return check->scope_count++;
}

static bool gather(void *context, const char *uid, void *object)
{
	struct member_check *check = context;
	const struct access *access = object;

	(void)uid;
	if (!takes_part(check, access))
		return true;
	for (size_t i = 0; i < access->ledger->object_count; i++) {
		const struct ledger_object *made = &access->ledger->objects[i];
		struct listed *listed;

		if (!made->uid)
			continue;
		listed = memory_new(sizeof(*listed));
		listed->scope = ensure_scope(check, access->ledger, made);
		store_put(check->on_record, made->uid, listed);
	}
	return true;
}

static bool is_on_record(void *context, const char *uid, void *object)
{
	const struct access *access = object;

	(void)uid;
	return !(access->ledger && text_same(access->profile_key, context));
}

/* Objects that were made since the look began are not on its record. */
static bool is_suspect(const struct member_check *check, const struct access *access, size_t index)
{
	const struct ledger_object *object = &access->ledger->objects[index];
	const struct listed *listed =
		object->uid ? store_find(check->on_record, object->uid) : NULL;
	cleanup_json struct json *intended = NULL;
	char digest[DIGEST_SHORT_SIZE];

	if (!listed || (index > 0 && rights_is_surplus(access->rights, object)))
		return false;
	if (object->existing) /* it is not ours, and may be whatever it is */
		return false;
	if (object->replaced) /* another look at it is all that can end that */
		return true;
	if (!check->scopes[listed->scope].complete)
		return false;
	if (!listed->seen)
		return true;
	intended = member_object_render(access->ledger, index, access->rights);
	member_object_digest(intended, digest);
	return !text_same(digest, listed->digest);
}

static bool compare(void *context, const char *uid, void *object)
{
	const struct member_check *check = context;
	struct access *access = object;
	bool found = false;

	(void)uid;
	if (!takes_part(check, access))
		return true;
	for (size_t i = 0; i < access->ledger->object_count; i++)
		if (is_suspect(check, access, i))
			found = access->ledger->objects[i].suspect = true;
	if (found)
		access_index_add_last(check->checks->config.index, access);
	return true;
}

static bool find_first(void *context, const char *uid, void *object)
{
	struct member_check *check = context;
	const struct access *access = object;
	struct access_news news = {.access = access,
				   .type = "Warning",
				   .action = "Check",
				   .reason = "MemberCheckDenied"};
	char message[256];

	(void)uid;
	if (!takes_part(check, access))
		return true;
	snprintf(message, sizeof(message),
		 "hand edits on this member are not looked for: the broker may not list %s there; "
		 "apply the output of credbroker member-rbac again",
		 check->denied_resource->plural);
	news.message = message;
	check->checks->config.tell(check->checks->config.context, &news);
	return false;
}

/* Once for a member, by way of one of its requests. */
static void tell_denial(struct member_check *check)
{
	if (check->denied_resource && !check->denied)
		store_each(check->checks->config.index->accesses, find_first, check);
	check->denied = check->denied_resource != NULL;
}

static void conclude(struct member_check *check)
{
	store_each(check->checks->config.index->accesses, compare, check);
	tell_denial(check);
	rest(check, check->failed);
}

static void list_page(struct member_check *check);

static void list_next(struct member_check *check)
{
	memory_free(TAKE_PTR(check->go_on));
	check->pages = 0;
	if (++check->scope < check->scope_count)
		list_page(check);
	else
		conclude(check);
}

static void note_item(const struct member_check *check, const struct json *item)
{
	const char *uid = member_object_uid(item);
	struct listed *listed = uid ? store_find(check->on_record, uid) : NULL;

	if (!listed || listed->scope != check->scope)
		return;
	listed->seen = true;
	member_object_digest(item, listed->digest);
}

static void take_page(struct member_check *check, const struct json *list)
{
	const struct json *items = json_find(list, "items");
	const char *go_on = json_find_string(list, "metadata", "continue");

	for (size_t i = 0; i < json_size(items); i++)
		note_item(check, json_item(items, i));
	memory_free(check->go_on);
	check->go_on = text_is_empty(go_on) ? NULL : memory_text(go_on);
	if (check->go_on && ++check->pages < MEMBER_PAGES_MAX) {
		list_page(check);
		return;
	}
	check->scopes[check->scope].complete = !check->go_on && json_is_array(items);
	list_next(check);
}

static void page_listed(void *context, const struct kube_reply *reply)
{
	struct member_check *check = context;
	bool too_large = reply->err && reply->err->kind == ERROR_INVALID;

	if (!reply->err) {
		take_page(check, reply->object);
	} else if (too_large && check->page_size > 1) {
		check->page_size = check->page_size > 4 ? check->page_size / 4 : 1;
		list_page(check);
	} else if (reply->kube.status == 0 && !too_large) {
		check->waiting = true; /* the member went away */
		rest(check, true);
	} else if (reply->kube.reason == KUBE_REASON_FORBIDDEN) {
		check->denied_resource = check->scopes[check->scope].resource;
		list_next(check);
	} else {
		check->failed = true; /* it says nothing of the others */
		list_next(check);
	}
}

static bool build_path(const struct member_check *check, char **path, struct error *err)
{
	const struct scope *scope = &check->scopes[check->scope];
	cleanup_free char *selector = member_objects_selector(scope->hub_id);
	char limit[16];

	snprintf(limit, sizeof(limit), "%d", check->page_size);
	return kube_path_list(scope->resource, scope->namespace, path, err) &&
	       kube_path_add_query(path, "labelSelector", selector, err) &&
	       kube_path_add_query(path, "limit", limit, err) &&
	       (!check->go_on || kube_path_add_query(path, "continue", check->go_on, err));
}

static void list_page(struct member_check *check)
{
	const struct access_executor *executor = &check->checks->config.executor;
	cleanup_free char *path = NULL;
	struct error err = {0};

	if (!build_path(check, &path, &err)) {
		list_next(check); /* a continue token that fits into no path */
		return;
	}
	executor->start(executor->context, check->profile_key,
			&(struct kube_request){.verb = KUBE_LIST, .path = path}, page_listed,
			check);
}

static void begin(struct member_checks *checks, struct member_check *check)
{
	const struct access_executor *executor = &checks->config.executor;
	const struct store *accesses = checks->config.index->accesses;
	struct member_facts member;

	if (store_each(accesses, is_on_record, check->profile_key)) {
		work_queue_done(checks->queue, check->profile_key);
		store_remove(checks->members, check->profile_key);
		return;
	}
	member = executor->member(executor->context, check->profile_key);
	check->waiting = member.state != MEMBER_READY;
	if (check->waiting) {
		rest(check, false);
		return;
	}
	check->member_uid = memory_text(member.uid);
	check->on_record = store_new(memory_free);
	store_each(accesses, gather, check);
	if (check->scope_count > 0)
		list_page(check);
	else
		rest(check, false);
}

void member_checks_run(struct member_checks *checks)
{
	for (;;) {
		cleanup_free char *profile_key = NULL;

		if (!work_queue_next(checks->queue, &profile_key))
			return;
		begin(checks, store_find(checks->members, profile_key));
	}
}

int64_t member_checks_next_due_ms(const struct member_checks *checks)
{
	return work_queue_next_due_ms(checks->queue);
}
