#include "policy_test.h"

#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access_steps.h"
#include "core/explanation.h"
#include "core/explanation_text.h"
#include "core/hub_state.h"
#include "core/kube_path.h"
#include "core/store.h"
#include "hub_survey.h"
#include "manifest_file.h"
#include "options.h"

enum { REQUESTS_MAX = 1000 };

struct policy_test {
	const struct options *options;
	struct hub_state seen;
	struct access_settings settings;
	char *hub_id;
	struct json *requests; /* [{"file", "object"}] */
	struct json *reports;
	struct json *notes;
	bool denied;
};

static void policy_test_done(struct policy_test *test)
{
	hub_state_done(&test->seen);
	memory_free(test->hub_id);
	json_free(test->requests);
	json_free(test->reports);
	json_free(test->notes);
}

static bool is_of(const struct json *object, const struct kube_resource *resource)
{
	char api_version[KUBE_API_VERSION_SIZE];

	return text_same(json_find_string(object, "kind"), resource->kind) &&
	       text_same(json_find_string(object, "apiVersion"),
			 kube_resource_api_version(resource, api_version));
}

/* A slip of the pen must not pass for another program's object. */
static bool is_foreign(const struct json *object)
{
	const char *api_version = json_find_string(object, "apiVersion");

	return strncmp(api_version, "credbroker.dev/", strlen("credbroker.dev/")) != 0 &&
	       strncmp(api_version, "multicluster.x-k8s.io/", strlen("multicluster.x-k8s.io/")) !=
		       0;
}

static const struct kube_resource *known_resource(const struct json *object)
{
	static const struct kube_resource *const resources[] = {
		&KUBE_AUTH_TOKEN_REQUESTS, &KUBE_ACCESS_POLICIES,  &KUBE_RBAC_TEMPLATES,
		&KUBE_NAMESPACES,          &KUBE_CLUSTER_PROFILES, &KUBE_ISSUED_CREDENTIALS,
	};

	for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
		if (is_of(object, resources[i]))
			return resources[i];
	return NULL;
}

static bool is_known(const struct json *object, struct error *err)
{
	return known_resource(object) || is_foreign(object) ||
	       error_set(err, ERROR_INVALID, "there is no kind %.80s in %.80s",
			 json_find_string(object, "kind"), json_find_string(object, "apiVersion"));
}

static bool take_request(void *context, const char *file, const struct json *object,
			 struct error *err)
{
	struct policy_test *test = context;
	struct json *item;

	if (!is_of(object, &KUBE_AUTH_TOKEN_REQUESTS))
		return is_known(object, err);
	if (json_size(test->requests) == REQUESTS_MAX)
		return error_set(err, ERROR_INVALID, "more than %d requests", REQUESTS_MAX);
	item = json_append_object(test->requests);
	json_add_string(item, "file", file);
	json_add_copy(item, "object", object);
	return true;
}

/* What was never created has no UID, which what reads live objects insists on. */
static struct json *with_uid(const struct json *object)
{
	cleanup_json struct json *metadata = json_dup(json_find(object, "metadata"));
	struct json *copy = json_dup(object);

	if (!json_find_string(metadata, "uid"))
		json_add_string(metadata, "uid", EXPLANATION_NO_UID);
	json_add_copy(copy, "metadata", metadata);
	return copy;
}

static bool take_known(struct policy_test *test, const struct kube_resource *resource,
		       const struct json *object, struct error *err)
{
	const char *namespace = json_find_string(object, "metadata", "namespace");
	const char *name = json_find_string(object, "metadata", "name");
	cleanup_text struct text key = text_with_max(HTTP_PATH_MAX);
	cleanup_json struct json *live = NULL;
	hub_state_read *reader = NULL;
	struct store *store = hub_state_store(&test->seen, resource, &reader);
	void *projected;

	if (text_is_empty(name) || (resource->namespaced && text_is_empty(namespace)))
		return error_set(err, ERROR_INVALID, "a %s without metadata.%s", resource->kind,
				 text_is_empty(name) ? "name" : "namespace");
	live = with_uid(object);
	projected = reader(live, err);
	if (!projected)
		return error_wrap(err, "%s %.80s", resource->kind, name);
	text_appendf(&key, "%s%s%s", resource->namespaced ? namespace : "",
		     resource->namespaced ? "/" : "", name);
	store_put(store, text_chars(&key), projected);
	return true;
}

static bool take_basis(void *context, const char *file, const struct json *object,
		       struct error *err)
{
	const struct kube_resource *resource = known_resource(object);

	(void)file;
	if (!resource || resource == &KUBE_AUTH_TOKEN_REQUESTS ||
	    resource == &KUBE_ISSUED_CREDENTIALS)
		return is_known(object, err);
	return take_known(context, resource, object, err);
}

/* Files are laid over what the hub has: what if this policy were applied? */
static bool gather(struct policy_test *test, struct error *err)
{
	const struct options *options = test->options;
	bool is_offline = !options->kubeconfig && options->policies.count > 0;

	for (size_t i = 0; i < options->files.count; i++)
		if (!manifest_file_each(options->files.items[i], take_request, test, err))
			return false;
	if (json_size(test->requests) == 0)
		return error_set(err, ERROR_INVALID, "there is no AuthTokenRequest in %.120s",
				 options->files.items[0]);
	if (!is_offline && !hub_survey_run(options, &test->seen, &test->hub_id, test->notes, err))
		return false;
	for (size_t i = 0; i < options->policies.count; i++)
		if (!manifest_file_each(options->policies.items[i], take_basis, test, err))
			return false;
	hub_state_learn_identities(&test->seen);
	return true;
}

static bool explain(struct policy_test *test, const struct json *item, struct error *err)
{
	const struct options *options = test->options;
	const struct explanation_basis basis = {
		.seen = &test->seen,
		.settings = &test->settings,
		.username = options->as_user,
		.groups = options->as_groups.items,
		.group_count = options->as_groups.count,
	};
	const char *file = json_find_string(item, "file");
	struct json *report = explanation_render(&basis, json_find(item, "object"), err);

	if (!report)
		return error_wrap(err, "%.120s", file);
	json_add_string(report, "file", file);
	test->denied = test->denied || !json_is_true(json_find(report, "allowed"));
	json_append(test->reports, report);
	return true;
}

static bool explain_all(struct policy_test *test, struct error *err)
{
	const struct options *options = test->options;

	test->settings = (struct access_settings){
		.hub_id = options->hub_id ? options->hub_id : test->hub_id,
		.namespace = options->namespace,
		.identity_namespace = options->identity_namespace,
		.profile_namespace = options->profile_namespace,
		.protected_patterns = options->protected_namespaces.items,
		.protected_count = options->protected_namespaces.count,
		.renew_at_percent = options->renew_at_percent,
	};
	for (size_t i = 0; i < json_size(test->requests); i++)
		if (!explain(test, json_item(test->requests, i), err))
			return false;
	return true;
}

static void print_json(const struct policy_test *test)
{
	cleanup_json struct json *all = json_object_new();
	cleanup_free char *text = NULL;
	size_t size;

	json_add_copy(all, "requests", test->reports);
	json_add_copy(all, "notes", test->notes);
	text = json_dump(all, &size);
	printf("%s\n", text);
}

/* What the hub holds is not to write on a terminal. */
static void print_note(const char *note)
{
	printf("# note: ");
	for (; *note; note++)
		putchar(*note < ' ' || *note > '~' ? '?' : *note);
	printf("\n");
}

static void print_text(const struct policy_test *test)
{
	for (size_t i = 0; i < json_size(test->notes); i++)
		print_note(json_string(json_item(test->notes, i)));
	for (size_t i = 0; i < json_size(test->reports); i++) {
		const struct json *report = json_item(test->reports, i);
		cleanup_free char *text =
			explanation_text(report, json_find_string(report, "file"));

		printf("%s%s", i > 0 ? "---\n" : "", text);
	}
}

bool policy_test_run(const struct options *options, bool *ret_allowed, struct error *err)
{
	cleanup_with(policy_test_done) struct policy_test test = {
		.options = options,
		.requests = json_array_new(),
		.reports = json_array_new(),
		.notes = json_array_new(),
	};

	hub_state_init(&test.seen);
	if (!gather(&test, err) || !explain_all(&test, err))
		return false;
	if (options->json)
		print_json(&test);
	else
		print_text(&test);
	*ret_allowed = !test.denied;
	return true;
}
