#include "core/access_controller.h"

#include <string.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access.h"
#include "core/access_index.h"
#include "core/access_news.h"
#include "core/access_pass.h"
#include "core/access_tally.h"
#include "core/destinations.h"
#include "core/hub_state.h"
#include "core/kube_path.h"
#include "core/ledger.h"
#include "core/member_checks.h"
#include "core/member_sweeps.h"
#include "core/request.h"
#include "core/step_lines.h"
#include "core/store.h"

enum { KEYS_PER_RUN = 64 }; /* the loop has others to serve */

struct access_controller {
	struct access_controller_config config;
	struct access_steps steps;
	struct hub_state seen;
	struct access_index index;
	struct step_lines lines;
	struct access_pass pass;
	struct access_tally tally;
	struct member_sweeps *sweeps;
	bool begun;
	bool ended;
	bool all_concerned; /* every access is to be looked at */
};

static void step_ended(void *context, struct access *access)
{
	struct access_controller *controller = context;
	struct access_news news;

	access_tally_step(&controller->tally, access);
	if (access_news_of_step(access, &news))
		access_pass_tell(&controller->pass, access, &news);
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

static int64_t epoch_of(void *context, int64_t on_record)
{
	const struct access_controller *controller = context;

	return controller->config.epoch(controller->config.context, on_record);
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
		.epoch = config->epoch ? epoch_of : NULL,
		.tell = tell_beside,
		.context = controller,
	};
	controller->pass = (struct access_pass){
		.steps = &controller->steps,
		.index = &controller->index,
		.lines = &controller->lines,
		.checks = member_checks_new(&(struct member_checks_config){
			.executor = config->executor,
			.clock = config->clock,
			.index = &controller->index,
			.interval_ms = config->settings->member_check_interval_ms,
			.tell = config->tell,
			.context = config->context,
		}),
		.round = 1,
	};
	controller->sweeps = member_sweeps_new(&(struct member_sweeps_config){
		.hub = config->hub,
		.executor = config->executor,
		.clock = config->clock,
		.settings = config->settings,
		.seen = &controller->seen,
		.index = &controller->index,
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
	member_checks_free(controller->pass.checks);
	member_sweeps_free(controller->sweeps);
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
	    access->seen_deleting != request->deleting ||
	    access->seen_abandoned != request->abandoned)
		access_retry_now(access);
	access->request_gone = false;
	access->seen_generation = request->generation;
	access->seen_deleting = request->deleting;
	access->seen_abandoned = request->abandoned;
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
	if ((!access->ledger || ledger->forget) && !access->busy)
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
		    text_same(access->ledger->member_uid, arrival->member.uid) &&
		    (!arrival->member.clock_known || arrival->member.skew_s == access->told_skew_s);

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

	member_checks_member_changed(controller->pass.checks, profile_key);
	member_sweeps_member_changed(controller->sweeps, profile_key);
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
	controller->pass.round++; /* policies may select it by its labels */
	if (controller->begun)
		member_sweeps_want(controller->sweeps, key);
	add_concerned(controller, has_another_chance, key);
}

static void policy_changed(struct access_controller *controller, const char *name)
{
	(void)name;
	controller->pass.round++;
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
	controller->pass.round++;
	add_concerned(controller, is_within, name);
}

void access_controller_changed(struct access_controller *controller,
			       const struct kube_resource *resource, const char *key)
{
	const struct {
		const struct kube_resource *resource;
		void (*changed)(struct access_controller *controller, const char *key);
		bool at_begin; /* who stands by for long keeps no memory of what is gone */
	} kinds[] = {
		{&KUBE_AUTH_TOKEN_REQUESTS, request_changed, true},
		{&KUBE_CLUSTER_PROFILES, profile_changed, false},
		{&KUBE_ISSUED_CREDENTIALS, ledger_changed, true},
		{&KUBE_ACCESS_POLICIES, policy_changed, false},
		{&KUBE_RBAC_TEMPLATES, policy_changed, false},
		{&KUBE_NAMESPACES, namespace_changed, false},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].resource == resource && (controller->begun || !kinds[i].at_begin))
			kinds[i].changed(controller, key);
}

void access_controller_admission_changed(struct access_controller *controller,
					 const struct admission_proof *proof)
{
	const struct admission_proof *known = &controller->seen.admission;

	if (known->ready == proof->ready && known->since_s == proof->since_s &&
	    known->abandon_since_s == proof->abandon_since_s && text_same(known->text, proof->text))
		return;
	controller->seen.admission = *proof;
	policy_changed(controller, NULL);
}

static bool show_request(void *context, const char *key, void *object)
{
	(void)object;
	request_changed(context, key);
	return true;
}

static bool show_ledger(void *context, const char *key, void *object)
{
	(void)object;
	ledger_changed(context, key);
	return true;
}

void access_controller_begin(struct access_controller *controller)
{
	controller->begun = true;
	store_each(controller->seen.requests, show_request, controller);
	store_each(controller->seen.ledgers, show_ledger, controller);
	member_sweeps_want_all(controller->sweeps);
	controller->config.wake(controller->config.context);
}

void access_controller_end(struct access_controller *controller)
{
	controller->ended = true;
}

static bool is_at_rest(void *context, const char *uid, void *object)
{
	const struct access *access = object;

	(void)context;
	(void)uid;
	return !access->busy;
}

bool access_controller_is_idle(const struct access_controller *controller)
{
	return store_each(controller->index.accesses, is_at_rest, NULL);
}

static bool is_any(struct access *access, const char *key)
{
	(void)access;
	(void)key;
	return true;
}

void access_controller_run(struct access_controller *controller)
{
	if (controller->ended)
		return;
	if (controller->begun && controller->all_concerned) {
		hub_state_learn_identities(&controller->seen);
		access_index_add_all(&controller->index, is_any, NULL);
		controller->all_concerned = false;
	}
	step_lines_call(&controller->lines, &controller->index);
	for (int i = 0; controller->begun && i < KEYS_PER_RUN; i++) {
		struct access *access = access_index_next(&controller->index);

		if (!access) {
			member_checks_run(controller->pass.checks); /* nothing else is due */
			member_sweeps_run(controller->sweeps);
			break;
		}
		access_pass_run(&controller->pass, access);
	}
	step_lines_call(&controller->lines,
			&controller->index); /* who was called may have had no use for its place */
}

/* -1 is never. */
static int64_t sooner(int64_t a_ms, int64_t b_ms)
{
	return a_ms < 0 || (b_ms >= 0 && b_ms < a_ms) ? b_ms : a_ms;
}

int64_t access_controller_next_due_ms(const struct access_controller *controller)
{
	int64_t background_ms = sooner(member_checks_next_due_ms(controller->pass.checks),
				       member_sweeps_next_due_ms(controller->sweeps));

	if (!controller->begun || controller->ended)
		return -1;
	if (controller->all_concerned)
		return 0;
	return sooner(work_queue_next_due_ms(controller->index.queue), background_ms);
}

const struct access_tally *access_controller_tally(struct access_controller *controller)
{
	access_tally_count(&controller->tally, controller->index.accesses,
			   clock_monotonic_ms(controller->config.clock));
	return &controller->tally;
}
