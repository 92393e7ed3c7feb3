#include "core/member_sweeps.h"

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access_index.h"
#include "core/access_steps.h"
#include "core/cluster_profile.h"
#include "core/hub_census.h"
#include "core/hub_state.h"
#include "core/kube_path.h"
#include "core/member_objects.h"
#include "core/paged_list.h"
#include "core/spread.h"
#include "core/store.h"
#include "core/stray.h"
#include "core/sweep_budget.h"
#include "core/sweep_news.h"
#include "core/sweep_round.h"
#include "core/work_queue.h"

enum {
	/* Between the two lists: what lasts no longer than a restart of a server deletes nothing.
	 */
	GAP_MAX_MS = 60 * 1000,
	SOON_MAX_MS = 5 * 60 * 1000, /* a sweep that failed, or the first one */
	SHORT_LISTS_TOLD = 2,        /* in a row: one may be a change that came between */
};

/* Of one member. */
struct sweep {
	struct member_sweeps *sweeps;
	char *profile_key;
	char *selector; /* of our objects */
	char *member_uid;
	struct paged_list list;
	struct sweep_round round;
	struct stray *going; /* whose deletion is in flight */
	uint32_t rounds;
	unsigned short_lists; /* in a row */
	size_t unproven;      /* as told last */
	bool waiting;         /* the member was not ready when it was due */
	bool between;         /* the first list has shown strays, the second is to come */
	bool denied;          /* in this round */
	bool denial_told;
};

struct member_sweeps {
	struct member_sweeps_config config;
	struct store *members; /* struct sweep by profile key */
	struct store *budgets; /* struct sweep_budget by the UID of the member */
	struct work_queue *queue;
};

static void sweep_free(void *pointer)
{
	struct sweep *sweep = pointer;

	paged_list_done(&sweep->list);
	sweep_round_done(&sweep->round);
	memory_free(sweep->member_uid);
	memory_free(sweep->profile_key);
	memory_free(sweep->selector);
	memory_free(sweep);
}

struct member_sweeps *member_sweeps_new(const struct member_sweeps_config *config)
{
	struct member_sweeps *sweeps = memory_new(sizeof(*sweeps));

	sweeps->config = *config;
	sweeps->members = store_new(sweep_free);
	sweeps->budgets = store_new(memory_free);
	sweeps->queue = work_queue_new(config->clock);
	return sweeps;
}

void member_sweeps_free(struct member_sweeps *sweeps)
{
	if (!sweeps)
		return;
	work_queue_free(sweeps->queue);
	store_free(sweeps->members);
	store_free(sweeps->budgets);
	memory_free(sweeps);
}

static int64_t interval_ms(const struct member_sweeps *sweeps)
{
	return sweeps->config.settings->sweep_interval_ms;
}

/* A tenth of the interval, and no longer than MAX_MS. */
static int64_t part_ms(const struct member_sweeps *sweeps, int64_t max_ms)
{
	int64_t tenth_ms = interval_ms(sweeps) / 10;

	return tenth_ms < max_ms ? tenth_ms : max_ms;
}

static struct sweep_ground ground_of(const struct sweep *sweep)
{
	const struct member_sweeps_config *config = &sweep->sweeps->config;

	return (struct sweep_ground){
		.hub_id = config->settings->hub_id,
		.namespace = config->settings->namespace,
		.key = config->settings->nonce_key,
		.seen = config->seen,
		.index = config->index,
	};
}

static struct sweep_teller teller_of(const struct sweep *sweep)
{
	const struct member_sweeps_config *config = &sweep->sweeps->config;
	const struct cluster_profile *profile =
		store_find(config->seen->profiles, sweep->profile_key);

	return (struct sweep_teller){
		.tell = config->tell,
		.context = config->context,
		.profile_key = sweep->profile_key,
		.profile_uid = profile ? profile->uid : NULL,
	};
}

/* Replies come between two runs: the next time to run is another one then. */
static void add_in(const struct sweep *sweep, int64_t delay_ms)
{
	const struct member_sweeps *sweeps = sweep->sweeps;

	work_queue_add_at(sweeps->queue, sweep->profile_key,
			  clock_monotonic_ms(sweeps->config.clock) + delay_ms, WORK_BACKGROUND);
	sweeps->config.index->wake(sweeps->config.index->context);
}

static void pause_for(struct sweep *sweep, int64_t delay_ms)
{
	work_queue_done(sweep->sweeps->queue, sweep->profile_key);
	add_in(sweep, delay_ms);
}

static void end_round(struct sweep *sweep, int64_t delay_ms)
{
	sweep->rounds++;
	sweep->between = false;
	sweep->going = NULL;
	sweep_round_done(&sweep->round);
	memory_free(TAKE_PTR(sweep->member_uid));
	pause_for(sweep, delay_ms);
}

static void rest(struct sweep *sweep)
{
	int64_t whole_ms = interval_ms(sweep->sweeps);

	end_round(sweep, whole_ms - whole_ms / 10 +
				 spread_ms(sweep->profile_key, sweep->rounds, whole_ms / 5));
}

/* It says nothing of what stands there: it is tried again. */
static void give_up(struct sweep *sweep)
{
	int64_t soon_ms = part_ms(sweep->sweeps, SOON_MAX_MS);

	end_round(sweep, soon_ms + spread_ms(sweep->profile_key, sweep->rounds, soon_ms));
}

static void miss_member(struct sweep *sweep)
{
	sweep->waiting = true;
	give_up(sweep);
}

void member_sweeps_want(struct member_sweeps *sweeps, const char *profile_key)
{
	struct sweep *sweep;

	if (interval_ms(sweeps) == 0 || !sweeps->config.settings->nonce_key ||
	    store_find(sweeps->members, profile_key))
		return;
	sweep = memory_new(sizeof(*sweep));
	sweep->sweeps = sweeps;
	sweep->profile_key = memory_text(profile_key);
	sweep->selector = member_objects_selector(sweeps->config.settings->hub_id);
	store_put(sweeps->members, profile_key, sweep);
	add_in(sweep, spread_ms(profile_key, 0, part_ms(sweeps, SOON_MAX_MS)));
}

static bool want(void *context, const char *profile_key, void *object)
{
	(void)object;
	member_sweeps_want(context, profile_key);
	return true;
}

void member_sweeps_want_all(struct member_sweeps *sweeps)
{
	store_each(sweeps->config.seen->profiles, want, sweeps);
}

void member_sweeps_member_changed(struct member_sweeps *sweeps, const char *profile_key)
{
	struct sweep *sweep = store_find(sweeps->members, profile_key);

	if (!sweep || !sweep->waiting)
		return;
	sweep->waiting = false;
	add_in(sweep, 0);
}

/* Each look at the member is at the same one. */
static bool member_is_there(struct sweep *sweep)
{
	const struct access_executor *executor = &sweep->sweeps->config.executor;
	struct member_facts member = executor->member(executor->context, sweep->profile_key);

	if (member.state != MEMBER_READY)
		return false;
	if (!sweep->member_uid)
		sweep->member_uid = memory_text(member.uid);
	return text_same(sweep->member_uid, member.uid);
}

static void deny(struct sweep *sweep, const char *verb, const struct kube_resource *resource)
{
	struct sweep_teller teller = teller_of(sweep);

	if (!sweep->denied && !sweep->denial_told)
		sweep_news_denied(&teller, verb, resource);
	sweep->denied = true;
}

static void delete_next(struct sweep *sweep);

static struct sweep_budget *budget_of(const struct sweep *sweep)
{
	struct store *budgets = sweep->sweeps->budgets;
	struct sweep_budget *budget = store_find(budgets, sweep->member_uid);

	if (!budget) {
		budget = memory_new(sizeof(*budget));
		store_put(budgets, sweep->member_uid, budget);
	}
	return budget;
}

static void stop(struct sweep *sweep)
{
	struct sweep_ground ground = ground_of(sweep);
	struct sweep_teller teller = teller_of(sweep);
	int64_t wait_ms = sweep_budget_renewed_at_ms(budget_of(sweep)) -
			  clock_monotonic_ms(sweep->sweeps->config.clock);

	sweep_news_stopped(&teller, sweep->round.deleted, sweep_round_left(&sweep->round, &ground));
	end_round(sweep, wait_ms > 0 ? wait_ms : 0);
}

static void conclude(struct sweep *sweep)
{
	struct sweep_teller teller = teller_of(sweep);

	if (sweep->round.unproven > 0 && sweep->round.unproven != sweep->unproven)
		sweep_news_unproven(&teller, sweep->round.unproven);
	sweep->unproven = sweep->round.unproven;
	sweep->denial_told = sweep->denied;
	sweep->denied = false;
	rest(sweep);
}

/* It has changed, or somebody else deleted it: the next sweep looks at it anew. */
static bool is_another_one(const struct kube_reply *reply)
{
	return reply->kube.reason == KUBE_REASON_NOT_FOUND ||
	       reply->kube.reason == KUBE_REASON_CONFLICT;
}

static void deleted(void *context, const struct kube_reply *reply)
{
	struct sweep *sweep = context;
	struct sweep_teller teller = teller_of(sweep);

	if (!reply->err) {
		sweep->round.deleted++;
		sweep_news_deleted(&teller, sweep->going);
		delete_next(sweep);
	} else if (is_another_one(reply)) {
		delete_next(sweep);
	} else if (reply->kube.status == 0) {
		miss_member(sweep);
	} else { /* one that the member does not let go keeps no other one */
		deny(sweep, "delete", sweep->going->resource);
		delete_next(sweep);
	}
}

static void start_deletion(struct sweep *sweep, struct stray *stray)
{
	const struct access_executor *executor = &sweep->sweeps->config.executor;
	cleanup_json struct json *options =
		kube_delete_options(stray->uid, stray->resource_version);
	cleanup_free char *path = NULL;
	struct error err = {0};

	stray->handled = true;
	sweep->going = stray;
	if (!kube_path_object(stray->resource, stray->namespace, stray->name, NULL, &path, &err)) {
		give_up(sweep); /* what a member lists under no legal name */
		return;
	}
	sweep_budget_spend(budget_of(sweep), clock_monotonic_ms(sweep->sweeps->config.clock));
	executor->start(executor->context, sweep->profile_key,
			&(struct kube_request){.verb = KUBE_DELETE, .path = path, .body = options},
			deleted, sweep);
}

static void delete_next(struct sweep *sweep)
{
	struct sweep_ground ground = ground_of(sweep);
	struct stray *stray = sweep_round_next(&sweep->round, &ground);
	int64_t now_ms = clock_monotonic_ms(sweep->sweeps->config.clock);

	if (!stray)
		conclude(sweep);
	else if (!member_is_there(sweep))
		miss_member(sweep);
	else if (sweep_budget_left(budget_of(sweep), sweep->round.ours, now_ms) == 0)
		stop(sweep);
	else
		start_deletion(sweep, stray);
}

static void list_scope(struct sweep *sweep);

static void lists_ended(struct sweep *sweep)
{
	if (sweep->round.second) {
		delete_next(sweep);
	} else if (store_count(sweep->round.strays) == 0) {
		conclude(sweep);
	} else {
		sweep->between = true;
		pause_for(sweep, part_ms(sweep->sweeps, GAP_MAX_MS));
	}
}

static void take_item(void *context, const struct json *item)
{
	struct sweep *sweep = context;
	struct sweep_ground ground = ground_of(sweep);

	sweep_round_take(&sweep->round, &ground, item);
}

/* A namespace that is not opened to us on this member holds nothing of ours. */
static void scope_denied(struct sweep *sweep)
{
	const struct kube_resource *resource = sweep->round.scopes[sweep->round.scope].resource;

	if (resource != &KUBE_SERVICE_ACCOUNTS)
		deny(sweep, "list", resource);
}

static void scope_listed(void *context, enum paged_list_end end)
{
	struct sweep *sweep = context;

	if (end == PAGED_LIST_UNANSWERED) {
		miss_member(sweep);
		return;
	}
	if (end == PAGED_LIST_FAILED) {
		give_up(sweep);
		return;
	}
	if (end == PAGED_LIST_DENIED)
		scope_denied(sweep);
	if (++sweep->round.scope < sweep->round.scope_count)
		list_scope(sweep);
	else
		lists_ended(sweep);
}

static void start_on_member(void *context, const struct kube_request *request, kube_done *done,
			    void *done_context)
{
	struct sweep *sweep = context;
	const struct access_executor *executor = &sweep->sweeps->config.executor;

	executor->start(executor->context, sweep->profile_key, request, done, done_context);
}

static void list_scope(struct sweep *sweep)
{
	const struct sweep_scope *scope = &sweep->round.scopes[sweep->round.scope];

	paged_list_begin(&sweep->list, &(struct paged_list_query){
					       .port = {start_on_member, sweep},
					       .resource = scope->resource,
					       .namespace = scope->namespace,
					       .selector = sweep->selector,
					       .page_size = MEMBER_PAGE_SIZE,
					       .item = take_item,
					       .ended = scope_listed,
					       .context = sweep,
				       });
}

static void hub_counted(void *context, bool whole)
{
	struct sweep *sweep = context;
	struct sweep_teller teller = teller_of(sweep);

	if (whole && !hub_census_covers(sweep->round.census, sweep->sweeps->config.seen)) {
		if (++sweep->short_lists == SHORT_LISTS_TOLD)
			sweep_news_short_list(&teller);
		give_up(sweep);
		return;
	}
	if (!whole || !member_is_there(sweep)) {
		give_up(sweep);
		return;
	}
	sweep->short_lists = 0;
	sweep_round_repeat(&sweep->round);
	list_scope(sweep);
}

static void begin(struct sweep *sweep)
{
	const struct member_sweeps_config *config = &sweep->sweeps->config;

	sweep->waiting = !member_is_there(sweep);
	if (sweep->waiting) {
		miss_member(sweep);
		return;
	}
	sweep_round_begin(&sweep->round, config->settings->identity_namespace, config->seen);
	list_scope(sweep);
}

static void go_on(struct sweep *sweep)
{
	const struct member_sweeps_config *config = &sweep->sweeps->config;

	sweep->between = false;
	sweep->round.census =
		hub_census_start(&config->hub, config->settings->namespace, hub_counted, sweep);
}

void member_sweeps_run(struct member_sweeps *sweeps)
{
	for (;;) {
		cleanup_free char *profile_key = NULL;
		struct sweep *sweep;

		if (!work_queue_next(sweeps->queue, &profile_key))
			return;
		sweep = store_find(sweeps->members, profile_key);
		if (!store_find(sweeps->config.seen->profiles, profile_key)) {
			work_queue_done(sweeps->queue, profile_key);
			store_remove(sweeps->members, profile_key);
		} else if (sweep->between) {
			go_on(sweep);
		} else {
			begin(sweep);
		}
	}
}

int64_t member_sweeps_next_due_ms(const struct member_sweeps *sweeps)
{
	return work_queue_next_due_ms(sweeps->queue);
}
