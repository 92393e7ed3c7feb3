#include "core/hub_steps.h"

#include <stdio.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access.h"
#include "core/access_news.h"
#include "core/access_status.h"
#include "core/access_steps.h"
#include "core/destinations.h"
#include "core/hub_state.h"
#include "core/kube_path.h"
#include "core/request.h"
#include "core/store.h"

static struct json *patch_new(const struct access *access)
{
	struct json *patch = json_array_new();
	struct json *test = json_append_object(patch);

	json_add_string(test, "op", "test");
	json_add_string(test, "path", "/metadata/uid");
	json_add_string(test, "value", access->uid);
	return patch;
}

static struct json *patch_append(struct json *patch, const char *op, const char *path)
{
	struct json *operation = json_append_object(patch);

	json_add_string(operation, "op", op);
	json_add_string(operation, "path", path);
	return operation;
}

static bool split_key(const struct access *access, char **ret_namespace, const char **ret_name)
{
	const char *slash = access->request_key;

	while (*slash != '/')
		slash++;
	*ret_namespace = memory_bytes(access->request_key, (size_t)(slash - access->request_key));
	*ret_name = slash + 1;
	return true;
}

static void call_request(struct access_steps *steps, struct access *access, enum kube_verb verb,
			 const char *subresource, const struct json *body, access_reply *handle)
{
	cleanup_free char *namespace = NULL;
	cleanup_free char *path = NULL;
	const char *name;
	struct error err = {0};

	split_key(access, &namespace, &name);
	if (!kube_path_object(&KUBE_AUTH_TOKEN_REQUESTS, namespace, name, subresource, &path,
			      &err)) {
		access_steps_fail(steps, access, "InvalidRequest", &err);
		return;
	}
	access_steps_call_hub(steps, access,
			      &(struct kube_request){
				      .verb = verb,
				      .path = path,
				      .body = body,
				      .urgent = access->plan.step == ACCESS_REMOVE_FINALIZER,
			      },
			      handle);
}

static void add_finalizer(struct access_steps *steps, struct access *access,
			  const struct request *request, access_reply *handle);

static void note_finalizer(struct access_steps *steps, struct access *access)
{
	access->finalizer_added = true;
	access_steps_succeed(steps, access);
}

static void live_finalizer_added(struct access_steps *steps, struct access *access,
				 const struct kube_reply *reply)
{
	if (reply->err)
		access_steps_fail(steps, access, "HubUnavailable", reply->err);
	else
		note_finalizer(steps, access);
}

static void live_request_read(struct access_steps *steps, struct access *access,
			      const struct kube_reply *reply)
{
	struct error err = {0};
	struct request *live = reply->err ? NULL : request_read(reply->object, &err);

	if (live && (live->deleting || !text_same(live->uid, access->uid))) {
		error_set(&err, ERROR_CONFLICT, "the request is another one, or is being deleted");
		request_free(TAKE_PTR(live));
	}
	if (!live)
		access_steps_fail(steps, access, "HubUnavailable", reply->err ? reply->err : &err);
	else if (live->finalizer_index >= 0)
		note_finalizer(steps, access);
	else
		add_finalizer(steps, access, live, live_finalizer_added);
	request_free(live);
}

/* A watch that lags behind what we write ourselves would never show a version that holds. */
static void finalizer_added(struct access_steps *steps, struct access *access,
			    const struct kube_reply *reply)
{
	if (reply->kube.reason == KUBE_REASON_INVALID)
		call_request(steps, access, KUBE_GET, NULL, NULL, live_request_read);
	else
		live_finalizer_added(steps, access, reply);
}

static void add_finalizer(struct access_steps *steps, struct access *access,
			  const struct request *request, access_reply *handle)
{
	cleanup_json struct json *patch = patch_new(access);

	if (!request || request->finalizer_count > 0) {
		json_add_string(patch_append(patch, "add", "/metadata/finalizers/-"), "value",
				REQUEST_FINALIZER);
	} else {
		struct json *test = patch_append(patch, "test", "/metadata/resourceVersion");

		json_add_string(test, "value", request->resource_version);
		json_append_string(
			json_add_array(patch_append(patch, "add", "/metadata/finalizers"), "value"),
			REQUEST_FINALIZER);
	}
	call_request(steps, access, KUBE_PATCH_JSON, NULL, patch, handle);
}

void hub_step_add_finalizer(struct access_steps *steps, struct access *access)
{
	add_finalizer(steps, access, access_steps_request(steps, access), finalizer_added);
}

static void finalizer_removed(struct access_steps *steps, struct access *access,
			      const struct kube_reply *reply)
{
	if (reply->err && reply->kube.reason != KUBE_REASON_NOT_FOUND) {
		access_steps_fail(steps, access, "HubUnavailable", reply->err);
		return;
	}
	access->released = true;
	access->finalizer_added = false;
	access_steps_succeed(steps, access);
}

void hub_step_remove_finalizer(struct access_steps *steps, struct access *access)
{
	const struct request *request = access_steps_request(steps, access);
	cleanup_json struct json *patch = patch_new(access);
	char path[64];

	if (!request || request->finalizer_index < 0) {
		/* added and not seen in the watch yet, or taken away by somebody else */
		access->finalizer_added = false;
		access_steps_succeed(steps, access);
		return;
	}
	snprintf(path, sizeof(path), "/metadata/finalizers/%d", request->finalizer_index);
	json_add_string(patch_append(patch, "test", path), "value", REQUEST_FINALIZER);
	patch_append(patch, "remove", path);
	call_request(steps, access, KUBE_PATCH_JSON, NULL, patch, finalizer_removed);
}

static const char *const destination_verbs[] = {"get", "create", "patch", "delete"};

static void end_step(struct access_steps *steps, struct access *access,
		     const struct kube_reply *reply)
{
	if (reply && reply->err)
		access_steps_fail(steps, access, "HubUnavailable", reply->err);
	else
		access_steps_succeed(steps, access);
}

/* It ends in the same way for all who waited. REPLY may be NULL. */
static void end_question(struct access_steps *steps, struct access *access,
			 const struct kube_reply *reply)
{
	cleanup_free char *namespace = NULL;
	const char *name;
	struct access *waiting;

	split_key(access, &namespace, &name);
	end_step(steps, access, reply);
	while ((waiting = destinations_end_question(steps->destinations, namespace)) != NULL)
		end_step(steps, waiting, reply);
}

static void ask_destination(struct access_steps *steps, struct access *access);

static void destination_answered(struct access_steps *steps, struct access *access,
				 const struct kube_reply *reply)
{
	const struct request *request = access_steps_request(steps, access);
	bool allowed = json_is_true(json_find(reply->object, "status", "allowed"));
	size_t count = sizeof(destination_verbs) / sizeof(destination_verbs[0]);

	if (!reply->err && request && allowed && ++access->chain < count) {
		ask_destination(steps, access);
		return;
	}
	if (!reply->err && request)
		destinations_learn(steps->destinations, request->namespace, allowed,
				   clock_monotonic_ms(steps->clock));
	end_question(steps, access, reply);
}

static void ask_destination(struct access_steps *steps, struct access *access)
{
	const struct request *request = access_steps_request(steps, access);
	cleanup_json struct json *review = json_object_new();
	cleanup_free char *path = NULL;
	struct json *attributes;
	struct error err = {0};

	json_add_string(review, "apiVersion", "authorization.k8s.io/v1");
	json_add_string(review, "kind", "SelfSubjectAccessReview");
	attributes = json_add_object(json_add_object(review, "spec"), "resourceAttributes");
	json_add_string(attributes, "namespace", request ? request->namespace : NULL);
	json_add_string(attributes, "resource", "secrets");
	json_add_string(attributes, "verb", destination_verbs[access->chain]);
	if (!request || !kube_path_create(&KUBE_SELF_SUBJECT_ACCESS_REVIEWS, NULL, &path, &err)) {
		end_question(steps, access, NULL);
		return;
	}
	access_steps_call_hub(
		steps, access,
		&(struct kube_request){.verb = KUBE_CREATE, .path = path, .body = review},
		destination_answered);
}

void hub_step_check_destination(struct access_steps *steps, struct access *access)
{
	cleanup_free char *namespace = NULL;
	const char *name;

	split_key(access, &namespace, &name);
	access->chain = 0;
	if (destinations_begin_question(steps->destinations, namespace, access))
		ask_destination(steps, access);
}

/* What was found may be gone again, and the watch, which says so once, has said it: read anew. */
static bool is_out_of_date(const struct access_steps *steps, const struct access *access)
{
	return access->departures != store_departures(steps->seen->requests);
}

static void gone_answered(struct access_steps *steps, struct access *access,
			  const struct kube_reply *reply)
{
	struct error err = {0};

	if (reply->err && reply->kube.reason != KUBE_REASON_NOT_FOUND) {
		access_steps_fail(steps, access, "HubUnavailable", reply->err);
		return;
	}
	if (!reply->err &&
	    text_same(json_find_string(reply->object, "metadata", "uid"), access->uid)) {
		if (is_out_of_date(steps, access)) {
			access_steps_succeed(steps, access);
			return;
		}
		steps->found(steps->context, &KUBE_AUTH_TOKEN_REQUESTS, access->request_key,
			     reply->object);
		if (access_steps_request(steps, access)) {
			access_steps_succeed(steps, access);
			return;
		}
		error_set(&err, ERROR_UNAVAILABLE, "the watch lost a request that still exists");
		access_steps_fail(steps, access, "HubUnavailable", &err);
		return;
	}
	access->request_gone = true;
	access_steps_succeed(steps, access);
}

void hub_step_confirm_gone(struct access_steps *steps, struct access *access)
{
	access->departures = store_departures(steps->seen->requests);
	call_request(steps, access, KUBE_GET, NULL, NULL, gone_answered);
}

static void remember_status(struct access *access, const struct json *object)
{
	const struct json *status = json_find(object, "status");
	size_t size;

	memory_free(access->echoed_status);
	memory_free(access->echoed_version);
	access->echoed_status = status ? json_dump(status, &size) : NULL;
	access->echoed_version =
		memory_text(json_find_string(object, "metadata", "resourceVersion"));
}

/* A request that vanished under our hands is the watch's to tell. */
static void put_status_off(struct access_steps *steps, struct access *access,
			   const struct kube_reply *reply)
{
	bool again = access->attempts[ACCESS_REPORT] > 0;

	access->reported_digest[0] = '\0';
	access->status_retry_at_ms =
		access_steps_retry_at_ms(steps, access, ACCESS_REPORT, reply->err);
	if (!again && reply->kube.reason != KUBE_REASON_NOT_FOUND)
		steps->tell(steps->context, &(struct access_news){
						    .access = access,
						    .type = "Warning",
						    .action = access->ending ? "Revoke" : "Issue",
						    .reason = "StatusRefused",
						    .message = reply->err->text,
					    });
}

static void status_written(struct access_steps *steps, struct access *access,
			   const struct kube_reply *reply)
{
	access->acknowledged = true; /* that it cannot be said keeps nothing from being done */
	if (reply->err) {
		put_status_off(steps, access, reply);
	} else {
		remember_status(access, reply->object);
		access->attempts[ACCESS_REPORT] = 0;
		access->status_retry_at_ms = 0;
	}
	access->busy = false;
	steps->ended(steps->context, access);
}

void hub_step_write_status(struct access_steps *steps, struct access *access,
			   const struct json *status)
{
	cleanup_json struct json *patch = patch_new(access);
	size_t size;
	cleanup_free char *text = json_dump(status, &size);

	access_status_digest(text, access->reported_digest);
	json_add_copy(patch_append(patch, "add", "/status"), "value", status);
	call_request(steps, access, KUBE_PATCH_JSON, "status", patch, status_written);
}
