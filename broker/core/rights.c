#include "core/rights.h"

#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>
#include <rbac/rbac_template.h>

#include "core/cluster_profile.h"
#include "core/hub_state.h"
#include "core/kube_path.h"
#include "core/ledger.h"
#include "core/request.h"
#include "core/store.h"

void rights_free(struct rights *rights)
{
	if (!rights)
		return;
	for (size_t i = 0; i < rights->count; i++)
		request_role_done(&rights->roles[i]);
	memory_free(rights->roles);
	memory_free(rights);
}

static void rights_free_target(struct rights **rights)
{
	rights_free(*rights);
}

static void add_inline(struct rights *rights, const struct request *request)
{
	for (size_t i = 0; i < request->role_count; i++)
		rights->roles[rights->count++] = (struct request_role){
			.namespace = memory_text(request->roles[i].namespace),
			.name = memory_text(request->roles[i].name),
			.rules = memory_text(request->roles[i].rules),
		};
	rights->inline_count = rights->count;
}

/* A role with rules is made under a derived name, and is known by its template's; one without is
 * bound as it is called. */
static void name_after_template(struct request_role *role, const char *template)
{
	struct text name = text_with_max(512);

	if (!role->rules)
		return;
	text_appendf(&name, "%s:%s", template, role->name);
	memory_free(role->name);
	role->name = text_take(&name);
}

static const struct request_role *role_called(const struct rights *rights, const char *namespace,
					      const char *name)
{
	for (size_t i = 0; i < rights->count; i++)
		if (text_same(rights->roles[i].namespace, namespace) &&
		    text_same(rights->roles[i].name, name))
			return &rights->roles[i];
	return NULL;
}

/* Takes what ROLE holds. Asked for twice is asked for, but one object cannot have two contents. */
static bool add_role(struct rights *rights, struct request_role *role, struct error *err)
{
	const struct request_role *same = role_called(rights, role->namespace, role->name);
	bool ok = true;

	if (!same && rights->count < RIGHTS_ROLES_MAX) {
		rights->roles[rights->count++] = *role;
		return true;
	}
	if (!same)
		ok = error_set(err, ERROR_INVALID, "more than %d roles in all", RIGHTS_ROLES_MAX);
	else if (!text_same(same->rules, role->rules))
		ok = error_set(err, ERROR_INVALID, "role \"%.80s\" is there already, otherwise",
			       role->name);
	request_role_done(role);
	return ok;
}

static bool add_rendered(struct rights *rights, const char *template, const struct json *list,
			 bool namespaced, struct error *err)
{
	for (size_t i = 0; i < json_size(list); i++) {
		struct request_role role = {0};

		if (!request_role_read(json_item(list, i), namespaced, &role, err))
			return false;
		name_after_template(&role, template);
		if (!add_role(rights, &role, err))
			return false;
	}
	return true;
}

static bool add_template(struct rights *rights, const struct json *item,
			 const struct hub_state *seen, const struct template_input *input,
			 struct error *err)
{
	const char *name = json_find_string(item, "name");
	const struct rbac_template *found = store_find(seen->templates, name);
	struct template_input filled = *input;
	cleanup_json struct json *rendered = NULL;

	if (!found)
		return error_set(err, ERROR_NOT_FOUND, "there is no RBACTemplate %.80s", name);
	filled.parameters = json_find(item, "parameters");
	rendered = rbac_template_render(found, &filled, err);
	if (!rendered || !add_rendered(rights, name, json_find(rendered, "roles"), true, err) ||
	    !add_rendered(rights, name, json_find(rendered, "clusterRoles"), false, err))
		return error_wrap(err, "template %.80s", name);
	return true;
}

static bool add_templates(struct rights *rights, const struct request *request,
			  const struct hub_state *seen, const char *profile_key, struct error *err)
{
	const struct cluster_profile *profile =
		request->templates ? store_find(seen->profiles, profile_key) : NULL;
	size_t size = strcspn(profile_key, "/");
	cleanup_free char *profile_namespace = memory_bytes(profile_key, size);
	struct template_input input = {
		.profile_name = profile_key + size + 1,
		.profile_namespace = profile_namespace,
		.labels = profile ? profile->labels : NULL,
		.properties = profile ? profile->properties : NULL,
	};

	if (!profile && request->templates)
		return error_set(err, ERROR_NOT_FOUND, "the ClusterProfile does not exist yet");
	for (size_t i = 0; i < json_size(request->templates); i++)
		if (!add_template(rights, json_item(request->templates, i), seen, &input, err))
			return false;
	return true;
}

struct rights *rights_gather(const struct request *request, const struct hub_state *seen,
			     const char *profile_key, struct error *err)
{
	cleanup_with(rights_free_target) struct rights *rights = memory_new(sizeof(*rights));

	rights->roles = memory_new_array(RIGHTS_ROLES_MAX, sizeof(*rights->roles));
	add_inline(rights, request);
	if (!add_templates(rights, request, seen, profile_key, err))
		return NULL;
	return TAKE_PTR(rights);
}

const char *rights_problem(const struct error *err)
{
	return err->kind == ERROR_NOT_FOUND ? "TemplateNotFound" : "TemplateInvalid";
}

const struct request_role *rights_role(const struct rights *rights,
				       const struct ledger_object *object)
{
	return rights ? role_called(rights, object->namespace, object->requested_name) : NULL;
}

void rights_digest(const struct request_role *role, bool binding,
		   char ret_digest[DIGEST_SHORT_SIZE])
{
	const char *rules = role->rules ? role->rules : "";
	const char *const fields[] = {binding ? "binding" : "rules",
				      binding ? (role->rules ? "derived" : "existing") : rules,
				      NULL};

	digest_short(fields, ret_digest);
}

static bool is_binding(const struct ledger_object *object)
{
	return object->resource == &KUBE_ROLE_BINDINGS ||
	       object->resource == &KUBE_CLUSTER_ROLE_BINDINGS;
}

bool rights_is_surplus(const struct rights *rights, const struct ledger_object *object)
{
	const struct request_role *role = rights_role(rights, object);
	char digest[DIGEST_SHORT_SIZE];

	if (!role)
		return true;
	if (!is_binding(object))
		return !role->rules;
	rights_digest(role, true, digest);
	return object->digest && !text_same(object->digest, digest);
}

struct surplus {
	size_t count;
	size_t unmarked;
};

static struct surplus surplus_in(const struct rights *rights, const struct ledger *ledger)
{
	struct surplus found = {0};

	for (size_t i = 1; i < ledger->object_count; i++) {
		if (!rights_is_surplus(rights, &ledger->objects[i]))
			continue;
		found.count++;
		if (!text_same(ledger->objects[i].digest, RIGHTS_DIGEST_NONE))
			found.unmarked++;
	}
	return found;
}

bool rights_are_on_record(const struct rights *rights, const struct ledger *ledger)
{
	struct surplus surplus = surplus_in(rights, ledger);

	return surplus.count > 0 ? surplus.unmarked == 0 : ledger_covers(ledger, rights);
}

static void mark_surplus(const struct rights *rights, struct ledger *ledger)
{
	for (size_t i = 1; i < ledger->object_count; i++) {
		struct ledger_object *object = &ledger->objects[i];

		if (!rights_is_surplus(rights, object))
			continue;
		memory_free(object->digest);
		object->digest = memory_text(RIGHTS_DIGEST_NONE);
	}
}

void rights_amend(const struct rights *rights, struct ledger *ledger)
{
	if (surplus_in(rights, ledger).count > 0)
		mark_surplus(rights, ledger);
	else
		ledger_extend(ledger, rights);
}
