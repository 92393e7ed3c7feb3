#include "core/request.h"

#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>
#include <base/timestamp.h>

static char *text_or_empty(const char *text)
{
	return memory_text(text ? text : "");
}

static bool name_is_safe(const char *name, size_t size_max)
{
	size_t size = name ? strlen(name) : 0;

	return size > 0 && size <= size_max && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	       !strpbrk(name, "/%");
}

static bool rules_are_well_formed(const struct json *rules)
{
	for (size_t i = 0; i < json_size(rules); i++)
		if (json_size(json_find(json_item(rules, i), "verbs")) == 0)
			return false;
	return true;
}

void request_role_done(struct request_role *role)
{
	memory_free(role->namespace);
	memory_free(role->name);
	memory_free(role->rules);
	*role = (struct request_role){0};
}

bool request_role_read(const struct json *item, bool namespaced, struct request_role *ret_role,
		       struct error *err)
{
	const char *name = json_find_string(item, "name");
	const char *namespace = json_find_string(item, "namespace");
	const struct json *rules = json_find(item, "rules");
	size_t size;

	if (!name_is_safe(name, 253))
		return error_set(err, ERROR_INVALID, "a role needs a name without '/' and '%%'");
	if (namespaced && !name_is_safe(namespace, 63))
		return error_set(err, ERROR_INVALID, "role \"%.80s\" needs a namespace", name);
	if (!rules_are_well_formed(rules))
		return error_set(err, ERROR_INVALID, "role \"%.80s\" has a rule without verbs",
				 name);
	ret_role->name = memory_text(name);
	ret_role->namespace = namespaced ? memory_text(namespace) : NULL;
	ret_role->rules = json_size(rules) > 0 ? json_dump(rules, &size) : NULL;
	if (ret_role->rules && size > REQUEST_RULES_MAX) {
		error_set(err, ERROR_INVALID, "the rules of role \"%.80s\" take more than %d bytes",
			  name, REQUEST_RULES_MAX);
		request_role_done(ret_role);
		return false;
	}
	return true;
}

bool request_role_is_among(const struct request_role *role, const struct request_role *roles,
			   size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (text_same(roles[i].namespace, role->namespace) &&
		    text_same(roles[i].name, role->name))
			return true;
	return false;
}

static bool read_roles(struct request *request, const struct json *list, bool namespaced,
		       struct error *err)
{
	for (size_t i = 0; i < json_size(list); i++) {
		struct request_role role = {0};

		if (request->role_count == REQUEST_ROLES_MAX)
			return error_set(err, ERROR_INVALID, "more than %d roles",
					 REQUEST_ROLES_MAX);
		if (!request_role_read(json_item(list, i), namespaced, &role, err))
			return false;
		if (request_role_is_among(&role, request->roles, request->role_count)) {
			error_set(err, ERROR_INVALID, "role \"%.80s\" is named twice", role.name);
			request_role_done(&role);
			return false;
		}
		request->roles[request->role_count++] = role;
	}
	return true;
}

static bool read_target(struct request *request, const struct json *spec, struct error *err)
{
	const struct json *target = json_find(spec, "targetClusterProfile");
	const char *kind = json_find_string(target, "kind");
	const char *name = json_find_string(target, "name");

	if (!name_is_safe(name, 253))
		return error_set(err, ERROR_INVALID, "targetClusterProfile needs a name");
	if (!text_is_empty(kind) && strcmp(kind, "ClusterProfile") != 0)
		return error_set(err, ERROR_INVALID,
				 "targetClusterProfile must be a ClusterProfile");
	request->profile_name = memory_text(name);
	request->profile_namespace = text_or_empty(json_find_string(target, "namespace"));
	return true;
}

static bool read_identity(struct request *request, const struct json *spec, struct error *err)
{
	const char *name = json_find_string(spec, "serviceAccountName");

	if (!name_is_safe(name, 63))
		return error_set(err, ERROR_INVALID,
				 "serviceAccountName is empty or no legal name");
	request->service_account = memory_text(name);
	request->service_account_namespace =
		text_or_empty(json_find_string(spec, "serviceAccountNamespace"));
	if (strpbrk(request->service_account_namespace, "/%"))
		return error_set(err, ERROR_INVALID, "serviceAccountNamespace is no legal name");
	return true;
}

static bool read_credential(struct request *request, const struct json *spec, struct error *err)
{
	const struct json *credential = json_find(spec, "credential");
	const struct json *audiences = json_find(credential, "audiences");
	const char *type = json_find_string(credential, "type");

	if (type && strcmp(type, "ServiceAccountToken") != 0)
		return error_set(err, ERROR_INVALID, "credential.type %.40s is not served", type);
	if (!json_integer(json_find(credential, "expirationSeconds"), &request->expiration_s))
		request->expiration_s = REQUEST_EXPIRATION_DEFAULT_S;
	if (request->expiration_s < REQUEST_EXPIRATION_MIN_S ||
	    request->expiration_s > REQUEST_EXPIRATION_MAX_S)
		return error_set(err, ERROR_INVALID,
				 "credential.expirationSeconds is not between %d and %d",
				 REQUEST_EXPIRATION_MIN_S, REQUEST_EXPIRATION_MAX_S);
	request->audiences = memory_new_array(json_size(audiences) + 1, sizeof(char *));
	for (size_t i = 0; i < json_size(audiences); i++)
		request->audiences[request->audience_count++] =
			text_or_empty(json_string(json_item(audiences, i)));
	return true;
}

static bool read_deliveries(struct request *request, const struct json *spec, struct error *err)
{
	const struct json *deliveries = json_find(spec, "deliveries");
	const struct json *first = json_item(deliveries, 0);
	const char *format = json_find_string(first, "format");

	if (json_size(deliveries) > 1)
		return error_set(err, ERROR_INVALID, "more than one delivery is not served");
	if (format && strcmp(format, "Kubeconfig") != 0)
		return error_set(err, ERROR_INVALID, "delivery format %.40s is not served", format);
	request->delivery_name =
		memory_text(first ? json_find_string(first, "name") : "kubeconfig");
	if (text_is_empty(request->delivery_name))
		return error_set(err, ERROR_INVALID, "a delivery needs a name");
	return true;
}

/* What is in them is for the template engine. */
static bool read_templates(struct request *request, const struct json *list, struct error *err)
{
	if (json_size(list) > REQUEST_TEMPLATES_MAX)
		return error_set(err, ERROR_INVALID, "more than %d templates",
				 REQUEST_TEMPLATES_MAX);
	for (size_t i = 0; i < json_size(list); i++)
		if (text_is_empty(json_find_string(json_item(list, i), "name")))
			return error_set(err, ERROR_INVALID, "a template needs a name");
	request->templates = json_size(list) > 0 ? json_dup(list) : NULL;
	return true;
}

/* One with more groups than the CRD takes is none: a part of them would be another requester. */
static void read_requester(struct request *request, const struct json *requester)
{
	const struct json *groups = json_find(requester, "groups");
	const char *name = json_find_string(requester, "username");
	size_t count = json_size(groups);

	if (text_is_empty(name) || count > REQUESTER_GROUPS_MAX)
		return;
	request->requester = memory_text(name);
	request->requester_uid = text_or_empty(json_find_string(requester, "uid"));
	request->requester_groups = memory_new_array(count + 1, sizeof(char *));
	for (size_t i = 0; i < count; i++)
		request->requester_groups[request->requester_group_count++] =
			text_or_empty(json_string(json_item(groups, i)));
}

static bool read_spec(struct request *request, const struct json *spec, struct error *err)
{
	size_t roles =
		json_size(json_find(spec, "roles")) + json_size(json_find(spec, "clusterRoles"));

	if (roles > REQUEST_ROLES_MAX)
		roles = REQUEST_ROLES_MAX;
	request->roles = memory_new_array(roles, sizeof(*request->roles));
	read_requester(request, json_find(spec, "requester"));
	request->suspended = json_is_true(json_find(spec, "suspend"));
	return read_target(request, spec, err) && read_identity(request, spec, err) &&
	       read_templates(request, json_find(spec, "templates"), err) &&
	       read_credential(request, spec, err) && read_deliveries(request, spec, err) &&
	       read_roles(request, json_find(spec, "roles"), true, err) &&
	       read_roles(request, json_find(spec, "clusterRoles"), false, err);
}

static void read_finalizers(struct request *request, const struct json *metadata)
{
	const struct json *finalizers = json_find(metadata, "finalizers");

	request->finalizer_count = json_size(finalizers);
	request->finalizer_index = -1;
	for (size_t i = 0; i < request->finalizer_count; i++)
		if (text_same(json_string(json_item(finalizers, i)), REQUEST_FINALIZER))
			request->finalizer_index = (int)i;
}

/* It can be set by who may change the request, and costs one token for each new value. */
static void read_rotation(struct request *request, const struct json *annotations)
{
	const char *text = json_find_string(annotations, REQUEST_ROTATE_AT);
	struct error err = {0};

	if (!text_is_empty(text) && !timestamp_parse(text, &request->rotate_at_s, &err))
		request->rotate_at_is_wrong = true;
}

static void read_abandonment(struct request *request, const struct json *annotations)
{
	const char *text = json_find_string(annotations, REQUEST_ABANDON);

	request->abandoned = !text_is_empty(text) && !text_same(text, "false");
}

static void read_deletion(struct request *request, const char *timestamp)
{
	struct error err = {0};

	request->deleting = timestamp != NULL;
	if (timestamp) /* written by the API server */
		timestamp_parse(timestamp, &request->deleted_at_s, &err);
}

static bool read_metadata(struct request *request, const struct json *metadata, struct error *err)
{
	struct text key = text_with_max(HTTP_PATH_MAX);
	const char *created = json_find_string(metadata, "creationTimestamp");
	struct error ignored = {0};

	request->namespace = text_or_empty(json_find_string(metadata, "namespace"));
	request->name = text_or_empty(json_find_string(metadata, "name"));
	request->uid = text_or_empty(json_find_string(metadata, "uid"));
	request->resource_version = text_or_empty(json_find_string(metadata, "resourceVersion"));
	read_deletion(request, json_find_string(metadata, "deletionTimestamp"));
	if (created)
		timestamp_parse(created, &request->created_s, &ignored);
	json_integer(json_find(metadata, "generation"), &request->generation);
	read_finalizers(request, metadata);
	read_rotation(request, json_find(metadata, "annotations"));
	read_abandonment(request, json_find(metadata, "annotations"));
	text_appendf(&key, "%s/%s", request->namespace, request->name);
	request->key = text_take(&key);
	if (!*request->namespace || !*request->name || !*request->uid)
		return error_set(err, ERROR_INVALID, "an object without namespace, name or uid");
	return true;
}

struct request *request_read(const struct json *object, struct error *err)
{
	struct request *request = memory_new(sizeof(*request));
	const struct json *status = json_find(object, "status");
	struct error invalid = {0};
	size_t size;

	if (!read_metadata(request, json_find(object, "metadata"), err)) {
		request_free(request);
		return NULL;
	}
	request->status = status ? json_dump(status, &size) : NULL;
	request->has_conditions = json_size(json_find(status, "conditions")) > 0;
	if (!read_spec(request, json_find(object, "spec"), &invalid))
		memcpy(request->invalid, invalid.text, sizeof(request->invalid));
	return request;
}

void request_free(void *pointer)
{
	struct request *request = pointer;

	if (!request)
		return;
	for (size_t i = 0; i < request->role_count; i++)
		request_role_done(&request->roles[i]);
	for (size_t i = 0; i < request->audience_count; i++)
		memory_free(request->audiences[i]);
	memory_free(request->roles);
	for (size_t i = 0; i < request->requester_group_count; i++)
		memory_free(request->requester_groups[i]);
	memory_free(request->requester_groups);
	memory_free(request->requester);
	memory_free(request->requester_uid);
	memory_free(request->audiences);
	json_free(request->templates);
	memory_free(request->key);
	memory_free(request->namespace);
	memory_free(request->name);
	memory_free(request->uid);
	memory_free(request->resource_version);
	memory_free(request->profile_namespace);
	memory_free(request->profile_name);
	memory_free(request->service_account);
	memory_free(request->service_account_namespace);
	memory_free(request->delivery_name);
	memory_free(request->status);
	memory_free(request);
}

void request_terms(const struct request *request, char ret_terms[DIGEST_SHORT_SIZE])
{
	cleanup_free const char **fields =
		memory_new_array(request->audience_count + 3, sizeof(*fields));
	char expiration[24];

	snprintf(expiration, sizeof(expiration), "%lld", (long long)request->expiration_s);
	fields[0] = "credential";
	fields[1] = expiration;
	for (size_t i = 0; i < request->audience_count; i++)
		fields[2 + i] = request->audiences[i];
	digest_short(fields, ret_terms);
}

void request_requester_digest(const struct request *request, char ret_digest[DIGEST_SHORT_SIZE])
{
	cleanup_free const char **fields =
		memory_new_array(request->requester_group_count + 4, sizeof(*fields));

	fields[0] = "requester";
	fields[1] = request->requester;
	fields[2] = request->requester_uid;
	for (size_t i = 0; i < request->requester_group_count; i++)
		fields[3 + i] = request->requester_groups[i];
	digest_short(fields, ret_digest);
}

char *request_profile_key(const struct request *request, const char *default_namespace)
{
	struct text key = text_with_max(HTTP_PATH_MAX);
	const char *chosen = request->profile_namespace;

	if (text_is_empty(chosen))
		chosen = default_namespace ? default_namespace : request->namespace;
	text_appendf(&key, "%s/%s", chosen, request->profile_name ? request->profile_name : "");
	return text_take(&key);
}
