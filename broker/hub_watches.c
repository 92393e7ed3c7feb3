#include "hub_watches.h"

#include <stdio.h>

#include <base/memory.h>

#include "core/access_controller.h"
#include "core/kube_path.h"
#include "edge/kube_watch.h"
#include "edge/member_access.h"
#include "edge/own_credentials.h"
#include "edge/push_executor.h"
#include "health_service.h"

enum { WATCH_COUNT = 8 };

struct hub_watch {
	struct hub_watches *all;
	const struct kube_resource *resource;
	const char *name; /* in probes */
	struct kube_watch *watch;
};

struct hub_watches {
	struct hub_watches_config config;
	struct hub_watch watches[WATCH_COUNT];
	size_t synced;
};

static void hub_changed(void *context, const char *key)
{
	const struct hub_watch *watch = context;

	access_controller_changed(watch->all->config.controller, watch->resource, key);
}

static void access_changed(void *context, const char *key)
{
	push_executor_access_changed(((struct hub_watch *)context)->all->config.executor, key);
}

static void own_changed(void *context, const char *key)
{
	struct push_executor *executor = ((struct hub_watch *)context)->all->config.executor;

	own_credentials_changed(push_executor_own(executor), key);
}

static void *project_own(const struct json *object, struct error *err)
{
	return own_credential_read(object, err);
}

static void *project_access(const struct json *object, struct error *err)
{
	return member_access_read(object, err);
}

static void tell_synced(const struct hub_watch *watch, bool synced)
{
	char name[64];

	snprintf(name, sizeof(name), "watch-%s", watch->name);
	health_service_set_ready(watch->all->config.health, name, synced,
				 "its first list is not complete");
}

static void watch_synced(void *context)
{
	const struct hub_watch *watch = context;
	struct hub_watches *all = watch->all;

	tell_synced(watch, true);
	if (++all->synced == WATCH_COUNT)
		all->config.synced(all->config.context);
}

static void start_watch(struct hub_watches *all, struct hub_watch *watch,
			struct kube_watch_config config)
{
	watch->all = all;
	watch->resource = config.resource;
	watch->name = config.project == project_own ? "own-credentials" : config.resource->plural;
	if (!config.changed) {
		config.store = access_controller_store(all->config.controller, config.resource,
						       &config.project);
		config.changed = hub_changed;
	}
	config.synced = watch_synced;
	config.context = watch;
	tell_synced(watch, false);
	watch->watch = kube_watch_new(all->config.client, all->config.loop, &config);
}

static void start_watches(struct hub_watches *all)
{
	const char *own = all->config.namespace;
	struct push_executor *executor = all->config.executor;
	const struct kube_watch_config configs[WATCH_COUNT] = {
		{.resource = &KUBE_AUTH_TOKEN_REQUESTS},
		{.resource = &KUBE_CLUSTER_PROFILES},
		{.resource = &KUBE_NAMESPACES},
		{.resource = &KUBE_ACCESS_POLICIES},
		{.resource = &KUBE_RBAC_TEMPLATES},
		{.resource = &KUBE_ISSUED_CREDENTIALS, .namespace = own},
		{.resource = &KUBE_SECRETS,
		 .namespace = own,
		 .label_selector = MEMBER_ACCESS_SELECTOR,
		 .store = push_executor_accesses(executor),
		 .project = project_access,
		 .changed = access_changed},
		{.resource = &KUBE_SECRETS,
		 .namespace = own,
		 .label_selector = OWN_CREDENTIAL_SELECTOR,
		 .store = own_credentials_store(push_executor_own(executor)),
		 .project = project_own,
		 .changed = own_changed},
	};

	for (size_t i = 0; i < WATCH_COUNT; i++)
		start_watch(all, &all->watches[i], configs[i]);
}

struct hub_watches *hub_watches_new(const struct hub_watches_config *config)
{
	struct hub_watches *all = memory_new(sizeof(*all));

	all->config = *config;
	start_watches(all);
	return all;
}

void hub_watches_free(struct hub_watches *all)
{
	if (!all)
		return;
	for (size_t i = 0; i < WATCH_COUNT; i++)
		kube_watch_free(all->watches[i].watch);
	memory_free(all);
}
