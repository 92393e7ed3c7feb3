#include "edge/push_executor.h"

#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/store.h"
#include "edge/loop.h"
#include "edge/member_access.h"
#include "edge/own_credentials.h"

/* How one ClusterProfile is reached. */
struct route {
	struct push_executor *executor;
	struct member_link *link; /* NULL: see state */
	char *profile_key;
	char *version;           /* of the access and the credential that LINK was made of */
	enum member_state state; /* without a link */
	char detail[ERROR_TEXT_MAX];
};

/* A link that was replaced and still has calls under way. */
struct leaving_link {
	struct leaving_link *next;
	struct member_link *link;
	char *profile_key;
};

/* A call that could not be made; answered in the next turn. */
struct refused_call {
	struct refused_call *next;
	kube_done *done;
	void *done_context;
};

struct push_executor {
	struct member_link_config config;
	struct member_link_config link_config;
	struct own_credentials *own; /* NULL: what was given is used */
	struct leaving_link *leaving;
	struct loop_timer timer;
	struct refused_call *refused;
	struct store *accesses;
	struct store *profile_of; /* profile key by Secret key, as seen last */
	struct store *routes;     /* struct route by profile key */
};

static void let_leave(struct route *route)
{
	struct leaving_link *leaving = memory_new(sizeof(*leaving));

	leaving->next = route->executor->leaving;
	leaving->link = route->link;
	leaving->profile_key = TAKE_PTR(route->profile_key);
	route->executor->leaving = leaving;
	member_link_retire(route->link);
}

static void route_free(void *pointer)
{
	struct route *route = pointer;

	if (route->link)
		let_leave(route);
	memory_free(route->profile_key);
	memory_free(route->version);
	memory_free(route);
}

static void leaving_link_free(struct leaving_link *leaving)
{
	memory_free(leaving->profile_key);
	memory_free(leaving);
}

static void link_changed(void *context, const char *profile_key)
{
	struct push_executor *executor = context;

	executor->config.changed(executor->config.context, profile_key);
	if (executor->own)
		own_credentials_member_changed(executor->own, profile_key);
}

static void link_ended(void *context, const struct member_link *link)
{
	struct push_executor *executor = context;
	struct leaving_link **place = &executor->leaving;
	struct leaving_link *leaving;

	while ((*place)->link != link)
		place = &(*place)->next;
	leaving = *place;
	*place = leaving->next;
	if (executor->own)
		own_credentials_member_changed(executor->own, leaving->profile_key);
	leaving_link_free(leaving);
}

static void link_refused(void *context, const char *profile_key);

struct push_executor *push_executor_new(const struct member_link_config *config)
{
	struct push_executor *executor = memory_new(sizeof(*executor));

	executor->config = *config;
	executor->link_config = *config;
	executor->link_config.changed = link_changed;
	executor->link_config.refused = link_refused;
	executor->link_config.ended = link_ended;
	executor->link_config.context = executor;
	executor->accesses = store_new(member_access_free);
	executor->profile_of = store_new(memory_free);
	executor->routes = store_new(route_free);
	return executor;
}

static bool free_link(void *context, const char *key, void *object)
{
	struct route *route = object;

	(void)context;
	(void)key;
	member_link_free(TAKE_PTR(route->link));
	return true;
}

static struct refused_call *take_refused(struct push_executor *executor)
{
	struct refused_call *call = executor->refused;

	executor->refused = call->next;
	return call;
}

void push_executor_free(struct push_executor *executor)
{
	if (!executor)
		return;
	loop_timer_clear(&executor->timer);
	while (executor->refused)
		memory_free(take_refused(executor));
	while (executor->leaving) {
		struct leaving_link *leaving = executor->leaving;

		executor->leaving = leaving->next;
		member_link_free(leaving->link);
		leaving_link_free(leaving);
	}
	store_each(executor->routes, free_link, NULL);
	own_credentials_free(executor->own);
	store_free(executor->routes);
	store_free(executor->profile_of);
	store_free(executor->accesses);
	memory_free(executor);
}

struct store *push_executor_accesses(struct push_executor *executor)
{
	return executor->accesses;
}

struct search {
	const char *profile_key;
	const struct member_access *found;
	size_t count;
};

static bool match_profile(void *context, const char *key, void *object)
{
	struct search *search = context;
	const struct member_access *access = object;

	(void)key;
	if (text_same(access->profile_key, search->profile_key)) {
		search->found = access;
		search->count++;
	}
	return true;
}

static struct route *dead_route(enum member_state state, const char *detail)
{
	struct route *route = memory_new(sizeof(*route));
	struct error text = {0};

	error_set(&text, ERROR_INVALID, "%s", detail);
	route->state = state;
	memcpy(route->detail, text.text, sizeof(route->detail));
	return route;
}

/* A copy of ACCESS that owns nothing, with the credential to be used; and what tells it from
 * others, the caller's. */
static struct member_access with_credential(struct push_executor *executor,
					    const struct member_access *access, char **ret_version)
{
	struct member_access used = *access;
	struct text version = text_with_max(1024);
	const struct secret *token = NULL;
	int64_t generation = 0;

	if (executor->own)
		token = own_credentials_token(executor->own, access, &generation);
	if (token)
		used.endpoint.token = *token;
	text_appendf(&version, "%s/%lld", access->version, (long long)generation);
	*ret_version = text_take(&version);
	return used;
}

static struct route *live_route(struct push_executor *executor, const struct member_access *access,
				const char *version)
{
	struct error err = {0};
	struct member_link *link = member_link_new(&executor->link_config, access, &err);
	struct route *route;

	if (!link)
		return dead_route(MEMBER_REFUSED, err.text);
	route = memory_new(sizeof(*route));
	route->executor = executor;
	route->link = link;
	route->profile_key = memory_text(access->profile_key);
	route->version = memory_text(version);
	return route;
}

/* Unless the one there is as good. */
static bool choose_link(struct push_executor *executor, const struct member_access *access)
{
	const struct route *old = store_find(executor->routes, access->profile_key);
	cleanup_free char *version = NULL;
	struct member_access used = with_credential(executor, access, &version);

	if (old && old->link && text_same(old->version, version))
		return false;
	store_put(executor->routes, access->profile_key, live_route(executor, &used, version));
	return true;
}

static void choose_route(struct push_executor *executor, const char *profile_key)
{
	struct search search = {.profile_key = profile_key};

	store_each(executor->accesses, match_profile, &search);
	if (search.count == 0)
		store_remove(executor->routes, profile_key);
	else if (search.count > 1)
		store_put(executor->routes, profile_key, dead_route(MEMBER_CONFLICT, ""));
	else if (search.found->invalid[0])
		store_put(executor->routes, profile_key,
			  dead_route(MEMBER_REFUSED, search.found->invalid));
	else if (!choose_link(executor, search.found))
		return;
	executor->config.replaced(executor->config.context, profile_key);
	if (executor->own)
		own_credentials_member_changed(executor->own, profile_key);
}

static void link_refused(void *context, const char *profile_key)
{
	struct push_executor *executor = context;
	struct search search = {.profile_key = profile_key};

	store_each(executor->accesses, match_profile, &search);
	if (executor->own && search.count == 1)
		own_credentials_refused(executor->own, search.found);
}

void push_executor_access_changed(struct push_executor *executor, const char *key)
{
	const struct member_access *access = store_find(executor->accesses, key);
	cleanup_free char *before = memory_text(store_find(executor->profile_of, key));

	if (access)
		store_put(executor->profile_of, key, memory_text(access->profile_key));
	else
		store_remove(executor->profile_of, key);
	if (executor->own)
		own_credentials_access_changed(executor->own, key, access);
	if (before && (!access || !text_same(before, access->profile_key)))
		choose_route(executor, before);
	if (access)
		choose_route(executor, access->profile_key);
}

static struct member_facts executor_member(void *context, const char *profile_key)
{
	struct push_executor *executor = context;
	struct route *route = profile_key ? store_find(executor->routes, profile_key) : NULL;

	if (!route)
		return (struct member_facts){.state = MEMBER_NO_ACCESS};
	if (route->link)
		return member_link_facts(route->link);
	return (struct member_facts){
		.state = route->state,
		.detail = route->detail[0] ? route->detail : NULL,
	};
}

static const struct cluster_facts *executor_cluster(void *context, const char *profile_key)
{
	struct push_executor *executor = context;
	const struct route *route = store_find(executor->routes, profile_key);

	return route && route->link ? member_link_cluster(route->link) : NULL;
}

static void answer_refused(void *context)
{
	struct push_executor *executor = context;
	struct error err = {0};

	error_set(&err, ERROR_UNAVAILABLE, "access to the member was taken away");
	while (executor->refused) {
		struct refused_call *call = take_refused(executor);

		call->done(call->done_context, &(struct kube_reply){.err = &err, .date_s = -1});
		memory_free(call);
	}
}

static void executor_start(void *context, const char *profile_key,
			   const struct kube_request *request, kube_done *done, void *done_context)
{
	struct push_executor *executor = context;
	const struct route *route = store_find(executor->routes, profile_key);
	struct refused_call *call;

	if (route && route->link) {
		member_link_start(route->link, request, done, done_context);
		return;
	}
	call = memory_new(sizeof(*call));
	*call = (struct refused_call){executor->refused, done, done_context};
	executor->refused = call;
	loop_timer_set(executor->config.loop, &executor->timer, 0, answer_refused, executor);
}

struct look {
	void (*visit)(void *context, const struct member_sight *member);
	void *context;
};

static bool look_at_route(void *context, const char *key, void *object)
{
	const struct look *look = context;
	const struct route *route = object;
	struct member_sight sight = {.profile_key = key};

	if (route->link) {
		sight.up = member_link_is_up(route->link);
		sight.clock_known = member_link_skew_ms(route->link, &sight.skew_ms);
	}
	look->visit(look->context, &sight);
	return true;
}

void push_executor_look(const struct push_executor *executor,
			void (*visit)(void *context, const struct member_sight *member),
			void *context)
{
	struct look look = {visit, context};

	store_each(executor->routes, look_at_route, &look);
}

struct access_executor push_executor_port(struct push_executor *executor)
{
	return (struct access_executor){
		.member = executor_member,
		.cluster = executor_cluster,
		.start = executor_start,
		.context = executor,
	};
}

static bool executor_leaves(void *context, const char *profile_key)
{
	struct push_executor *executor = context;

	for (const struct leaving_link *leaving = executor->leaving; leaving;
	     leaving = leaving->next)
		if (text_same(leaving->profile_key, profile_key))
			return true;
	return false;
}

static void credential_switched(void *context, const char *profile_key)
{
	choose_route(context, profile_key);
}

void push_executor_keep_own(struct push_executor *executor,
			    const struct own_credentials_config *config)
{
	struct own_credentials_config complete = *config;

	complete.members = push_executor_port(executor);
	complete.leaves = executor_leaves;
	complete.switched = credential_switched;
	complete.context = executor;
	executor->own = own_credentials_new(&complete);
}

struct own_credentials *push_executor_own(struct push_executor *executor)
{
	return executor->own;
}
