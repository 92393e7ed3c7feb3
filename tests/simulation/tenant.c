#include "simulation/tenant.h"

#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/json.h>

#include "core/kube_path.h"
#include "simulation/world.h"
#include "support/json_pattern.h"
#include "support/sample_policy.h"
#include "support/sample_request.h"

#define HUB_POLICIES  "/apis/credbroker.dev/v1alpha1/accesspolicies/"
#define HUB_TEMPLATES "/apis/credbroker.dev/v1alpha1/rbactemplates/"
#define HUB_FLEET     "/apis/multicluster.x-k8s.io/v1alpha1/namespaces/"

enum { TEXT_SIZE = 1024 };

static struct thing *find(struct world *world, const struct kube_resource *resource,
			  const char *namespace, const char *name)
{
	struct address address = {.resource = resource};

	snprintf(address.namespace, sizeof(address.namespace), "%s", namespace);
	snprintf(address.name, sizeof(address.name), "%s", name);
	return cluster_find(&world->hub, &address);
}

static void put(struct world *world, const char *path, const char *pattern)
{
	cleanup_json struct json *object = json_pattern_parse(pattern);

	cluster_put(&world->hub, path, object);
}

static struct json *policy_for(int team, const char *whom)
{
	char changes[TEXT_SIZE];

	snprintf(changes, sizeof(changes),
		 "{'metadata':{'name':'policy-%c'},'spec':{'subjects':[{'namespaces':['%s']}],"
		 "'allow':{'templates':[{'name':'" WORLD_TEMPLATE "'}]}}}",
		 'a' + team, whom);
	return sample_policy_json(changes);
}

static void put_policy(struct world *world, int team)
{
	char path[96];
	char whom[16];
	cleanup_json struct json *policy = NULL;

	snprintf(whom, sizeof(whom), "team-%c", 'a' + team);
	snprintf(path, sizeof(path), HUB_POLICIES "policy-%c", 'a' + team);
	policy = policy_for(team, whom);
	cluster_put(&world->hub, path, policy);
}

static void put_profile(struct world *world, int member)
{
	char path[128];

	snprintf(path, sizeof(path), HUB_FLEET "fleet-system/clusterprofiles/member-%d", member);
	put(world, path, "{'spec':{'clusterManager':{'name':'fleet'}}}");
}

static const char *const template_forms[] = {
	"{'spec':{'clusterRoles':[{'name':'reader','rules':[{'apiGroups':['batch'],"
	"'resources':['jobs'],'verbs':['get']}]}]}}",
	"{'spec':{'clusterRoles':[{'name':'reader','rules':[{'apiGroups':['batch'],"
	"'resources':['jobs'],'verbs':['get','list']}]},{'name':'view'}]}}",
	"{'spec':{'clusterRoles':[{'name':'view'}]}}",
};

void tenant_settle(struct world *world)
{
	for (int team = 0; team < WORLD_TEAMS; team++) {
		char path[64];

		snprintf(path, sizeof(path), "/api/v1/namespaces/team-%c", 'a' + team);
		put(world, path, "{}");
		put_policy(world, team);
	}
	for (int i = 0; i < world->member_count; i++)
		put_profile(world, i);
	put(world, HUB_TEMPLATES WORLD_TEMPLATE, template_forms[0]);
}

static int team_of(int slot)
{
	return slot % WORLD_TEAMS;
}

static struct thing *request_in(struct world *world, int slot)
{
	char namespace[32];
	char name[32];

	snprintf(namespace, sizeof(namespace), "team-%c", 'a' + team_of(slot));
	snprintf(name, sizeof(name), "request-%d", slot);
	return find(world, &KUBE_AUTH_TOKEN_REQUESTS, namespace, name);
}

static struct json *draw_request(struct world *world, const struct wish *wish)
{
	static const char *const rights[] = {
		"'roles':null,'clusterRoles':[{'name':'view'}]",
		"'clusterRoles':null",
		"'roles':null,'clusterRoles':null,'templates':[{'name':'" WORLD_TEMPLATE "'}]",
	};
	static const int lifetimes_s[] = {600, 600, 900, 3600};
	char changes[TEXT_SIZE];

	snprintf(changes, sizeof(changes),
		 "{'metadata':{'uid':null,'resourceVersion':null,'name':'request-%d',"
		 "'namespace':'team-%c'},"
		 "'spec':{'targetClusterProfile':{'name':'member-%d'},'serviceAccountName':'%s',"
		 "'credential':{'expirationSeconds':%d},%s}}",
		 wish->slot, 'a' + wish->team, wish->member, wish->account,
		 lifetimes_s[dice_between(&world->dice, 0, 3)],
		 rights[dice_between(&world->dice, 0, 2)]);
	return sample_request_json(changes);
}

void tenant_create(struct world *world, int slot)
{
	cleanup_json struct json *object = NULL;
	struct wish *wish = &world->wishes[world->wish_count];
	bool shared = dice_hits(&world->dice, 10); /* two want one ServiceAccount */
	const struct thing *thing;
	char path[160];

	if (request_in(world, slot) ||
	    world->wish_count == sizeof(world->wishes) / sizeof(world->wishes[0]))
		return;
	*wish = (struct wish){.slot = slot, .team = team_of(slot), .permitted_ms = -1};
	wish->member = (int)dice_between(&world->dice, 0, world->member_count - 1);
	wish->ended_ms = world_now_ms(world);
	snprintf(wish->key, sizeof(wish->key), "team-%c/request-%d", 'a' + wish->team, slot);
	snprintf(wish->account, sizeof(wish->account), "account-%d", shared ? 0 : slot);
	object = draw_request(world, wish);
	snprintf(path, sizeof(path), HUB_FLEET "team-%c/authtokenrequests/request-%d",
		 'a' + wish->team, slot);
	thing = cluster_put(&world->hub, path, object);
	snprintf(wish->uid, sizeof(wish->uid), "%s", thing->uid);
	world->wish_count++;
	world_tell(world, "%s is made as %s for m%d and %s", wish->key, wish->uid, wish->member,
		   wish->account);
}

void tenant_delete(struct world *world, int slot)
{
	struct thing *thing = request_in(world, slot);

	if (!thing)
		return;
	world_tell(world, "request-%d is deleted", slot);
	cluster_delete(&world->hub, thing);
}

/* The finalizer is taken away, as far as there is one by now. */
void tenant_delete_by_force(struct world *world, int slot)
{
	struct thing *thing = request_in(world, slot);

	if (!thing)
		return;
	world_tell(world, "request-%d is deleted by force", slot);
	cluster_delete(&world->hub, thing);
	thing = request_in(world, slot);
	if (thing)
		cluster_strip(&world->hub, thing);
}

void tenant_change(struct world *world, int slot)
{
	struct thing *thing = request_in(world, slot);
	cleanup_json struct json *patch = NULL;
	cleanup_json struct json *changed = NULL;
	struct wish *wish = thing ? world_wish(world, thing->uid) : NULL;
	char changes[TEXT_SIZE];

	if (!wish)
		return;
	snprintf(changes, sizeof(changes), "{'spec':{'credential':{'expirationSeconds':%d}}}",
		 (int)dice_between(&world->dice, 600, 1200));
	patch = json_pattern_parse(changes);
	changed = json_pattern_merge(thing->object, patch);
	world_tell(world, "request-%d is changed", slot);
	wish->edited_ms = world_now_ms(world);
	cluster_change(&world->hub, thing, changed);
}

void tenant_turn_policy(struct world *world, int team)
{
	cleanup_json struct json *nobody = policy_for(team, "nobody");
	struct thing *thing;
	char name[32];

	snprintf(name, sizeof(name), "policy-%c", 'a' + team);
	thing = find(world, &KUBE_ACCESS_POLICIES, "", name);
	world_tell(world, "%s is turned", name);
	if (!thing) {
		put_policy(world, team);
	} else if (dice_hits(&world->dice, 50)) {
		cluster_delete(&world->hub, thing);
	} else {
		json_add_copy(nobody, "metadata", json_find(thing->object, "metadata"));
		cluster_change(&world->hub, thing, nobody);
	}
}

void tenant_turn_profile(struct world *world, int member)
{
	struct thing *thing;
	char name[32];

	snprintf(name, sizeof(name), "member-%d", member);
	thing = find(world, &KUBE_CLUSTER_PROFILES, "fleet-system", name);
	world_tell(world, "the profile of m%d %s", member, thing ? "goes" : "comes");
	if (thing)
		cluster_delete(&world->hub, thing);
	else
		put_profile(world, member);
}

void tenant_change_template(struct world *world)
{
	struct thing *thing = find(world, &KUBE_RBAC_TEMPLATES, "", WORLD_TEMPLATE);
	cleanup_json struct json *form =
		json_pattern_parse(template_forms[dice_between(&world->dice, 0, 2)]);

	json_add_copy(form, "metadata", json_find(thing->object, "metadata"));
	world_tell(world, "the template is changed");
	cluster_change(&world->hub, thing, form);
}

void tenant_put_right(struct world *world)
{
	char name[32];

	for (int team = 0; team < WORLD_TEAMS; team++) {
		snprintf(name, sizeof(name), "policy-%c", 'a' + team);
		if (!find(world, &KUBE_ACCESS_POLICIES, "", name))
			put_policy(world, team);
	}
	for (int i = 0; i < world->member_count; i++) {
		snprintf(name, sizeof(name), "member-%d", i);
		if (!find(world, &KUBE_CLUSTER_PROFILES, "fleet-system", name))
			put_profile(world, i);
	}
}
