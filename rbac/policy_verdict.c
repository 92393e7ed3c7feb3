#include "rbac/policy_verdict.h"

#include <string.h>

#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/text.h>

#include <rbac/access_policy.h>
#include <rbac/grant_danger.h>
#include <rbac/grant_policy.h>
#include <rbac/namespace_pattern.h>

#include "rbac/policy_allowance.h"
#include "rbac/rule.h"

/* Whether ALLOWANCE allows all that QUESTION asks for in one respect. Else *RET_ITEM is the number
 * of the first thing that it does not, and ERR (ERROR_DENIED) names it; most policies are not
 * asked for words, so that ERR may be NULL. */
typedef bool stage_allows(const struct policy_allowance *allowance,
			  const struct policy_question *question, size_t *ret_item,
			  struct error *err);

/* WORD as it may stand in a condition: whoever asks chose it. */
static const char *shown(const char *word)
{
	for (const char *at = word; at && *at; at++)
		if (*at <= ' ' || *at > '~')
			return "?";
	return word ? word : "";
}

/* One that we made stays ours, whatever a policy says of its name later. */
bool policy_verdict_names_existing(const struct policy_allowance *allowance,
				   const struct policy_question *question)
{
	if (question->identity == POLICY_IDENTITY_MADE || !question->identity_namespace)
		return false;
	for (size_t i = 0; i < allowance->existing_identity_count; i++) {
		const struct policy_place *place = &allowance->existing_identities[i];

		if (text_same(place->namespace_name, question->identity_namespace) &&
		    name_set_has(&place->names, question->identity_name))
			return true;
	}
	return false;
}

static bool allows_identity(const struct policy_allowance *allowance,
			    const struct policy_question *question, size_t *ret_item,
			    struct error *err)
{
	const char *home = question->identity_namespace;

	(void)ret_item;
	if (policy_verdict_names_existing(allowance, question))
		return true;
	if (question->identity == POLICY_IDENTITY_EXISTING)
		return err && error_set(err, ERROR_DENIED,
					"the existing ServiceAccount %.63s/%.63s is not allowed",
					shown(home), shown(question->identity_name));
	if (allowance->identity_count == 0 && home && question->identity_name &&
	    text_same(home, question->default_identity_namespace))
		return true;
	for (size_t i = 0; i < allowance->identity_count; i++) {
		const struct policy_place *place = &allowance->identities[i];

		if (text_same(place->namespace_name, home) && question->identity_name &&
		    (place->names.count == 0 ||
		     name_set_has(&place->names, question->identity_name)))
			return true;
	}
	return err && error_set(err, ERROR_DENIED, "the ServiceAccount %.63s/%.63s is not allowed",
				shown(home), shown(question->identity_name));
}

static const struct policy_parameter *find_parameter(const struct policy_template_choice *choice,
						     const char *name)
{
	for (size_t i = 0; i < choice->parameter_count; i++)
		if (text_same(choice->parameters[i].name, name))
			return &choice->parameters[i];
	return NULL;
}

static bool allows_value(const struct policy_template_choice *choice, const char *name,
			 const char *value, struct error *err)
{
	const struct policy_parameter *parameter = find_parameter(choice, name);

	if (parameter && name_set_has(&parameter->values, value))
		return true;
	return err && error_set(err, ERROR_DENIED,
				"the template \"%.63s\" is not allowed with the parameter %.63s as "
				"\"%.63s\"",
				shown(choice->name), shown(name), shown(value));
}

/* A parameter has a value or values; no values at all might turn out to mean everything. */
static bool allows_parameter(const struct policy_template_choice *choice,
			     const struct json *parameter, struct error *err)
{
	const char *name = json_find_string(parameter, "name");
	const struct json *value = json_find(parameter, "value");
	const struct json *values = json_find(parameter, "values");

	if (!name || (value && values) || (!value && json_size(values) == 0))
		return err &&
		       error_set(err, ERROR_DENIED,
				 "the template \"%.63s\" is not allowed with the parameter %.63s "
				 "without one value or a list of some",
				 shown(choice->name), shown(name));
	if (value)
		return allows_value(choice, name, json_string(value), err);
	for (size_t i = 0; i < json_size(values); i++)
		if (!allows_value(choice, name, json_string(json_item(values, i)), err))
			return false;
	return true;
}

static bool allows_choice(const struct policy_template_choice *choice,
			  const struct policy_template *wanted, struct error *err)
{
	if (wanted->parameters && !json_is_array(wanted->parameters))
		return err &&
		       error_set(
			       err, ERROR_DENIED,
			       "the template \"%.63s\" is not allowed without a list of parameters",
			       choice->name);
	for (size_t i = 0; i < json_size(wanted->parameters); i++)
		if (!allows_parameter(choice, json_item(wanted->parameters, i), err))
			return false;
	return true;
}

/* A policy can name a template several times, to say which values go together. */
static bool allows_template(const struct policy_allowance *allowance,
			    const struct policy_template *wanted, struct error *err)
{
	struct error refusal = {0};

	for (size_t i = 0; i < allowance->template_count; i++) {
		const struct policy_template_choice *choice = &allowance->templates[i];

		if (text_same(choice->name, wanted->name) &&
		    allows_choice(choice, wanted, err ? &refusal : NULL))
			return true;
	}
	if (refusal.kind != ERROR_NONE)
		return error_set(err, refusal.kind, "%s", refusal.text);
	return err && error_set(err, ERROR_DENIED, "the template \"%.63s\" is not allowed",
				shown(wanted->name));
}

static bool allows_templates(const struct policy_allowance *allowance,
			     const struct policy_question *question, size_t *ret_item,
			     struct error *err)
{
	for (size_t i = 0; i < question->template_count; i++) {
		*ret_item = i;
		if (!allows_template(allowance, &question->templates[i], err))
			return false;
	}
	return true;
}

static bool allows_dangers(const struct policy_allowance *allowance,
			   const struct policy_question *question, size_t *ret_item,
			   struct error *err)
{
	const struct rule_set *rules = question->inline_rules;

	(void)ret_item;
	return !rules || (grant_danger_find(rules) & ~allowance->dangers) == 0 ||
	       (err && grant_danger_accept(rules, allowance->dangers, err));
}

static bool allows_rules(const struct policy_allowance *allowance,
			 const struct policy_question *question, size_t *ret_item,
			 struct error *err)
{
	const struct rule_set *rules = question->inline_rules;
	struct grant_right gap = {0};

	(void)ret_item;
	if (!rules || !grant_policy_find_gap(allowance->ceiling, rules, &gap))
		return true;
	return err && !grant_policy_covers(allowance->ceiling, rules, err) &&
	       error_wrap(err, "these rules are not allowed");
}

static bool allows_role(const struct policy_allowance *allowance, const struct policy_role *role)
{
	if (!role->namespace_name)
		return name_set_has(&allowance->cluster_roles, role->name);
	for (size_t i = 0; i < allowance->role_count; i++)
		if (text_same(allowance->roles[i].namespace_name, role->namespace_name) &&
		    name_set_has(&allowance->roles[i].names, role->name))
			return true;
	return false;
}

static bool allows_roles(const struct policy_allowance *allowance,
			 const struct policy_question *question, size_t *ret_item,
			 struct error *err)
{
	for (size_t i = 0; i < question->existing_role_count; i++) {
		const struct policy_role *role = &question->existing_roles[i];

		*ret_item = i;
		if (allows_role(allowance, role))
			continue;
		if (!role->namespace_name)
			return err &&
			       error_set(
				       err, ERROR_DENIED,
				       "binding the existing ClusterRole \"%.100s\" is not allowed",
				       shown(role->name));
		return err &&
		       error_set(
			       err, ERROR_DENIED,
			       "binding the existing Role \"%.100s\" in namespace \"%.63s\" is not "
			       "allowed",
			       shown(role->name), shown(role->namespace_name));
	}
	return true;
}

static bool is_legal(const char *namespace_name)
{
	return namespace_name && strlen(namespace_name) <= NAMESPACE_NAME_MAX &&
	       !strchr(namespace_name, '*') &&
	       namespace_pattern_check(namespace_name, &(struct error){0});
}

static bool is_protected(const struct policy_question *question, const char *namespace_name)
{
	if (namespace_pattern_matches("kube-*", namespace_name) ||
	    namespace_pattern_matches("openshift-*", namespace_name) ||
	    text_same(question->broker_namespace, namespace_name))
		return true;
	for (size_t i = 0; i < question->protected_patterns.count; i++)
		if (namespace_pattern_matches(question->protected_patterns.words[i],
					      namespace_name))
			return true;
	return false;
}

/* What is written otherwise than namespaces are could be taken for one by somebody else. */
static bool allows_place(const struct policy_allowance *allowance,
			 const struct policy_question *question, const char *namespace_name,
			 struct error *err)
{
	if (is_legal(namespace_name) &&
	    (!is_protected(question, namespace_name) ||
	     name_set_has(&allowance->protected_namespaces, namespace_name)))
		return true;
	return err &&
	       error_set(err, ERROR_DENIED,
			 "rights in namespace \"%.63s\", which is protected, are not allowed",
			 shown(namespace_name));
}

static bool allows_places(const struct policy_allowance *allowance,
			  const struct policy_question *question, size_t *ret_item,
			  struct error *err)
{
	const struct rule_set *rules = question->inline_rules;

	for (size_t i = 0; rules && i < rules->count; i++, (*ret_item)++)
		if (rules->rules[i].scope &&
		    !allows_place(allowance, question, rules->rules[i].scope, err))
			return false;
	for (size_t i = 0; i < question->existing_role_count; i++, (*ret_item)++)
		if (question->existing_roles[i].namespace_name &&
		    !allows_place(allowance, question, question->existing_roles[i].namespace_name,
				  err))
			return false;
	for (size_t i = 0; i < question->role_namespaces.count; i++, (*ret_item)++)
		if (!allows_place(allowance, question, question->role_namespaces.words[i], err))
			return false;
	return true;
}

static bool allows_audiences(const struct policy_allowance *allowance,
			     const struct policy_question *question, size_t *ret_item,
			     struct error *err)
{
	for (size_t i = 0; i < question->audiences.count; i++) {
		const char *audience = question->audiences.words[i];

		*ret_item = i;
		if (!name_set_has(&allowance->audiences, audience))
			return err &&
			       error_set(err, ERROR_DENIED,
					 "the audience \"%.100s\" is not allowed", shown(audience));
	}
	return true;
}

static bool allows_lifetime(const struct policy_allowance *allowance,
			    const struct policy_question *question, size_t *ret_item,
			    struct error *err)
{
	(void)ret_item;
	if (question->lifetime_s >= allowance->lifetime_min_s &&
	    question->lifetime_s <= allowance->lifetime_max_s)
		return true;
	return err && error_set(err, ERROR_DENIED, "a lifetime of %lld seconds is not allowed",
				(long long)question->lifetime_s);
}

/* A question without a format, or without a destination, forgot its default. */
static bool allows_formats(const struct policy_allowance *allowance,
			   const struct policy_question *question, size_t *ret_item,
			   struct error *err)
{
	for (size_t i = 0; i < question->formats.count; i++) {
		const char *format = question->formats.words[i];

		*ret_item = i;
		if (!name_set_has(&allowance->formats, format))
			return err &&
			       error_set(err, ERROR_DENIED, "the format \"%.63s\" is not allowed",
					 shown(format));
	}
	return question->formats.count > 0 ||
	       (err && error_set(err, ERROR_DENIED, "a delivery in no format is not allowed"));
}

static bool allows_destination(const struct policy_allowance *allowance,
			       const struct policy_question *question, const char *destination)
{
	if (allowance->destinations.count > 0)
		return name_set_has(&allowance->destinations, destination);
	return destination && text_same(destination, question->request_namespace);
}

static bool allows_destinations(const struct policy_allowance *allowance,
				const struct policy_question *question, size_t *ret_item,
				struct error *err)
{
	for (size_t i = 0; i < question->destination_namespaces.count; i++) {
		const char *destination = question->destination_namespaces.words[i];

		*ret_item = i;
		if (!allows_destination(allowance, question, destination))
			return err &&
			       error_set(err, ERROR_DENIED,
					 "a delivery into namespace \"%.63s\" is not allowed",
					 shown(destination));
	}
	return question->destination_namespaces.count > 0 ||
	       (err && error_set(err, ERROR_DENIED, "a delivery into no namespace is not allowed"));
}

/* What a refusal says first is what is asked for first. */
static const struct stage {
	const char *reason;
	const char *field; /* of spec.allow */
	stage_allows *allows;
} stages[] = {
	{"IdentityNotAllowed", "identities", allows_identity},
	{"TemplateNotAllowed", "templates", allows_templates},
	{"RulesNotAllowed", "dangers", allows_dangers},
	{"RulesNotAllowed", "clusterRules and namespacedRules", allows_rules},
	{"RoleNotAllowed", "clusterRoles and roles", allows_roles},
	{"NamespaceProtected", "protectedNamespaces", allows_places},
	{"AudienceNotAllowed", "audiences", allows_audiences},
	{"LifetimeNotAllowed", "lifetime", allows_lifetime},
	{"FormatNotAllowed", "formats", allows_formats},
	{"DestinationNotAllowed", "destinationNamespaces", allows_destinations},
};

enum { STAGE_COUNT = sizeof(stages) / sizeof(stages[0]) };

struct policy_verdict policy_verdict_find(const struct policy_allowance *allowance,
					  const struct policy_question *question)
{
	struct policy_verdict verdict = {0};

	for (size_t i = 0; i < STAGE_COUNT; i++) {
		verdict.item = 0;
		if (!stages[i].allows(allowance, question, &verdict.item, NULL)) {
			verdict.stage = i;
			verdict.reason = stages[i].reason;
			return verdict;
		}
	}
	verdict.allowed = true;
	verdict.existing_identity = policy_verdict_names_existing(allowance, question);
	verdict.stage = STAGE_COUNT;
	return verdict;
}

const char *policy_verdict_field(const struct policy_verdict *verdict)
{
	return verdict->stage < STAGE_COUNT ? stages[verdict->stage].field : NULL;
}

const char *policy_verdict_field_before(const struct policy_verdict *verdict)
{
	return verdict->stage > 0 ? stages[verdict->stage - 1].field : NULL;
}

void policy_verdict_tell(const struct policy_verdict *verdict,
			 const struct policy_allowance *allowance,
			 const struct policy_question *question, struct error *err)
{
	size_t item = 0;

	stages[verdict->stage].allows(allowance, question, &item, err);
}

void policy_verdict_tell_subjects(const struct policy_question *question, struct error *err)
{
	if (question->requester_known)
		error_set(err, ERROR_DENIED,
			  "no subject matches namespace \"%.63s\" and user \"%.100s\"",
			  shown(question->request_namespace), shown(question->username));
	else
		error_set(err, ERROR_DENIED,
			  "no subject matches namespace \"%.63s\" and a requester who is not known",
			  shown(question->request_namespace));
}

void policy_verdict_tell_targets(const struct policy_question *question, struct error *err)
{
	error_set(err, ERROR_DENIED, "no entry matches ClusterProfile \"%.63s/%.80s\"%s",
		  shown(question->profile_namespace), shown(question->profile_name),
		  question->profile_known ? "" : ", which is not there");
}

void policy_verdict_tell_missing(const struct policy_question *question, struct error *err)
{
	error_set(err, ERROR_DENIED,
		  "no AccessPolicy is for such requests of namespace \"%.63s\" and ClusterProfile "
		  "\"%.63s/%.80s\"",
		  shown(question->request_namespace), shown(question->profile_namespace),
		  shown(question->profile_name));
}

bool policy_verdict_is_further(const struct policy_verdict *a, const struct policy_verdict *b)
{
	return a->stage != b->stage ? a->stage > b->stage : a->item > b->item;
}
