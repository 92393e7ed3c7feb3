#include "core/access_controller.h"

#include <string.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access.h"
#include "core/access_ending.h"
#include "core/access_index.h"
#include "core/access_news.h"
#include "core/access_permission.h"
#include "core/access_status.h"
#include "core/access_view.h"
#include "core/destinations.h"
#include "core/hub_state.h"
#include "core/kube_path.h"
#include "core/ledger.h"
#include "core/member_checks.h"
#include "core/request.h"
#include "core/step_lines.h"
#include "core/store.h"

enum { KEYS_PER_RUN = 64 }; /* the loop has others to serve */

struct access_controller {
	struct access_controller_config config;
	struct access_steps steps;
	struct hub_state seen;
	uint64_t round; /* counts what changed that permissions rest on; begins at 1 */
	struct access_index index;
	struct member_checks *checks;
	struct step_lines lines;
	bool begun;
	bool all_concerned; /* every access is to be looked at */
};

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
	step_lines_leave(&controller->lines, access);
	access_index_rest(&controller->index, access);
	access_index_add(&controller->index, access);
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

struct access_controller *access_controller_new(const struct access_controller_config *config)
{
	struct access_controller *controller = memory_new(sizeof(*controller));

	controller->config = *config;
	hub_state_init(&controller->seen);
	controller->round = 1;
	access_index_init(&controller->index, config->clock, config->wake, config->context);
	step_lines_init(&controller->lines);
	controller->steps = (struct access_steps){
		.hub = config->hub,
		.executor = config->executor,
		.clock = config->clock,
		.settings = config->settings,
		.seen = &controller->seen,
		.accesses = controller->index.accesses,
		.destinations = destinations_new(),
		.ended = step_ended,
		.found = object_found,
		.tell = tell_beside,
		.context = controller,
	};
	controller->checks = member_checks_new(&(struct member_checks_config){
		.executor = config->executor,
		.clock = config->clock,
		.index = &controller->index,
		.interval_ms = config->settings->member_check_interval_ms,
		.tell = config->tell,
		.context = config->context,
	});
	return controller;
}

void access_controller_free(struct access_controller *controller)
{
	if (!controller)
		return;
	destinations_free(controller->steps.destinations);
	member_checks_free(controller->checks);
	step_lines_done(&controller->lines);
	access_index_done(&controller->index);
	hub_state_done(&controller->seen);
	memory_free(controller);
}

struct store *access_controller_store(struct access_controller *controller,
				      const struct kube_resource *resource,
				      hub_state_read **ret_read)
{
	return hub_state_store(&controller->seen, resource, ret_read);
}

static void request_changed(struct access_controller *controller, const char *key)
{
	const struct request *request = store_find(controller->seen.requests, key);
	struct access *access;

	access_index_rename(&controller->index, key, request ? request->uid : NULL);
	if (!request)
		return;
	access = access_index_ensure(&controller->index, request->uid, key);
	if (!access->profile_key)
		access->profile_key = request_profile_key(
			request, controller->config.settings->profile_namespace);
	if (access->seen_generation != request->generation ||
	    access->seen_deleting != request->deleting)
		access_retry_now(access);
	access->request_gone = false;
	access->seen_generation = request->generation;
	access->seen_deleting = request->deleting;
	if (request->deleting)
		access_index_add_first(&controller->index, access);
	else
		access_index_add(&controller->index, access);
}

/* Its own request may wait for that, and whoever wants the name of its ServiceAccount. */
static bool waits_for_a_record(struct access *access, const char *key)
{
	(void)key;
	return access->ledger_closed ||
	       text_same(access->reported_reason, "ServiceAccountConflict");
}

static void ledger_changed(struct access_controller *controller, const char *key)
{
	const struct ledger *ledger = store_find(controller->seen.ledgers, key);
	struct text request_key = text_with_max(1024);
	cleanup_free char *name = NULL;
	struct access *access;

	if (!ledger) {
		access_index_add_all(&controller->index, waits_for_a_record, NULL);
		return;
	}
	hub_state_note_identity(&controller->seen, ledger->identity_namespace);
	text_appendf(&request_key, "%s/%s", ledger->request_namespace, ledger->request_name);
	name = text_take(&request_key);
	access = access_index_ensure(&controller->index, ledger->uid, name);
	if (!access->profile_key)
		access->profile_key = memory_text(ledger->profile_key);
	if (!access->ledger && !access->ledger_closed && !access->busy)
		access_index_add(&controller->index, access);
}

static bool has_another_chance(struct access *access, const char *profile_key)
{
	if (!text_same(access->profile_key, profile_key))
		return false;
	access_retry_now(access);
	return true;
}

static void add_concerned(struct access_controller *controller,
			  bool (*concerns)(struct access *access, const char *key), const char *key)
{
	if (controller->begun)
		access_index_add_all(&controller->index, concerns, key);
}

struct arrival {
	struct access_controller *controller;
	const char *profile_key;
	struct member_facts member;
};

/* Who has all it asked for needs nothing of the member that it has it from: each look at a member
 * would wake all its requests. */
static bool add_unless_at_rest(void *context, const char *uid, void *object)
{
	const struct arrival *arrival = context;
	struct access *access = object;
	bool same = access->ledger && arrival->member.state == MEMBER_READY &&
		    text_same(access->ledger->member_uid, arrival->member.uid);

	(void)uid;
	if (!text_same(access->profile_key, arrival->profile_key) || (access->rests && same))
		return true;
	access_retry_reachable(access);
	access_index_add(&arrival->controller->index, access);
	return true;
}

void access_controller_member_changed(struct access_controller *controller, const char *profile_key)
{
	const struct access_executor *executor = &controller->config.executor;
	struct arrival arrival = {controller, profile_key, {.state = MEMBER_NO_ACCESS}};

	member_checks_member_changed(controller->checks, profile_key);
	if (!controller->begun)
		return;
	arrival.member = executor->member(executor->context, profile_key);
	store_each(controller->index.accesses, add_unless_at_rest, &arrival);
}

void access_controller_access_changed(struct access_controller *controller, const char *profile_key)
{
	add_concerned(controller, has_another_chance, profile_key);
}

static void profile_changed(struct access_controller *controller, const char *key)
{
	controller->round++; /* policies may select it by its labels */
	add_concerned(controller, has_another_chance, key);
}

static void policy_changed(struct access_controller *controller, const char *name)
{
	(void)name;
	controller->round++;
	controller->all_concerned = true; /* once, however many of them change at a time */
	controller->config.wake(controller->config.context);
}

static bool is_within(struct access *access, const char *namespace_name)
{
	size_t size = strlen(namespace_name);

	return strncmp(access->request_key, namespace_name, size) == 0 &&
	       access->request_key[size] == '/';
}

static void namespace_changed(struct access_controller *controller, const char *name)
{
	controller->round++;
	add_concerned(controller, is_within, name);
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

void access_controller_admission_changed(struct access_controller *controller,
					 const struct admission_proof *proof)
{
	const struct admission_proof *known = &controller->seen.admission;

	if (known->ready == proof->ready && known->since_s == proof->since_s &&
	    text_same(known->text, proof->text))
		return;
	controller->seen.admission = *proof;
	policy_changed(controller, NULL);
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
		.now_s = clock_wall_s(controller->config.clock),
		.access = access,
		.request = request,
		.admission_proven = controller->seen.admission.ready,
		.request_allowed = access->permission.allowed,
		.request_undecided = access->undecided,
		.denial_confirmed = access->denial_confirmed,
		.denial = access->permission.reason,
		.profile_exists =
			store_find(controller->seen.profiles, access->profile_key) != NULL,
		.member = member,
		.destination = request ? destinations_state(controller->steps.destinations,
							    request->namespace, now_ms)
				       : DESTINATION_UNKNOWN,
		.deletion_deadline_s = controller->config.settings->deletion_deadline_s,
		.ledgers = controller->seen.ledgers,
	};
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

static void rest(struct access_controller *controller, struct access *access,
		 const struct access_facts *facts, const struct access_plan *plan)
{
	const struct ledger_anchor *token =
		facts->credential_delivered
			? ledger_anchor(access->ledger, access->delivery_generation)
			: NULL;
	int64_t left_s = token ? token->expires_at - clock_wall_s(controller->config.clock) : 0;

	step_lines_leave(&controller->lines, access);
	access_index_rest(&controller->index, access);
	if (plan->recheck_at_ms > 0)
		access_index_add_at(&controller->index, access, plan->recheck_at_ms);
	if (access->status_retry_at_ms > facts->now_ms)
		access_index_add_at(&controller->index, access, access->status_retry_at_ms);
	if (left_s >= 0 && token) /* then Ready is not true any more, whatever else happens */
		access_index_add_at(&controller->index, access,
				    facts->now_ms + (left_s + 1) * 1000);
}

/* False: it waits for its turn, which comes when the step of another one ends. */
static bool enters(struct access_controller *controller, struct access *access, const char *key)
{
	if (step_lines_enter(&controller->lines, access, key))
		return true;
	access_index_rest(&controller->index, access);
	return false;
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
	if (!enters(controller, access, NULL))
		return;
	access->plan = *plan;
	access_steps_write_status(&controller->steps, access, status);
}

static void start(struct access_controller *controller, struct access *access,
		  const struct access_plan *plan)
{
	const char *key = access_steps_call_a_member(plan->step) ? access->profile_key : NULL;

	if (plan->step == ACCESS_CHECK_DESTINATION) /* one call serves many */
		step_lines_leave(&controller->lines, access);
	else if (!enters(controller, access, key))
		return;
	access_steps_start(&controller->steps, access, plan);
}

static void reconcile(struct access_controller *controller, struct access *access)
{
	struct access_view view;
	struct access_facts facts;
	struct access_plan plan;

	access_adopt_shown_ledger(access, controller->seen.ledgers,
				  controller->config.settings->namespace);
	if (access->ledger && access->ledger->resource_version)
		member_checks_want(controller->checks, access->profile_key);
	view = view_of(controller, access);
	if (!secret_is_empty(&access->token.secret) && view.now_ms >= access->token.renew_at_ms)
		access_drop_token(access); /* it could not be delivered for too long */
	facts = access_view_facts(&view);
	plan = access_plan_next(&facts);
	access->ending = access_ending_is_near(&facts);
	access->rests = plan.step == ACCESS_REPORT && strcmp(plan.reason, "Issued") == 0;
	if (plan.step == ACCESS_FORGET) {
		step_lines_leave(&controller->lines, access);
		access_index_forget(&controller->index, access);
	} else if (plan.step == ACCESS_REPORT || plan.step == ACCESS_ACKNOWLEDGE) {
		report(controller, access, &view, &facts, &plan);
	} else {
		start(controller, access, &plan);
	}
}

static bool is_any(struct access *access, const char *key)
{
	(void)access;
	(void)key;
	return true;
}

void access_controller_run(struct access_controller *controller)
{
	if (controller->begun && controller->all_concerned) {
		hub_state_learn_identities(&controller->seen);
		access_index_add_all(&controller->index, is_any, NULL);
		controller->all_concerned = false;
	}
	step_lines_call(&controller->lines, &controller->index);
	for (int i = 0; controller->begun && i < KEYS_PER_RUN; i++) {
		struct access *access = access_index_next(&controller->index);

		if (!access) {
			member_checks_run(controller->checks); /* nothing else is due */
			break;
		}
		reconcile(controller, access);
	}
	step_lines_call(&controller->lines,
			&controller->index); /* who was called may have had no use for its place */
}

int64_t access_controller_next_due_ms(const struct access_controller *controller)
{
	int64_t due_ms = work_queue_next_due_ms(controller->index.queue);
	int64_t check_ms = member_checks_next_due_ms(controller->checks);

	if (!controller->begun)
		return -1;
	if (controller->all_concerned)
		return 0;
	return due_ms < 0 || (check_ms >= 0 && check_ms < due_ms) ? check_ms : due_ms;
}
