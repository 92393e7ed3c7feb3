#include "core/access_controller.h"

#include <string.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access.h"
#include "core/access_news.h"
#include "core/access_permission.h"
#include "core/access_status.h"
#include "core/access_view.h"
#include "core/destinations.h"
#include "core/hub_state.h"
#include "core/kube_path.h"
#include "core/ledger.h"
#include "core/request.h"
#include "core/store.h"
#include "core/work_queue.h"

enum { KEYS_PER_RUN = 64 }; /* the loop has others to serve */

struct access_controller {
	struct access_controller_config config;
	struct access_steps steps;
	struct hub_state seen;
	uint64_t round;            /* counts what changed that permissions rest on; begins at 1 */
	struct store *accesses;    /* struct access by UID */
	struct store *uids_by_key; /* the UID seen last under a request's key */
	struct work_queue *queue;  /* of UIDs */
	bool begun;
	bool all_concerned; /* every access is to be looked at */
};

static void enqueue(struct access_controller *controller, const struct access *access,
		    enum work_priority priority)
{
	work_queue_add(controller->queue, access->uid, priority);
	controller->config.wake(controller->config.context);
}

static enum work_priority priority_of(const struct access *access)
{
	return access->ending ? WORK_REVOKE : WORK_NORMAL;
}

static void tell(struct access_controller *controller, struct access *access,
		 const struct access_news *news)
{
	access->reported_reason = news->reason;
	controller->config.tell(controller->config.context, news);
}

static void step_ended(void *context, struct access *access)
{
	struct access_controller *controller = context;
	struct access_news news;

	if (access_news_of_step(access, &news))
		tell(controller, access, &news);
	work_queue_done(controller->queue, access->uid);
	enqueue(controller, access, priority_of(access));
}

/* A watch lists again only when the server says so, which may be never. */
static void object_found(void *context, const struct kube_resource *resource, const char *key,
			 const struct json *object)
{
	struct access_controller *controller = context;

	if (hub_state_put(&controller->seen, resource, key, object))
		access_controller_changed(controller, resource, key);
}

static void tell_beside(void *context, const struct access_news *news)
{
	const struct access_controller *controller = context;

	controller->config.tell(controller->config.context, news);
}

static struct access *ensure_access(struct access_controller *controller, const char *uid,
				    const char *request_key)
{
	struct access *access = store_find(controller->accesses, uid);

	if (!access) {
		access = access_new(uid, request_key);
		store_put(controller->accesses, uid, access);
	}
	return access;
}

static void free_access(void *access)
{
	access_free(access);
}

struct access_controller *access_controller_new(const struct access_controller_config *config)
{
	struct access_controller *controller = memory_new(sizeof(*controller));

	controller->config = *config;
	hub_state_init(&controller->seen);
	controller->round = 1;
	controller->accesses = store_new(free_access);
	controller->uids_by_key = store_new(memory_free);
	controller->queue = work_queue_new(config->clock);
	controller->steps = (struct access_steps){
		.hub = config->hub,
		.executor = config->executor,
		.clock = config->clock,
		.settings = config->settings,
		.seen = &controller->seen,
		.destinations = destinations_new(),
		.ended = step_ended,
		.found = object_found,
		.tell = tell_beside,
		.context = controller,
	};
	return controller;
}

void access_controller_free(struct access_controller *controller)
{
	if (!controller)
		return;
	destinations_free(controller->steps.destinations);
	work_queue_free(controller->queue);
	store_free(controller->uids_by_key);
	store_free(controller->accesses);
	hub_state_done(&controller->seen);
	memory_free(controller);
}

struct store *access_controller_store(struct access_controller *controller,
				      const struct kube_resource *resource,
				      hub_state_read **ret_read)
{
	return hub_state_store(&controller->seen, resource, ret_read);
}

/* The object of another UID that had the name before: its access has to be undone. */
static void enqueue_predecessor(struct access_controller *controller, const char *key,
				const char *uid)
{
	const char *old_uid = store_find(controller->uids_by_key, key);
	struct access *old = old_uid ? store_find(controller->accesses, old_uid) : NULL;

	if (old && !text_same(old_uid, uid)) {
		access_retry_now(old); /* revoking does not wait for what failed before */
		enqueue(controller, old, WORK_REVOKE);
	}
	if (uid && !text_same(old_uid, uid))
		store_put(controller->uids_by_key, key, memory_text(uid));
}

static void request_changed(struct access_controller *controller, const char *key)
{
	const struct request *request = store_find(controller->seen.requests, key);
	struct access *access;

	enqueue_predecessor(controller, key, request ? request->uid : NULL);
	if (!request)
		return;
	access = ensure_access(controller, request->uid, key);
	if (!access->profile_key)
		access->profile_key = request_profile_key(
			request, controller->config.settings->profile_namespace);
	if (access->seen_generation != request->generation ||
	    access->seen_deleting != request->deleting)
		access_retry_now(access);
	access->request_gone = false;
	access->seen_generation = request->generation;
	access->seen_deleting = request->deleting;
	enqueue(controller, access, request->deleting ? WORK_REVOKE : WORK_NORMAL);
}

/* Its own request may wait for that, and whoever wants the name of its ServiceAccount. */
static bool enqueue_if_it_waits(void *context, const char *uid, void *object)
{
	struct access *access = object;

	(void)uid;
	if (access->ledger_closed || text_same(access->reported_reason, "ServiceAccountConflict"))
		enqueue(context, access, priority_of(access));
	return true;
}

static void ledger_changed(struct access_controller *controller, const char *key)
{
	const struct ledger *ledger = store_find(controller->seen.ledgers, key);
	struct text request_key = text_with_max(1024);
	cleanup_free char *name = NULL;
	struct access *access;

	if (!ledger) {
		store_each(controller->accesses, enqueue_if_it_waits, controller);
		return;
	}
	text_appendf(&request_key, "%s/%s", ledger->request_namespace, ledger->request_name);
	name = text_take(&request_key);
	access = ensure_access(controller, ledger->uid, name);
	if (!access->profile_key)
		access->profile_key = memory_text(ledger->profile_key);
	if (!access->ledger && !access->ledger_closed && !access->busy)
		enqueue(controller, access, WORK_NORMAL);
}

struct visit {
	struct access_controller *controller;
	const char *key;
	void (*retry)(struct access *access);
};

static bool retry_if_concerned(void *context, const char *uid, void *object)
{
	struct visit *visit = context;
	struct access *access = object;

	(void)uid;
	if (text_same(access->profile_key, visit->key)) {
		visit->retry(access);
		enqueue(visit->controller, access, priority_of(access));
	}
	return true;
}

static void retry_concerned(struct access_controller *controller, const char *profile_key,
			    void (*retry)(struct access *access))
{
	struct visit visit = {controller, profile_key, retry};

	if (controller->begun)
		store_each(controller->accesses, retry_if_concerned, &visit);
}

void access_controller_member_changed(struct access_controller *controller, const char *profile_key)
{
	retry_concerned(controller, profile_key, access_retry_reachable);
}

void access_controller_access_changed(struct access_controller *controller, const char *profile_key)
{
	retry_concerned(controller, profile_key, access_retry_now);
}

static void profile_changed(struct access_controller *controller, const char *key)
{
	controller->round++; /* policies may select it by its labels */
	retry_concerned(controller, key, access_retry_now);
}

static bool enqueue_any(void *context, const char *uid, void *access)
{
	struct access_controller *controller = context;

	(void)uid;
	enqueue(controller, access, priority_of(access));
	return true;
}

static void policy_changed(struct access_controller *controller, const char *name)
{
	(void)name;
	controller->round++;
	controller->all_concerned = true; /* once, however many of them change at a time */
	controller->config.wake(controller->config.context);
}

static bool enqueue_if_within(void *context, const char *uid, void *object)
{
	struct visit *visit = context;
	struct access *access = object;
	size_t size = strlen(visit->key);

	(void)uid;
	if (strncmp(access->request_key, visit->key, size) == 0 && access->request_key[size] == '/')
		enqueue(visit->controller, access, priority_of(access));
	return true;
}

static void namespace_changed(struct access_controller *controller, const char *name)
{
	struct visit visit = {controller, name, NULL};

	controller->round++;
	if (controller->begun)
		store_each(controller->accesses, enqueue_if_within, &visit);
}

void access_controller_changed(struct access_controller *controller,
			       const struct kube_resource *resource, const char *key)
{
	const struct {
		const struct kube_resource *resource;
		void (*changed)(struct access_controller *controller, const char *key);
	} kinds[] = {
		{&KUBE_AUTH_TOKEN_REQUESTS, request_changed},
		{&KUBE_CLUSTER_PROFILES, profile_changed},
		{&KUBE_ISSUED_CREDENTIALS, ledger_changed},
		{&KUBE_ACCESS_POLICIES, policy_changed},
		{&KUBE_RBAC_TEMPLATES, policy_changed},
		{&KUBE_NAMESPACES, namespace_changed},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].resource == resource)
			kinds[i].changed(controller, key);
}

void access_controller_begin(struct access_controller *controller)
{
	controller->begun = true;
	controller->config.wake(controller->config.context);
}

static struct access_view view_of(struct access_controller *controller, struct access *access)
{
	const struct access_executor *executor = &controller->config.executor;
	const struct request *request = access_steps_request(&controller->steps, access);
	int64_t now_ms = clock_monotonic_ms(controller->config.clock);

	struct member_facts member = {.state = MEMBER_NO_ACCESS};

	if (request && request->has_conditions)
		access->acknowledged = true;
	if (request && request->finalizer_index >= 0)
		access->finalizer_added =
			false; /* from here on the watch says whether it is there */
	access_permission_update(access, request, &controller->seen, controller->config.settings,
				 controller->round);
	if (access->permission.allowed ||
	    access->ledger) /* who is denied learns nothing and causes no call */
		member = executor->member(executor->context, access->profile_key);
	return (struct access_view){
		.now_ms = now_ms,
		.access = access,
		.request = request,
		.request_allowed = access->permission.allowed,
		.denial_confirmed = access->denial_confirmed,
		.denial = access->permission.reason,
		.profile_exists =
			store_find(controller->seen.profiles, access->profile_key) != NULL,
		.member = member,
		.destination = request ? destinations_state(controller->steps.destinations,
							    request->namespace, now_ms)
				       : DESTINATION_UNKNOWN,
		.ledgers = controller->seen.ledgers,
	};
}

static void forget(struct access_controller *controller, struct access *access)
{
	cleanup_free char *key = memory_text(access->request_key);
	cleanup_free char *uid = memory_text(access->uid);
	const char *current_uid = store_find(controller->uids_by_key, key);
	struct access *successor;

	work_queue_done(controller->queue, uid);
	work_queue_forget(controller->queue, uid);
	if (text_same(current_uid, uid))
		store_remove(controller->uids_by_key, key);
	store_remove(controller->accesses, uid);
	current_uid = store_find(controller->uids_by_key, key);
	successor = current_uid ? store_find(controller->accesses, current_uid) : NULL;
	if (successor) { /* its names are free now */
		successor->delivery = successor->busy ? successor->delivery : DELIVERY_UNKNOWN;
		access_retry_now(successor);
		enqueue(controller, successor, WORK_NORMAL);
	}
}

static struct json *status_of(struct access_controller *controller, struct access *access,
			      const struct access_view *view, const struct access_facts *facts,
			      const struct access_plan *plan)
{
	struct error err = {0};
	const char *old_text =
		access->echoed_status ? access->echoed_status : view->request->status;
	cleanup_json struct json *old =
		old_text ? json_parse(old_text, strlen(old_text), &err) : NULL;

	return access_status_render(&(struct access_report){
		.request = view->request,
		.access = access,
		.facts = facts,
		.plan = plan,
		.member_detail = view->member.detail,
		.old_status = old,
		.now_s = clock_wall_s(controller->config.clock),
	});
}

static void rest(struct access_controller *controller, const struct access *access,
		 const struct access_facts *facts, const struct access_plan *plan)
{
	const struct ledger_anchor *token =
		facts->credential_delivered
			? ledger_anchor(access->ledger, access->delivery_generation)
			: NULL;
	int64_t left_s = token ? token->expires_at - clock_wall_s(controller->config.clock) : 0;

	work_queue_done(controller->queue, access->uid);
	if (plan->recheck_at_ms > 0)
		work_queue_add_at(controller->queue, access->uid, plan->recheck_at_ms,
				  priority_of(access));
	if (access->status_retry_at_ms > facts->now_ms)
		work_queue_add_at(controller->queue, access->uid, access->status_retry_at_ms,
				  priority_of(access));
	if (left_s >= 0 && token) /* then Ready is not true any more, whatever else happens */
		work_queue_add_at(controller->queue, access->uid,
				  facts->now_ms + (left_s + 1) * 1000, priority_of(access));
}

static void report(struct access_controller *controller, struct access *access,
		   const struct access_view *view, const struct access_facts *facts,
		   const struct access_plan *plan)
{
	cleanup_json struct json *status = NULL;
	cleanup_free char *text = NULL;
	struct access_news news;
	size_t size;

	if (!view->request || access_news_stand(access, plan)) {
		rest(controller, access, facts, plan);
		return;
	}
	if (strcmp(plan->reason, "Retrying") != 0)
		access->failure = (struct access_failure){0}; /* something else stops it now */
	if (access_news_of_wait(access, plan, &news))
		tell(controller, access, &news);
	status = status_of(controller, access, view, facts, plan);
	text = json_dump(status, &size);
	if (access->released || view->now_ms < access->status_retry_at_ms ||
	    access_status_stands(access, view->request, text)) {
		rest(controller, access, facts, plan);
		return;
	}
	access->plan = *plan;
	access_steps_write_status(&controller->steps, access, status);
}

static void reconcile(struct access_controller *controller, struct access *access)
{
	struct access_view view;
	struct access_facts facts;
	struct access_plan plan;

	access_adopt_shown_ledger(access, controller->seen.ledgers,
				  controller->config.settings->namespace);
	view = view_of(controller, access);
	if (!secret_is_empty(&access->token.secret) && view.now_ms >= access->token.renew_at_ms)
		access_drop_token(access); /* it could not be delivered for too long */
	facts = access_view_facts(&view);
	plan = access_plan_next(&facts);
	access->ending = access_plan_is_ending(&facts);
	if (plan.step == ACCESS_FORGET)
		forget(controller, access);
	else if (plan.step == ACCESS_REPORT || plan.step == ACCESS_ACKNOWLEDGE)
		report(controller, access, &view, &facts, &plan);
	else
		access_steps_start(&controller->steps, access, &plan);
}

static void enqueue_concerned(struct access_controller *controller)
{
	if (controller->begun && controller->all_concerned)
		store_each(controller->accesses, enqueue_any, controller);
	controller->all_concerned = false;
}

void access_controller_run(struct access_controller *controller)
{
	enqueue_concerned(controller);
	for (int i = 0; controller->begun && i < KEYS_PER_RUN; i++) {
		cleanup_free char *uid = NULL;
		struct access *access;

		if (!work_queue_next(controller->queue, &uid))
			return;
		access = store_find(controller->accesses, uid);
		if (access)
			reconcile(controller, access);
		else
			work_queue_done(controller->queue, uid);
	}
}

int64_t access_controller_next_due_ms(const struct access_controller *controller)
{
	if (!controller->begun)
		return -1;
	return controller->all_concerned ? 0 : work_queue_next_due_ms(controller->queue);
}
