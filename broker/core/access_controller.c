#include "core/access_controller.h"

#include <string.h>

#include <base/cleanup.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access.h"
#include "core/access_index.h"
#include "core/access_news.h"
#include "core/access_pass.h"
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
	struct access_index index;
	struct step_lines lines;
	struct access_pass pass;
	bool begun;
	bool all_concerned; /* every access is to be looked at */
};

static void step_ended(void *context, struct access *access)
{
	struct access_controller *controller = context;
	struct access_news news;

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
	return controller;
}

void access_controller_free(struct access_controller *controller)
{
	if (!controller)
		return;
	destinations_free(controller->steps.destinations);
	member_checks_free(controller->pass.checks);
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
	if (!access->ledger && !access->busy)
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

	member_checks_member_changed(controller->pass.checks, profile_key);
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
			member_checks_run(controller->pass.checks); /* nothing else is due */
			break;
		}
		access_pass_run(&controller->pass, access);
	}
	step_lines_call(&controller->lines,
			&controller->index); /* who was called may have had no use for its place */
}

int64_t access_controller_next_due_ms(const struct access_controller *controller)
{
	int64_t due_ms = work_queue_next_due_ms(controller->index.queue);
	int64_t check_ms = member_checks_next_due_ms(controller->pass.checks);

	if (!controller->begun)
		return -1;
	if (controller->all_concerned)
		return 0;
	return due_ms < 0 || (check_ms >= 0 && check_ms < due_ms) ? check_ms : due_ms;
}
