#include "core/permission.h"

#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>
#include <rbac/access_policy.h>
#include <rbac/rule_set.h>

#include "core/access_steps.h"
#include "core/cluster_profile.h"
#include "core/hub_namespace.h"
#include "core/hub_state.h"
#include "core/ledger.h"
#include "core/request.h"
#include "core/rights.h"
#include "core/store.h"

void permission_done(struct permission *permission)
{
	memory_free(permission->policy);
	*permission = (struct permission){0};
}

struct permission_basis permission_basis_of(const struct hub_state *seen,
					    const struct access_settings *settings)
{
	return (struct permission_basis){
		.policies = seen->policies,
		.namespaces = seen->namespaces,
		.profiles = seen->profiles,
		.identity_namespaces = seen->identity_namespaces,
		.broker_namespace = settings->namespace,
		.identity_namespace = settings->identity_namespace,
		.protected_patterns = settings->protected_patterns,
		.protected_count = settings->protected_count,
	};
}

static void deny(struct permission *permission, const char *reason, const char *text)
{
	permission_done(permission);
	permission->reason = reason;
	snprintf(permission->text, sizeof(permission->text), "%s", text);
}

/* The policies as the engine takes them. */
struct policy_list {
	const struct access_policy **items;
	size_t count;
};

static bool append_policy(void *context, const char *name, void *policy)
{
	struct policy_list *list = context;

	(void)name;
	list->items[list->count++] = policy;
	return true;
}

static void policy_list_done(struct policy_list *list)
{
	memory_free((void *)list->items);
}

static void list_policies(const struct store *store, struct policy_list *list)
{
	list->items = memory_new_array(store_count(store) + 1, sizeof(*list->items));
	store_each(store, append_policy, list);
}

/* The rights that the request writes out, and the roles that it wants bound. */
struct wanted {
	struct rule_set *rules;
	struct policy_role *roles;
	size_t role_count;
	struct policy_template *templates;
	size_t template_count;
	const char **namespaces; /* of the roles of templates */
	size_t namespace_count;
};

static void wanted_done(struct wanted *wanted)
{
	rule_set_free(wanted->rules);
	memory_free(wanted->roles);
	memory_free(wanted->templates);
	memory_free((void *)wanted->namespaces);
}

static bool want_role(struct wanted *wanted, const struct request_role *role, struct error *err)
{
	cleanup_json struct json *rules = NULL;

	if (!role->rules) {
		wanted->roles[wanted->role_count++] =
			(struct policy_role){role->namespace, role->name};
		return true;
	}
	rules = json_parse(role->rules, strlen(role->rules), err);
	if (!rules || !rule_set_add(wanted->rules, rules, role->namespace, err))
		return error_wrap(err, "role \"%.80s\"", role->name);
	return true;
}

static void want_templates(struct wanted *wanted, const struct json *list,
			   const struct rights *rights)
{
	size_t count = rights ? rights->count : 0;

	wanted->template_count = json_size(list);
	wanted->templates =
		memory_new_array(wanted->template_count + 1, sizeof(*wanted->templates));
	for (size_t i = 0; i < wanted->template_count; i++)
		wanted->templates[i] = (struct policy_template){
			json_find_string(json_item(list, i), "name"),
			json_find(json_item(list, i), "parameters"),
		};
	wanted->namespaces = memory_new_array(count + 1, sizeof(*wanted->namespaces));
	for (size_t i = rights ? rights->inline_count : 0; i < count; i++)
		if (rights->roles[i].namespace)
			wanted->namespaces[wanted->namespace_count++] = rights->roles[i].namespace;
}

static bool gather_wanted(struct wanted *wanted, const struct request *request, struct error *err)
{
	wanted->rules = rule_set_new();
	wanted->roles = memory_new_array(request->role_count + 1, sizeof(*wanted->roles));
	for (size_t i = 0; i < request->role_count; i++)
		if (!want_role(wanted, &request->roles[i], err))
			return false;
	return true;
}

static void add_namespace(struct policy_question *question, const struct permission_basis *basis,
			  const struct request *request)
{
	const struct hub_namespace *found = store_find(basis->namespaces, request->namespace);

	question->request_namespace = request->namespace;
	question->namespace_known = found != NULL;
	question->namespace_labels = found ? found->labels : NULL;
}

/* PROFILE_NAMESPACE and the rest of the key have to live as long as the question. */
static void add_profile(struct policy_question *question, const struct permission_basis *basis,
			const char *profile_key, const char *profile_namespace)
{
	const struct cluster_profile *profile = store_find(basis->profiles, profile_key);

	question->profile_namespace = profile_namespace;
	question->profile_name = profile_key + strlen(profile_namespace) + 1;
	question->profile_known = profile != NULL;
	question->profile_labels = profile ? profile->labels : NULL;
	question->cluster_manager = profile ? profile->manager : NULL;
}

static void add_identity(struct policy_question *question, const struct permission_basis *basis,
			 const struct request *request)
{
	const char *named = request->service_account_namespace;

	question->default_identity_namespace = basis->identity_namespace;
	question->identity_namespace = text_is_empty(named) ? basis->identity_namespace : named;
	if (basis->made_in) /* the default was another then, and the credential is there */
		question->identity_namespace = basis->made_in;
	question->identity_name = request->service_account;
	if (basis->identity && basis->identity->uid)
		question->identity =
			basis->identity->existing ? POLICY_IDENTITY_EXISTING : POLICY_IDENTITY_MADE;
}

/* Patterns of protected namespaces. */
struct protection {
	const char **patterns;
	size_t count;
};

static void protection_done(struct protection *protection)
{
	memory_free((void *)protection->patterns);
}

static void protect_if_identities_are_there(struct protection *protection,
					    const struct permission_basis *basis,
					    const char *namespace_name)
{
	if (namespace_name && store_find(basis->identity_namespaces, namespace_name))
		protection->patterns[protection->count++] = namespace_name;
}

/* Who may change Secrets or ServiceAccounts beside identities could become one of them. Of all the
 * namespaces where they are, only those matter that WANTED or REQUEST want roles in. */
static void protect(struct protection *protection, const struct permission_basis *basis,
		    const struct request *request, const struct wanted *wanted)
{
	protection->patterns = memory_new_array(2 + basis->protected_count + request->role_count +
							wanted->namespace_count,
						sizeof(*protection->patterns));
	protection->patterns[protection->count++] = basis->identity_namespace;
	if (basis->made_in)
		protection->patterns[protection->count++] = basis->made_in;
	for (size_t i = 0; i < basis->protected_count; i++)
		protection->patterns[protection->count++] = basis->protected_patterns[i];
	for (size_t i = 0; i < request->role_count; i++)
		protect_if_identities_are_there(protection, basis, request->roles[i].namespace);
	for (size_t i = 0; i < wanted->namespace_count; i++)
		protect_if_identities_are_there(protection, basis, wanted->namespaces[i]);
}

static void add_requester(struct policy_question *question, const struct permission_basis *basis)
{
	question->requester_known = basis->username != NULL;
	question->username = basis->username;
	question->groups = (struct policy_words){basis->groups, basis->group_count};
}

/* What is done with a question once it is put together. */
typedef void permission_answer(void *context, const struct permission_basis *basis,
			       const struct policy_question *question);

static void decide(void *context, const struct permission_basis *basis,
		   const struct policy_question *question)
{
	struct permission *permission = context;
	cleanup_with(policy_list_done) struct policy_list policies = {0};
	struct policy_decision decision = {0};

	list_policies(basis->policies, &policies);
	if (!access_policies_decide(policies.items, policies.count, question, &decision)) {
		deny(permission, decision.reason, decision.text);
		return;
	}
	permission_done(permission);
	permission->allowed = true;
	permission->policy = memory_text(decision.policy);
	permission->renew_at_percent = decision.renew_at_percent;
	permission->existing_identity = decision.existing_identity;
}

void permission_decide_unread(struct permission *permission, const struct permission_basis *basis,
			      const struct request *request, const char *profile_key)
{
	cleanup_free char *profile_namespace = memory_bytes(profile_key, strcspn(profile_key, "/"));
	cleanup_with(policy_list_done) struct policy_list policies = {0};
	struct policy_question question = {0};
	struct policy_decision decision = {0};

	add_namespace(&question, basis, request);
	add_requester(&question, basis);
	add_profile(&question, basis, profile_key, profile_namespace);
	list_policies(basis->policies, &policies);
	if (!access_policies_are_for(policies.items, policies.count, &question, &decision)) {
		deny(permission, decision.reason, decision.text);
		return;
	}
	permission_done(permission);
	permission->allowed = true;
}

/* False (ERROR_INVALID) for rules that cannot be read: nobody was asked. */
static bool ask(const struct permission_basis *basis, const struct request *request,
		const struct rights *rights, const char *profile_key, permission_answer *answer,
		void *context, struct error *err)
{
	static const char *const formats[] = {"Kubeconfig"};
	cleanup_free char *profile_namespace = memory_bytes(profile_key, strcspn(profile_key, "/"));
	const char *const destinations[] = {request->namespace};
	cleanup_with(wanted_done) struct wanted wanted = {0};
	cleanup_with(protection_done) struct protection protection = {0};
	struct policy_question question = {
		.audiences = {(const char *const *)request->audiences, request->audience_count},
		.lifetime_s = request->expiration_s,
		.formats = {formats, 1},
		.destination_namespaces = {destinations, 1},
	};

	if (!gather_wanted(&wanted, request, err))
		return false;
	want_templates(&wanted, request->templates, rights);
	question.inline_rules = wanted.rules;
	question.existing_roles = wanted.roles;
	question.existing_role_count = wanted.role_count;
	question.templates = wanted.templates;
	question.template_count = wanted.template_count;
	question.role_namespaces = (struct policy_words){wanted.namespaces, wanted.namespace_count};
	add_namespace(&question, basis, request);
	add_requester(&question, basis);
	add_profile(&question, basis, profile_key, profile_namespace);
	add_identity(&question, basis, request);
	protect(&protection, basis, request, &wanted);
	question.broker_namespace = basis->broker_namespace;
	question.protected_patterns = (struct policy_words){protection.patterns, protection.count};
	answer(context, basis, &question);
	return true;
}

void permission_decide(struct permission *permission, const struct permission_basis *basis,
		       const struct request *request, const struct rights *rights,
		       const char *profile_key)
{
	struct error err = {0};

	if (!ask(basis, request, rights, profile_key, decide, permission, &err))
		deny(permission, "RulesNotAllowed", err.text);
}

void permission_settle(struct permission *permission, const struct permission_basis *basis,
		       const struct request *request, const struct hub_state *seen,
		       const char *profile_key, struct rights **ret_rights,
		       struct error *ret_rights_err)
{
	*ret_rights = NULL;
	*ret_rights_err = (struct error){0};
	permission_decide(permission, basis, request, NULL, profile_key);
	if (!permission->allowed)
		return; /* filling in costs time and memory */
	*ret_rights = rights_gather(request, seen, profile_key, ret_rights_err);
	if (request->templates && *ret_rights)
		permission_decide(permission, basis, request, *ret_rights, profile_key);
}

struct judging {
	permission_visit *visit;
	void *context;
};

static void judge(void *context, const struct permission_basis *basis,
		  const struct policy_question *question)
{
	const struct judging *judging = context;
	cleanup_with(policy_list_done) struct policy_list policies = {0};

	list_policies(basis->policies, &policies);
	for (size_t i = 0; i < policies.count; i++) {
		struct policy_opinion opinion = {0};

		access_policy_judge(policies.items[i], question, &opinion);
		judging->visit(judging->context, access_policy_name(policies.items[i]), &opinion);
	}
}

void permission_judge(const struct permission_basis *basis, const struct request *request,
		      const struct rights *rights, const char *profile_key, permission_visit *visit,
		      void *context)
{
	struct judging judging = {visit, context};
	struct error ignored = {0};

	ask(basis, request, rights, profile_key, judge, &judging, &ignored);
}
