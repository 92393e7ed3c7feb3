#include "core/admission_canary.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>
#include <base/timestamp.h>

#include "core/backoff.h"
#include "core/kube_path.h"
#include "core/request.h"

enum {
	PROVEN_MS = 120 * 1000, /* a policy that is deleted is noticed within this time */
	STALE_ROUNDS = 60,      /* without an answer, ten minutes: what was proven is no more */
	/* Policies take effect on each API server a moment after they were stored. */
	SETTLE_S = 10,
};

static const struct backoff unproven = {.first_ms = 500, .max_ms = 10 * 1000};

#define REMEDY "kubectl apply -f deploy/policies"

/* One question to the hub, in the order in which they are asked. */
enum question {
	WHO_AM_I,
	UNNAMED,      /* a request without requester: stamped, or left without one */
	FORGED,       /* one with another's name: stamped with ours, or refused */
	UNAUTHORISED, /* one for a profile that is not ours to ask for: refused */
	POLICY_AGE,
	BINDING_AGE,
	ABANDONED, /* one that is abandoned, which we may not: refused */
	OWN_FIELDS_AGE,
	OWN_FIELDS_BINDING_AGE,
	QUESTION_COUNT,
};

struct admission_canary {
	struct admission_canary_config config;
	struct admission_proof proof;
	enum question question;
	struct json *self; /* userInfo of the broker */
	int64_t since_s;
	int64_t abandon_since_s;
	unsigned failures; /* rounds in a row without proof */
	bool busy;
};

struct admission_canary *admission_canary_new(const struct admission_canary_config *config)
{
	struct admission_canary *canary = memory_new(sizeof(*canary));

	canary->config = *config;
	snprintf(canary->proof.text, sizeof(canary->proof.text),
		 "the hub was not asked yet whether it enforces its admission policies");
	return canary;
}

void admission_canary_free(struct admission_canary *canary)
{
	if (!canary)
		return;
	json_free(canary->self);
	memory_free(canary);
}

const struct admission_proof *admission_canary_proof(const struct admission_canary *canary)
{
	return &canary->proof;
}

int64_t admission_canary_delay_ms(const struct admission_canary *canary)
{
	if (canary->failures == 0)
		return PROVEN_MS;
	return backoff_delay_ms(&unproven, canary->failures - 1, 0);
}

static void end(struct admission_canary *canary, bool succeeded)
{
	canary->failures = succeeded ? 0 : canary->failures + 1;
	canary->busy = false;
	canary->config.ended(canary->config.context);
}

static void fail(struct admission_canary *canary, const char *text)
{
	canary->proof = (struct admission_proof){0};
	snprintf(canary->proof.text, sizeof(canary->proof.text), "%s", text);
	end(canary, false);
}

/* A hub that does not answer says nothing about its policies. */
static void fail_with(struct admission_canary *canary, const char *what, const struct error *err)
{
	struct error told = *err;

	error_wrap(&told, "%s", what);
	if (err->kind == ERROR_UNAVAILABLE && canary->proof.ready &&
	    canary->failures < STALE_ROUNDS)
		end(canary, false);
	else
		fail(canary, told.text);
}

static bool same_field(const struct json *one, const struct json *other, const char *key)
{
	const char *text = json_find_string(one, key);
	const char *other_text = json_find_string(other, key);

	return text_same(text ? text : "", other_text ? other_text : "");
}

static bool is_self(const struct admission_canary *canary, const struct json *requester)
{
	const struct json *groups = json_find(requester, "groups");
	const struct json *own_groups = json_find(canary->self, "groups");

	if (json_size(groups) != json_size(own_groups))
		return false;
	for (size_t i = 0; i < json_size(groups); i++)
		if (!text_same(json_string(json_item(groups, i)),
			       json_string(json_item(own_groups, i))))
			return false;
	return same_field(requester, canary->self, "username") &&
	       same_field(requester, canary->self, "uid");
}

static bool is_refused(const struct kube_reply *reply)
{
	return text_same(reply->kube.denied_by, ADMISSION_POLICY);
}

static void succeed(struct admission_canary *canary, int64_t abandon_since_s)
{
	canary->proof = (struct admission_proof){
		.ready = true,
		.since_s = canary->since_s,
		.abandon_since_s = abandon_since_s,
	};
	end(canary, true);
}

/* That nobody can abandon a request stops nothing. */
static void end_without_abandonment(struct admission_canary *canary, const struct error *err)
{
	bool silent = err && err->kind == ERROR_UNAVAILABLE;

	succeed(canary, silent ? canary->proof.abandon_since_s : 0);
}

static void ask(struct admission_canary *canary, enum question question);

static void take_self(struct admission_canary *canary, const struct kube_reply *reply)
{
	const struct json *self = json_find(reply->object, "status", "userInfo");

	if (reply->err) {
		fail_with(canary, "ask the hub who the broker is", reply->err);
		return;
	}
	json_free(canary->self);
	canary->self = self ? json_dup(self) : json_object_new();
	ask(canary, UNNAMED);
}

static void take_unnamed(struct admission_canary *canary, const struct kube_reply *reply)
{
	const struct json *requester = json_find(reply->object, "spec", "requester");

	if (reply->err)
		fail_with(canary, "try a request on the hub (see `credbroker hub-rbac`)",
			  reply->err);
	else if (requester && !is_self(canary, requester))
		fail(canary, "the hub stamps another requester than the true one: " REMEDY);
	else
		ask(canary, FORGED);
}

static void take_forged(struct admission_canary *canary, const struct kube_reply *reply)
{
	bool stamped = is_self(canary, json_find(reply->object, "spec", "requester"));

	if (reply->err && !is_refused(reply))
		fail_with(canary, "try a request on the hub (see `credbroker hub-rbac`)",
			  reply->err);
	else if (!reply->err && !stamped)
		fail(canary, "the hub lets a forged requester through: " REMEDY);
	else
		ask(canary, UNAUTHORISED);
}

static void take_unauthorised(struct admission_canary *canary, const struct kube_reply *reply)
{
	if (reply->err && !is_refused(reply))
		fail_with(canary, "try a request that policy " ADMISSION_POLICY " refuses",
			  reply->err);
	else if (!reply->err)
		fail(canary, "the hub lets a request through that its policy " ADMISSION_POLICY
			     " refuses: " REMEDY);
	else
		ask(canary, POLICY_AGE);
}

static void take_abandoned(struct admission_canary *canary, const struct kube_reply *reply)
{
	if (text_same(reply->kube.denied_by, ADMISSION_OWN_FIELDS))
		ask(canary, OWN_FIELDS_AGE);
	else
		end_without_abandonment(canary, reply->err);
}

static bool count_in(int64_t *since_s, const char *timestamp, struct error *err)
{
	int64_t at_s;

	if (!timestamp)
		return error_set(err, ERROR_INVALID, "an object without a time");
	if (!timestamp_parse(timestamp, &at_s, err))
		return false;
	if (*since_s < at_s + SETTLE_S)
		*since_s = at_s + SETTLE_S;
	return true;
}

/* It may have said anything before it was last edited. Its status says nothing. */
static bool take_times(int64_t *since_s, const struct json *metadata, struct error *err)
{
	const struct json *writers = json_find(metadata, "managedFields");

	if (!count_in(since_s, json_find_string(metadata, "creationTimestamp"), err))
		return false;
	for (size_t i = 0; i < json_size(writers); i++) {
		const struct json *writer = json_item(writers, i);

		if (text_is_empty(json_find_string(writer, "subresource")) &&
		    !count_in(since_s, json_find_string(writer, "time"), err))
			return false;
	}
	return true;
}

static void take_age(struct admission_canary *canary, const struct kube_reply *reply)
{
	struct error err = {0};

	if (reply->err ||
	    !take_times(&canary->since_s, json_find(reply->object, "metadata"), &err)) {
		fail_with(canary, "read admission policies (see `credbroker hub-rbac`)",
			  reply->err ? reply->err : &err);
		return;
	}
	ask(canary, canary->question == POLICY_AGE ? BINDING_AGE : ABANDONED);
}

static void take_own_fields_age(struct admission_canary *canary, const struct kube_reply *reply)
{
	struct error err = {0};

	if (reply->err ||
	    !take_times(&canary->abandon_since_s, json_find(reply->object, "metadata"), &err))
		end_without_abandonment(canary, reply->err);
	else if (canary->question == OWN_FIELDS_AGE)
		ask(canary, OWN_FIELDS_BINDING_AGE);
	else
		succeed(canary, canary->abandon_since_s);
}

static void answered(void *context, const struct kube_reply *reply)
{
	static void (*const takers[QUESTION_COUNT])(struct admission_canary * canary,
						    const struct kube_reply *reply) = {
		[WHO_AM_I] = take_self,
		[UNNAMED] = take_unnamed,
		[FORGED] = take_forged,
		[UNAUTHORISED] = take_unauthorised,
		[POLICY_AGE] = take_age,
		[BINDING_AGE] = take_age,
		[ABANDONED] = take_abandoned,
		[OWN_FIELDS_AGE] = take_own_fields_age,
		[OWN_FIELDS_BINDING_AGE] = take_own_fields_age,
	};
	struct admission_canary *canary = context;

	takers[canary->question](canary, reply);
}

static struct json *review(void)
{
	struct json *body = json_object_new();

	json_add_string(body, "apiVersion", "authentication.k8s.io/v1");
	json_add_string(body, "kind", KUBE_SELF_SUBJECT_REVIEWS.kind);
	return body;
}

static struct json *request_for(const struct admission_canary *canary, enum question question)
{
	struct json *body = json_object_new();
	struct json *metadata = json_add_object(body, "metadata");
	struct json *spec = json_add_object(body, "spec");
	struct json *target = json_add_object(spec, "targetClusterProfile");

	json_add_string(body, "apiVersion", "multicluster.x-k8s.io/v1alpha1");
	json_add_string(body, "kind", KUBE_AUTH_TOKEN_REQUESTS.kind);
	json_add_string(metadata, "namespace", canary->config.namespace);
	json_add_string(metadata, "generateName", ADMISSION_PROFILE "-");
	json_add_string(target, "namespace", canary->config.namespace);
	json_add_string(target, "name",
			question == UNAUTHORISED ? ADMISSION_PROFILE "-refused"
						 : ADMISSION_PROFILE);
	json_add_string(spec, "serviceAccountName", ADMISSION_PROFILE);
	if (question == ABANDONED)
		json_add_string(json_add_object(metadata, "annotations"), REQUEST_ABANDON,
				ADMISSION_PROFILE);
	if (question == FORGED)
		json_add_string(json_add_object(spec, "requester"), "username",
				ADMISSION_PROFILE ":somebody-else");
	return body;
}

static bool policy_path(bool binding, const char *name, char **ret_path, struct error *err)
{
	return kube_path_object(binding ? &KUBE_ADMISSION_BINDINGS : &KUBE_ADMISSION_POLICIES, NULL,
				name, NULL, ret_path, err);
}

static bool path_of(const struct admission_canary *canary, enum question question, char **ret_path,
		    struct error *err)
{
	if (question == WHO_AM_I)
		return kube_path_create(&KUBE_SELF_SUBJECT_REVIEWS, NULL, ret_path, err);
	if (question == POLICY_AGE || question == BINDING_AGE)
		return policy_path(question == BINDING_AGE, ADMISSION_POLICY, ret_path, err);
	if (question == OWN_FIELDS_AGE || question == OWN_FIELDS_BINDING_AGE)
		return policy_path(question == OWN_FIELDS_BINDING_AGE, ADMISSION_OWN_FIELDS,
				   ret_path, err);
	return kube_path_create(&KUBE_AUTH_TOKEN_REQUESTS, canary->config.namespace, ret_path,
				err) &&
	       kube_path_add_query(ret_path, "dryRun", "All", err);
}

static void ask(struct admission_canary *canary, enum question question)
{
	bool reads = question == POLICY_AGE || question == BINDING_AGE ||
		     question == OWN_FIELDS_AGE || question == OWN_FIELDS_BINDING_AGE;
	cleanup_json struct json *body = NULL;
	cleanup_free char *path = NULL;
	struct error err = {0};
	bool built = path_of(canary, question, &path, &err);

	assert(built); /* the namespace is a checked flag */
	(void)built;
	canary->question = question;
	if (question == WHO_AM_I)
		body = review();
	else if (!reads)
		body = request_for(canary, question);
	canary->config.hub.start(canary->config.hub.context,
				 &(struct kube_request){.verb = reads ? KUBE_GET : KUBE_CREATE,
							.path = path,
							.body = body,
							.with_managers = reads},
				 answered, canary);
}

void admission_canary_start(struct admission_canary *canary)
{
	assert(!canary->busy);
	canary->busy = true;
	canary->since_s = canary->abandon_since_s = 0;
	ask(canary, WHO_AM_I);
}
