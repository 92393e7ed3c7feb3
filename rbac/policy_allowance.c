#include "rbac/policy_allowance.h"

#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>

#include <rbac/grant_danger.h>
#include <rbac/rule_set.h>

#include "rbac/fields.h"
#include "rbac/policy_json.h"

enum { LIFETIME_LEAST_S = 600, LIFETIME_USUAL_S = 3600, LIFETIME_MOST_S = 24 * 3600 };
enum { RENEW_LEAST_PERCENT = 30, RENEW_MOST_PERCENT = 80 };

static bool read_parameter(const struct json *item, void *place, struct error *err)
{
	static const char *const fields[] = {"name", "values", NULL};
	struct policy_parameter *parameter = place;
	const char *name = NULL;

	if (!fields_are_known(item, fields, err))
		return false;
	name = policy_json_name(item, "name", err);
	if (!name)
		return false;
	parameter->name = memory_text(name);
	if (!name_set_read_values(item, "values", 1, &parameter->values, err))
		return false;
	return parameter->values.count > 0 ||
	       error_set(err, ERROR_INVALID, "values is missing: write what %.63s may be", name);
}

static bool read_template(const struct json *item, void *place, struct error *err)
{
	static const char *const fields[] = {"name", "parameters", NULL};
	struct policy_template_choice *choice = place;
	struct policy_items parameters = {0};
	const char *name = NULL;

	if (!fields_are_known(item, fields, err))
		return false;
	name = policy_json_name(item, "name", err);
	if (!name)
		return false;
	choice->name = memory_text(name);
	bool ok = policy_json_items(item, "parameters", 0, TEMPLATE_PARAMETERS_MAX, read_parameter,
				    sizeof(struct policy_parameter), &parameters, err);
	choice->parameters = parameters.items;
	choice->parameter_count = parameters.count;
	return ok;
}

static bool read_templates(const struct json *allow, struct policy_allowance *allowance,
			   struct error *err)
{
	struct policy_items templates = {0};
	bool ok = policy_json_items(allow, "templates", 0, POLICY_LIST_MAX, read_template,
				    sizeof(struct policy_template_choice), &templates, err);

	allowance->templates = templates.items;
	allowance->template_count = templates.count;
	return ok;
}

static bool read_namespaced_rules(const struct json *item, struct rule_set *ceiling,
				  struct error *err)
{
	static const char *const fields[] = {"namespaces", "rules", NULL};
	cleanup_name_set struct name_set namespaces = {0};

	if (!fields_are_known(item, fields, err) ||
	    !name_set_read(item, "namespaces", 1, &namespaces, err))
		return false;
	if (namespaces.count == 0)
		return error_set(err, ERROR_INVALID,
				 "namespaces is missing: write where the rules hold");
	for (size_t i = 0; i < namespaces.count; i++)
		if (!rule_set_add(ceiling, json_find(item, "rules"), namespaces.names[i], err))
			return false;
	return true;
}

static bool read_ceiling(const struct json *allow, struct policy_allowance *allowance,
			 struct error *err)
{
	size_t count = 0;

	allowance->ceiling = rule_set_new();
	if (!rule_set_add(allowance->ceiling, json_find(allow, "clusterRules"), NULL, err))
		return error_wrap(err, "clusterRules");
	if (!policy_json_count(allow, "namespacedRules", 0, POLICY_LIST_MAX, &count, err))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!read_namespaced_rules(json_item(json_find(allow, "namespacedRules"), i),
					   allowance->ceiling, err))
			return error_wrap(err, "namespacedRules[%zu]", i);
	return true;
}

static bool read_dangers(const struct json *allow, struct policy_allowance *allowance,
			 struct error *err)
{
	cleanup_name_set struct name_set names = {0};

	if (!name_set_read(allow, "dangers", 0, &names, err))
		return false;
	for (size_t i = 0; i < names.count; i++) {
		enum grant_danger danger = GRANT_DANGER_COUNT;

		if (!grant_danger_parse(names.names[i], &danger))
			return error_set(err, ERROR_INVALID,
					 "dangers has \"%.80s\", which is not the name of one",
					 names.names[i]);
		allowance->dangers |= UINT32_C(1) << danger;
	}
	return true;
}

/* One name in one namespace. */
static bool read_named(const struct json *item, void *place, struct error *err)
{
	static const char *const fields[] = {"namespace", "name", NULL};
	struct policy_place *named = place;
	const char *namespace_name = NULL;
	const char *name = NULL;

	if (!fields_are_known(item, fields, err))
		return false;
	namespace_name = policy_json_name(item, "namespace", err);
	name = namespace_name ? policy_json_name(item, "name", err) : NULL;
	if (!name)
		return false;
	named->namespace_name = memory_text(namespace_name);
	named->names.names = memory_new_array(1, sizeof(char *));
	named->names.names[named->names.count++] = memory_text(name);
	return true;
}

static bool read_identity(const struct json *item, void *place, struct error *err)
{
	static const char *const fields[] = {"namespace", "names", NULL};
	struct policy_place *identity = place;
	const char *namespace_name = NULL;

	if (!fields_are_known(item, fields, err))
		return false;
	namespace_name = policy_json_name(item, "namespace", err);
	if (!namespace_name)
		return false;
	identity->namespace_name = memory_text(namespace_name);
	return name_set_read(item, "names", 1, &identity->names, err);
}

static bool read_places(const struct json *allow, const char *field, size_t least,
			policy_json_read *read, struct policy_place **ret_places, size_t *ret_count,
			struct error *err)
{
	struct policy_items places = {0};
	bool ok = policy_json_items(allow, field, least, POLICY_LIST_MAX, read,
				    sizeof(struct policy_place), &places, err);

	*ret_places = places.items;
	*ret_count = places.count;
	return ok;
}

/* What is absent leaves *RET_SECONDS as it is. */
static bool read_seconds(const struct json *lifetime, const char *field, int64_t *ret_seconds,
			 struct error *err)
{
	const struct json *value = json_find(lifetime, field);

	if (!value)
		return true;
	if (!json_integer(value, ret_seconds) || *ret_seconds < LIFETIME_LEAST_S ||
	    *ret_seconds > LIFETIME_MOST_S)
		return error_set(err, ERROR_INVALID,
				 "lifetime.%s must be a number of seconds from %d to %d", field,
				 LIFETIME_LEAST_S, LIFETIME_MOST_S);
	return true;
}

static bool read_percent(const struct json *lifetime, int64_t *ret_percent, struct error *err)
{
	const struct json *value = json_find(lifetime, "renewAtPercent");

	if (!value || (json_integer(value, ret_percent) && *ret_percent >= RENEW_LEAST_PERCENT &&
		       *ret_percent <= RENEW_MOST_PERCENT))
		return true;
	return error_set(err, ERROR_INVALID,
			 "lifetime.renewAtPercent must be a number of percent from %d to %d",
			 RENEW_LEAST_PERCENT, RENEW_MOST_PERCENT);
}

static bool read_lifetime(const struct json *allow, struct policy_allowance *allowance,
			  struct error *err)
{
	static const char *const fields[] = {"minSeconds", "maxSeconds", "renewAtPercent", NULL};
	const struct json *lifetime = json_find(allow, "lifetime");

	allowance->lifetime_min_s = LIFETIME_LEAST_S;
	allowance->lifetime_max_s = LIFETIME_USUAL_S;
	if (!lifetime)
		return true;
	if (!fields_are_known(lifetime, fields, err))
		return error_wrap(err, "lifetime");
	if (!read_seconds(lifetime, "minSeconds", &allowance->lifetime_min_s, err) ||
	    !read_seconds(lifetime, "maxSeconds", &allowance->lifetime_max_s, err) ||
	    !read_percent(lifetime, &allowance->renew_at_percent, err))
		return false;
	return allowance->lifetime_min_s <= allowance->lifetime_max_s ||
	       error_set(err, ERROR_INVALID,
			 "lifetime has a minSeconds above maxSeconds, which is %d when left out",
			 LIFETIME_USUAL_S);
}

static bool read_formats(const struct json *allow, struct policy_allowance *allowance,
			 struct error *err)
{
	if (!name_set_read(allow, "formats", 1, &allowance->formats, err))
		return false;
	if (allowance->formats.count == 0) {
		char **names = memory_new_array(1, sizeof(*names));

		names[0] = memory_text("Kubeconfig");
		allowance->formats = name_set_of(names, 1);
	}
	return true;
}

bool policy_allowance_read(const struct json *allow, struct policy_allowance *ret_allowance,
			   struct error *err)
{
	static const char *const fields[] = {"templates",
					     "clusterRules",
					     "dangers",
					     "namespacedRules",
					     "clusterRoles",
					     "roles",
					     "identities",
					     "existingServiceAccounts",
					     "protectedNamespaces",
					     "audiences",
					     "lifetime",
					     "formats",
					     "destinationNamespaces",
					     NULL};

	return fields_are_known(allow, fields, err) && read_templates(allow, ret_allowance, err) &&
	       read_ceiling(allow, ret_allowance, err) && read_dangers(allow, ret_allowance, err) &&
	       name_set_read(allow, "clusterRoles", 0, &ret_allowance->cluster_roles, err) &&
	       read_places(allow, "roles", 0, read_named, &ret_allowance->roles,
			   &ret_allowance->role_count, err) &&
	       name_set_read(allow, "protectedNamespaces", 0, &ret_allowance->protected_namespaces,
			     err) &&
	       read_places(allow, "identities", 1, read_identity, &ret_allowance->identities,
			   &ret_allowance->identity_count, err) &&
	       read_places(allow, "existingServiceAccounts", 0, read_named,
			   &ret_allowance->existing_identities,
			   &ret_allowance->existing_identity_count, err) &&
	       name_set_read(allow, "audiences", 0, &ret_allowance->audiences, err) &&
	       read_lifetime(allow, ret_allowance, err) &&
	       read_formats(allow, ret_allowance, err) &&
	       name_set_read(allow, "destinationNamespaces", 1, &ret_allowance->destinations, err);
}

static void templates_done(struct policy_allowance *allowance)
{
	for (size_t i = 0; i < allowance->template_count; i++) {
		struct policy_template_choice *choice = &allowance->templates[i];

		for (size_t j = 0; j < choice->parameter_count; j++) {
			memory_free(choice->parameters[j].name);
			name_set_done(&choice->parameters[j].values);
		}
		memory_free(choice->parameters);
		memory_free(choice->name);
	}
	memory_free(allowance->templates);
}

static void places_done(struct policy_place *places, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		memory_free(places[i].namespace_name);
		name_set_done(&places[i].names);
	}
	memory_free(places);
}

void policy_allowance_done(struct policy_allowance *allowance)
{
	templates_done(allowance);
	rule_set_free(allowance->ceiling);
	name_set_done(&allowance->cluster_roles);
	places_done(allowance->roles, allowance->role_count);
	name_set_done(&allowance->protected_namespaces);
	places_done(allowance->identities, allowance->identity_count);
	places_done(allowance->existing_identities, allowance->existing_identity_count);
	name_set_done(&allowance->audiences);
	name_set_done(&allowance->formats);
	name_set_done(&allowance->destinations);
	*allowance = (struct policy_allowance){0};
}
