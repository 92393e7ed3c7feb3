#include "core/member_objects.h"

#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/kube_path.h"
#include "core/ledger.h"
#include "core/request.h"
#include "core/rights.h"

#define MANAGER_LABEL   "app.kubernetes.io/managed-by"
#define HUB_LABEL       "credbroker.dev/hub-id"
#define REQUEST_LABEL   "credbroker.dev/request-uid"
#define MARK_ANNOTATION "credbroker.dev/mark"

enum {
	UID_MAX = 128,     /* what the ledger takes; Kubernetes' own have 36 */
	MANAGER_MAX = 128, /* Kubernetes' own cap */
};

static struct json *object_new(const char *api_version, const char *kind)
{
	struct json *object = json_object_new();

	json_add_string(object, "apiVersion", api_version);
	json_add_string(object, "kind", kind);
	return object;
}

/* Labels are an index for people and lists; only UID and mark decide what is ours. */
static struct json *add_metadata(struct json *object, const struct ledger *ledger, const char *kind,
				 const char *namespace, const char *name,
				 const char *requested_name)
{
	struct json *metadata = json_add_object(object, "metadata");
	struct json *labels = json_add_object(metadata, "labels");
	struct json *annotations = json_add_object(metadata, "annotations");
	struct text request = text_with_max(HTTP_PATH_MAX);
	cleanup_free char *request_key = NULL;
	char mark[DIGEST_SHORT_SIZE];

	text_appendf(&request, "%s/%s", ledger->request_namespace, ledger->request_name);
	request_key = text_take(&request);
	ledger_mark(ledger, kind, namespace, name, mark);
	json_add_string(metadata, "namespace", namespace);
	json_add_string(metadata, "name", name);
	json_add_string(labels, MANAGER_LABEL, "credbroker");
	json_add_string(labels, HUB_LABEL, ledger->hub_id);
	json_add_string(labels, REQUEST_LABEL, ledger->uid);
	json_add_string(annotations, "credbroker.dev/request", request_key);
	json_add_string(annotations, "credbroker.dev/requested-name", requested_name);
	json_add_string(annotations, MARK_ANNOTATION, mark);
	return metadata;
}

/* The server stores no empty list, so none is sent: what comes back must compare equal. */
static bool copy_unless_empty(void *rule, const char *key, const struct json *value)
{
	if (json_is_array(value) && json_size(value) > 0)
		json_add_copy(rule, key, value);
	return true;
}

static void add_rules(struct json *object, const struct request_role *role)
{
	struct error err = {0};
	struct json *rules = json_add_array(object, "rules");
	cleanup_json struct json *wanted =
		role && role->rules ? json_parse(role->rules, strlen(role->rules), &err) : NULL;

	for (size_t i = 0; i < json_size(wanted); i++)
		json_each(json_item(wanted, i), copy_unless_empty, json_append_object(rules));
}

/* A role with rules has a derived name, recorded before the binding; NULL: it is bound as it is. */
static const char *derived_role_name(const struct ledger *ledger,
				     const struct ledger_object *binding)
{
	const struct kube_resource *roles = binding->namespace ? &KUBE_ROLES : &KUBE_CLUSTER_ROLES;

	for (size_t i = 0; i < ledger->object_count; i++)
		if (ledger->objects[i].resource == roles &&
		    text_same(ledger->objects[i].namespace, binding->namespace) &&
		    text_same(ledger->objects[i].requested_name, binding->requested_name))
			return ledger->objects[i].name;
	return NULL;
}

bool member_object_binds_existing(const struct ledger *ledger, size_t index)
{
	const struct ledger_object *object = &ledger->objects[index];
	bool binding = object->resource == &KUBE_ROLE_BINDINGS ||
		       object->resource == &KUBE_CLUSTER_ROLE_BINDINGS;

	return binding && !derived_role_name(ledger, object);
}

static void add_binding(struct json *object, const struct ledger *ledger,
			const struct ledger_object *binding)
{
	struct json *role = json_add_object(object, "roleRef");
	struct json *subject = json_append_object(json_add_array(object, "subjects"));
	const char *derived = derived_role_name(ledger, binding);

	json_add_string(role, "apiGroup", KUBE_ROLES.group);
	json_add_string(role, "kind", binding->namespace ? "Role" : "ClusterRole");
	json_add_string(role, "name", derived ? derived : binding->requested_name);
	json_add_string(subject, "kind", "ServiceAccount");
	json_add_string(subject, "namespace", ledger->identity_namespace);
	json_add_string(subject, "name", ledger->objects[0].name);
}

static struct json *render(const struct ledger *ledger, size_t index, const struct rights *rights,
			   const char *uid)
{
	const struct ledger_object *object = &ledger->objects[index];
	const struct kube_resource *resource = object->resource;
	struct json *json = object_new(
		resource == &KUBE_SERVICE_ACCOUNTS ? "v1" : "rbac.authorization.k8s.io/v1",
		resource->kind);

	json_add_string(add_metadata(json, ledger, resource->kind, object->namespace, object->name,
				     object->requested_name),
			"uid", uid);
	if (resource == &KUBE_SERVICE_ACCOUNTS)
		json_add_bool(json, "automountServiceAccountToken", false);
	else if (resource == &KUBE_ROLES || resource == &KUBE_CLUSTER_ROLES)
		add_rules(json, rights_role(rights, object));
	else
		add_binding(json, ledger, object);
	return json;
}

struct json *member_object_render(const struct ledger *ledger, size_t index,
				  const struct rights *rights)
{
	return render(ledger, index, rights, NULL);
}

struct json *member_object_render_change(const struct ledger *ledger, size_t index,
					 const struct rights *rights)
{
	return render(ledger, index, rights, ledger->objects[index].uid);
}

bool member_object_is_ours(const struct ledger *ledger, size_t index, const struct json *live)
{
	const struct ledger_object *object = &ledger->objects[index];
	const char *uid = json_find_string(live, "metadata", "uid");
	const char *live_mark = json_find_string(live, "metadata", "annotations", MARK_ANNOTATION);
	char mark[DIGEST_SHORT_SIZE];

	if (!uid)
		return false;
	if (object->uid)
		return text_same(object->uid, uid);
	ledger_mark(ledger, object->resource->kind, object->namespace, object->name, mark);
	return text_same(mark, live_mark);
}

const char *member_object_request(const struct json *live, const char *hub_id)
{
	const struct json *labels = json_find(live, "metadata", "labels");
	const char *uid = json_find_string(labels, REQUEST_LABEL);
	bool ours = text_same(json_find_string(labels, MANAGER_LABEL), "credbroker") &&
		    text_same(json_find_string(labels, HUB_LABEL), hub_id);

	return ours && !text_is_empty(uid) && strlen(uid) <= UID_MAX ? uid : NULL;
}

bool member_object_has_mark(const struct json *live, const struct kube_resource *resource,
			    const char *nonce)
{
	struct ledger ledger = {.nonce = (char *)nonce}; /* only read */
	const char *name = json_find_string(live, "metadata", "name");
	char mark[DIGEST_SHORT_SIZE];

	if (!name)
		return false;
	ledger_mark(&ledger, resource->kind, json_find_string(live, "metadata", "namespace"), name,
		    mark);
	return text_same(mark, json_find_string(live, "metadata", "annotations", MARK_ANNOTATION));
}

const char *member_object_uid(const struct json *live)
{
	const char *uid = json_find_string(live, "metadata", "uid");
	size_t size = 0;

	for (; uid && uid[size]; size++)
		if (size == UID_MAX || uid[size] <= ' ' || uid[size] > '~')
			return NULL;
	return size > 0 ? uid : NULL;
}

bool member_object_is_intact(const struct json *intended, const struct json *live,
			     struct error *err)
{
	static const char *const fields[] = {"rules", "roleRef", "subjects"};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (json_find(intended, fields[i]) &&
		    !json_equal(json_find(intended, fields[i]), json_find(live, fields[i])))
			return error_set(err, ERROR_CONFLICT,
					 "the member changed the %s of what was made", fields[i]);
	return true;
}

char *member_objects_selector(const char *hub_id)
{
	struct text selector = text_with_max(HTTP_PATH_MAX);

	text_appendf(&selector, MANAGER_LABEL "=credbroker," HUB_LABEL "=%s", hub_id);
	return text_take(&selector);
}

/* What nobody else has to write. Labels and annotations that others add are theirs. */
static const struct part {
	const char *name;
	const char *path[4]; /* ends with NULL */
} parts[] = {
	{MEMBER_OBJECT_AGGREGATION, {"aggregationRule"}}, /* would let others fill in the rules */
	{"rules", {"rules"}},
	{"roleRef", {"roleRef"}},
	{"subjects", {"subjects"}},
	{"labels", {"metadata", "labels", MANAGER_LABEL}},
	{"labels", {"metadata", "labels", HUB_LABEL}},
	{"labels", {"metadata", "labels", REQUEST_LABEL}},
	{"annotations", {"metadata", "annotations", MARK_ANNOTATION}},
};

enum { PART_COUNT = sizeof(parts) / sizeof(parts[0]) };

const char *member_object_difference(const struct json *intended, const struct json *live)
{
	for (size_t i = 0; i < PART_COUNT; i++)
		if (!json_equal(json_find_path(intended, parts[i].path),
				json_find_path(live, parts[i].path)))
			return parts[i].name;
	return NULL;
}

void member_object_digest(const struct json *object, char ret_digest[DIGEST_SHORT_SIZE])
{
	char *texts[PART_COUNT] = {NULL};
	const char *fields[PART_COUNT + 1] = {NULL};

	for (size_t i = 0; i < PART_COUNT; i++) {
		const struct json *part = json_find_path(object, parts[i].path);
		size_t size;

		texts[i] = part ? json_dump(part, &size) : NULL;
		fields[i] = texts[i] ? texts[i] : "";
	}
	digest_short(fields, ret_digest);
	for (size_t i = 0; i < PART_COUNT; i++)
		memory_free(texts[i]);
}

/* It is printed. */
static bool is_legal_manager(const char *name)
{
	static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789._:/@-";

	return !text_is_empty(name) && strlen(name) <= MANAGER_MAX && !name[strspn(name, legal)];
}

const char *member_object_editor(const struct json *live)
{
	const struct json *list = json_find(live, "metadata", "managedFields");
	const char *editor = NULL;
	const char *latest = "";

	for (size_t i = 0; i < json_size(list); i++) {
		const char *manager = json_find_string(json_item(list, i), "manager");
		const char *time = json_find_string(json_item(list, i), "time");

		if (!is_legal_manager(manager) || strcmp(manager, "credbroker") == 0 || !time ||
		    strcmp(time, latest) <= 0)
			continue;
		editor = manager;
		latest = time;
	}
	return editor;
}

/* So that it goes with its ServiceAccount when nobody knows its name any more. Who only explains
 * what would be made knows no UID. */
static void add_owner(struct json *metadata, const struct ledger *ledger)
{
	struct json *owner;

	if (!ledger->objects[0].uid)
		return;
	owner = json_append_object(json_add_array(metadata, "ownerReferences"));
	json_add_string(owner, "apiVersion", "v1");
	json_add_string(owner, "kind", "ServiceAccount");
	json_add_string(owner, "name", ledger->objects[0].name);
	json_add_string(owner, "uid", ledger->objects[0].uid);
}

struct json *member_anchor_render(const struct ledger *ledger, int64_t generation)
{
	cleanup_free char *name = ledger_anchor_name(ledger, generation);
	struct json *anchor = object_new("v1", "Secret");

	add_owner(add_metadata(anchor, ledger, "Secret", ledger->identity_namespace, name, NULL),
		  ledger);
	json_add_string(anchor, "type", "credbroker.dev/anchor");
	return anchor;
}

struct json *member_token_request_render(const struct ledger *ledger, const struct request *request,
					 int64_t generation, const char *anchor_uid)
{
	cleanup_free char *anchor_name = ledger_anchor_name(ledger, generation);
	struct json *token_request = object_new("authentication.k8s.io/v1", "TokenRequest");
	struct json *metadata = json_add_object(token_request, "metadata");
	struct json *spec = json_add_object(token_request, "spec");
	struct json *audiences = json_add_array(spec, "audiences");
	struct json *anchor = json_add_object(spec, "boundObjectRef");

	json_add_string(metadata, "namespace", ledger->identity_namespace);
	json_add_string(metadata, "name", ledger->objects[0].name);
	json_add_string(metadata, "uid", ledger->objects[0].uid);
	for (size_t i = 0; i < request->audience_count; i++)
		json_append_string(audiences, request->audiences[i]);
	json_add_integer(spec, "expirationSeconds", request->expiration_s);
	json_add_string(anchor, "apiVersion", "v1");
	json_add_string(anchor, "kind", "Secret");
	json_add_string(anchor, "name", anchor_name);
	json_add_string(anchor, "uid", anchor_uid);
	return token_request;
}

struct json *member_review_render(void)
{
	return object_new("authentication.k8s.io/v1", "SelfSubjectReview");
}

char *member_username(const struct ledger *ledger)
{
	struct text username = text_with_max(HTTP_PATH_MAX);

	text_appendf(&username, "system:serviceaccount:%s:%s", ledger->identity_namespace,
		     ledger->objects[0].name);
	return text_take(&username);
}

bool member_review_is_of_identity(const struct ledger *ledger, const struct json *review)
{
	const struct json *user = json_find(review, "status", "userInfo");
	cleanup_free char *username = member_username(ledger);

	return text_same(json_find_string(user, "username"), username) &&
	       text_same(json_find_string(user, "uid"), ledger->objects[0].uid);
}
