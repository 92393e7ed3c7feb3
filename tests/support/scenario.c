#include "support/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/base64.h>
#include <base/cleanup.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/secret.h>
#include <base/text.h>
#include <base/timestamp.h>

#include "core/kube_path.h"
#include "support/json_pattern.h"
#include "support/sample_policy.h"
#include "support/sample_request.h"
#include "support/sample_token.h"
#include "support/scripted_port.h"
#include "support/stage.h"

enum {
	FILE_MAX = 1 << 20,
	MINT_FLOOR_MS = 60 * 1000,
};

struct scenario {
	char *directory;
	struct stage *stage;
	struct json *values;   /* what "${name}" stands for */
	struct json *requests; /* as the hub has them, by key */
	struct json *mints;    /* when each request got a token last, since the start */
	int64_t revision;      /* of the hub */
	struct text where;
};

#define FAIL(scenario, ...) fail_at(scenario, __VA_ARGS__)

static void fail_at(const struct scenario *scenario, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void fail_at(const struct scenario *scenario, const char *format, ...)
{
	cleanup_text struct text waiting = text_with_max(1 << 20);
	cleanup_text struct text news = text_with_max(1 << 20);
	char message[8192];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	scripted_port_tell(scenario->stage->port, &waiting);
	for (size_t i = 0; i < scenario->stage->news_count; i++)
		text_appendf(&news, "\n  %s", scenario->stage->news[i].line);
	fail_msg("%s\n%s\nwaiting:%s\nnews:%s", text_chars(&scenario->where), message,
		 text_chars(&waiting), text_chars(&news));
}

static struct json *read_json(const char *directory, const char *name)
{
	cleanup_free char *bytes = memory_new(FILE_MAX);
	cleanup_text struct text path = text_with_max(4096);
	struct error err = {0};
	struct json *json;
	size_t size;
	FILE *file;

	text_appendf(&path, "%s/%s", directory, name);
	file = fopen(text_chars(&path), "r");
	if (!file)
		fail_msg("%s cannot be read", text_chars(&path));
	size = fread(bytes, 1, FILE_MAX, file);
	fclose(file);
	json = json_parse(bytes, size, &err);
	if (!json)
		fail_msg("%s: %s", text_chars(&path), err.text);
	return json;
}

static int64_t milliseconds(const struct scenario *scenario, const struct json *duration)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"min", 60 * 1000}, {"h", 3600 * 1000}};
	const char *text = json_string(duration);
	char *end;
	long long number = text ? strtoll(text, &end, 10) : 0;

	if (!duration)
		return 0;
	for (size_t i = 0; text && i < sizeof(units) / sizeof(units[0]); i++)
		if (*end == ' ' && strcmp(end + 1, units[i].unit) == 0)
			return number * units[i].ms;
	FAIL(scenario, "no duration");
	return 0;
}

static void rest_for(struct scenario *scenario, int64_t ms)
{
	do {
		if (scripted_port_waiting(scenario->stage->port) > 0)
			FAIL(scenario, "%lld ms before the end there is a call", (long long)ms);
	} while (stage_pass(scenario->stage, &ms));
}

struct target {
	bool on_member;
	char verb[16];
	const char *path;
};

static struct target read_target(const struct scenario *scenario, const char *text)
{
	struct target target = {0};
	char place[16];
	int done = 0;

	if (sscanf(text, "%15s %15s %n", place, target.verb, &done) != 2)
		FAIL(scenario, "no call: %s", text);
	target.on_member = strcmp(place, "member") == 0;
	target.path = text + done;
	return target;
}

/* The call that STEP speaks of, when its time has come. */
static const struct scripted_call *await_call(struct scenario *scenario, const struct json *step,
					      const struct target *target)
{
	int64_t after_ms = milliseconds(scenario, json_find(step, "after"));
	int64_t left_ms = milliseconds(scenario, json_find(step, "within")) - after_ms;
	struct scripted_port *port = scenario->stage->port;

	if (after_ms > 0)
		rest_for(scenario, after_ms);
	for (;;) {
		const struct scripted_call *call =
			scripted_port_find(port, target->on_member, target->verb, target->path);

		if (call)
			return call;
		if (left_ms <= 0 || scripted_port_waiting(port) > 0)
			FAIL(scenario, "there is no such call");
		stage_pass(scenario->stage, &left_ms);
	}
}

static void check_body(const struct scenario *scenario, const struct json *step,
		       const struct scripted_call *call)
{
	cleanup_text struct text why = text_with_max(8192);

	if (json_find(step, "body") &&
	    !json_pattern_matches(json_find(step, "body"), call->body, &why))
		FAIL(scenario, "the body differs: %s", text_chars(&why));
	if (json_find(step, "urgent") && json_is_true(json_find(step, "urgent")) != call->urgent)
		FAIL(scenario, "it is %surgent", call->urgent ? "" : "not ");
	if (json_find(step, "accept") && !text_same(json_find_string(step, "accept"), call->accept))
		FAIL(scenario, "it accepts %s", call->accept);
	if (!text_same(json_find_string(step, "bearer"), call->bearer))
		FAIL(scenario, "it is made with another token");
}

static void check_label(const struct scenario *scenario, const struct scripted_call *call)
{
	const struct json *metadata = json_find(call->body, "metadata");
	bool makes = strcmp(call->verb, "POST") == 0 && !strstr(call->path, "reviews") &&
		     !strstr(call->path, "/token");

	if (makes &&
	    !text_same(json_find_string(metadata, "labels", "app.kubernetes.io/managed-by"),
		       "credbroker"))
		FAIL(scenario, "what is made does not say by whom");
}

/* A lost one does not count: its anchor is deleted, and with it what may have been minted. */
static void check_mint(struct scenario *scenario, const struct json *step)
{
	int64_t now_ms = scenario->stage->clock.monotonic_ms;
	const char *uid = json_find_string(scenario->values, "uid");
	int64_t before_ms;

	if (!json_find(step, "token"))
		return;
	if (json_integer(json_find(scenario->mints, uid), &before_ms) &&
	    now_ms - before_ms < MINT_FLOOR_MS)
		FAIL(scenario, "two mints within %lld ms", (long long)(now_ms - before_ms));
	json_add_integer(scenario->mints, uid, now_ms);
}

static void check_key(const struct scenario *scenario, const struct scripted_call *call,
		      const char *key, const char *token)
{
	const char *encoded = json_find_string(call->body, "data", key);
	cleanup_secret struct secret plain = {0};
	struct error err = {0};

	if (!encoded || !base64_decode(encoded, &plain, &err) ||
	    !strstr(secret_expose(&plain), token))
		FAIL(scenario, "%s of the Secret does not hold the token", key);
}

static void check_call(struct scenario *scenario, const struct json *step,
		       const struct scripted_call *call)
{
	const char *token = json_find_string(step, "holds");

	check_body(scenario, step, call);
	check_label(scenario, call);
	check_mint(scenario, step);
	if (token) {
		check_key(scenario, call, "token", token);
		check_key(scenario, call, "kubeconfig", token);
	}
}

static struct json *with_revision(struct scenario *scenario, struct json *object)
{
	struct json *metadata = json_add_object(object, "metadata");
	char revision[24];

	snprintf(revision, sizeof(revision), "%lld", (long long)++scenario->revision);
	json_add_string(metadata, "resourceVersion", revision);
	return object;
}

/* BASE with CHANGES, at the next revision of the hub unless CHANGES say another one. */
static struct json *revised(struct scenario *scenario, const struct json *base,
			    const struct json *changes)
{
	cleanup_json struct json *revision = with_revision(scenario, json_object_new());
	cleanup_json struct json *next = json_pattern_merge(base, revision);

	return changes ? json_pattern_merge(next, changes) : TAKE_PTR(next);
}

static struct json *token_answer(struct scenario *scenario, const struct json *token)
{
	struct json *answer = json_object_new();
	cleanup_json struct json *claims = NULL;
	cleanup_json struct json *changed = NULL;
	cleanup_free char *text = NULL;
	int64_t lifetime_s = 3600;

	json_integer(json_find(token, "lifetime"), &lifetime_s);
	claims = sample_token_claims("system:serviceaccount:credbroker-identities:reader",
				     stage_member_s(scenario->stage), lifetime_s,
				     json_find_string(token, "name"));
	changed = json_find(token, "claims")
			  ? json_pattern_merge(claims, json_find(token, "claims"))
			  : json_dup(claims);
	text = sample_token(changed);
	json_add_string(scenario->values, json_find_string(token, "name"), text);
	json_add_string(json_add_object(answer, "status"), "token", text);
	return answer;
}

/* What the server answers with: the step's object, a token, or what was sent, as it is stored. */
static struct json *answer_of(struct scenario *scenario, const struct json *step,
			      const struct scripted_call *call)
{
	if (json_find(step, "token"))
		return token_answer(scenario, json_find(step, "token"));
	if (json_find(step, "object"))
		return json_dup(json_find(step, "object"));
	if (json_is_object(call->body))
		return revised(scenario, call->body, json_find(step, "echo"));
	return json_object_new();
}

static void answer_call(struct scenario *scenario, const struct json *step,
			const struct scripted_call *call)
{
	cleanup_json struct json *answer = NULL;
	const char *save = json_find_string(step, "save");
	int64_t status = 0; /* "lost" */

	json_integer(json_find(step, "answer"), &status);
	if (!json_find(step, "answer"))
		FAIL(scenario, "the call has no answer");
	answer = answer_of(scenario, step, call);
	if (save)
		json_add_copy(scenario->values, save, answer);
	scripted_port_answer(scenario->stage->port, call, (int)status,
			     json_find_string(step, "reason"), answer);
	stage_settle(scenario->stage);
}

static void step_call(struct scenario *scenario, const struct json *step)
{
	struct target target = read_target(scenario, json_find_string(step, "call"));
	const struct scripted_call *call = await_call(scenario, step, &target);

	check_call(scenario, step, call);
	answer_call(scenario, step, call);
}

static char *key_of(const struct json *object)
{
	struct text key = text_with_max(1024);

	text_appendf(&key, "%s/%s", json_find_string(object, "metadata", "namespace"),
		     json_find_string(object, "metadata", "name"));
	return text_take(&key);
}

static void show_request(struct scenario *scenario, const struct json *object)
{
	cleanup_free char *key = key_of(object);

	json_add_copy(scenario->requests, key, object);
	json_add_copy(scenario->values, "request", object);
	stage_show_request(scenario->stage, key, object);
}

/* Changes the request that CHANGES name, and shows it. */
static void step_request(struct scenario *scenario, const struct json *step)
{
	const struct json *changes = json_find(step, "request");
	cleanup_json struct json *sample = sample_request_json("{}");
	cleanup_json struct json *named = json_pattern_merge(sample, changes);
	cleanup_free char *key = key_of(named);
	const struct json *current = json_find(scenario->requests, key);
	cleanup_json struct json *object = revised(scenario, current ? current : sample, changes);

	show_request(scenario, object);
}

static void step_request_gone(struct scenario *scenario, const struct json *step)
{
	const char *key = json_find_string(step, "request gone");

	json_remove(scenario->requests, key);
	stage_show_request(scenario->stage, key, NULL);
}

static void check_condition(const struct scenario *scenario, const struct json *status,
			    const char *type, const char *wanted)
{
	const struct json *list = json_find(status, "conditions");

	for (size_t i = 0; i < json_size(list); i++) {
		const struct json *condition = json_item(list, i);
		cleanup_text struct text got = text_with_max(8192);

		if (!text_same(json_find_string(condition, "type"), type))
			continue;
		text_appendf(&got, "%s %s: %s", json_find_string(condition, "status"),
			     json_find_string(condition, "reason"),
			     json_find_string(condition, "message"));
		if (!wanted || fnmatch(wanted, text_chars(&got), 0) != 0)
			FAIL(scenario, "%s is %s", type, text_chars(&got));
		return;
	}
	if (wanted)
		FAIL(scenario, "there is no condition %s", type);
}

struct conditions {
	struct scenario *scenario;
	const struct json *status;
};

static bool visit_condition(void *context, const char *type, const struct json *wanted)
{
	const struct conditions *conditions = context;

	check_condition(conditions->scenario, conditions->status, type, json_string(wanted));
	return true;
}

/* The status as it is sent: a patch that names the request's UID. */
static const struct json *sent_status(struct scenario *scenario, const struct scripted_call *call,
				      const struct json *request)
{
	const struct json *test = json_item(call->body, 0);
	const struct json *add = json_item(call->body, 1);

	if (json_size(call->body) != 2 || !text_same(json_find_string(test, "op"), "test") ||
	    !text_same(json_find_string(test, "path"), "/metadata/uid") ||
	    !text_same(json_find_string(test, "value"),
		       json_find_string(request, "metadata", "uid")) ||
	    !text_same(json_find_string(add, "op"), "add") ||
	    !text_same(json_find_string(add, "path"), "/status"))
		FAIL(scenario, "a status is written without regard to the UID");
	return json_find(add, "value");
}

static void check_status(struct scenario *scenario, const struct json *step,
			 const struct json *status)
{
	struct conditions conditions = {scenario, status};
	cleanup_text struct text why = text_with_max(8192);

	json_each(json_find(step, "status"), visit_condition, &conditions);
	if (json_find(step, "fields") &&
	    !json_pattern_matches(json_find(step, "fields"), status, &why))
		FAIL(scenario, "the status differs: %s", text_chars(&why));
}

/* The hub stores the status, and unless it is "unseen" the watch shows it. */
static void store_status(struct scenario *scenario, const struct json *step,
			 const struct scripted_call *call, const struct json *status)
{
	const char *key = json_find_string(step, "of");
	cleanup_json struct json *changes = json_object_new();
	cleanup_json struct json *bare = NULL;
	cleanup_json struct json *object = NULL;

	bare = json_dup(json_find(scenario->requests, key ? key : "team-a/reader"));
	json_remove(bare, "status");
	json_add_copy(changes, "status", status);
	object = revised(scenario, bare, changes);
	scripted_port_answer(scenario->stage->port, call, 200, NULL, object);
	stage_settle(scenario->stage);
	json_add_copy(scenario->requests, key ? key : "team-a/reader", object);
	if (!json_is_true(json_find(step, "unseen")))
		show_request(scenario, object);
}

static void step_status(struct scenario *scenario, const struct json *step)
{
	const char *key =
		json_find_string(step, "of") ? json_find_string(step, "of") : "team-a/reader";
	const struct json *request = json_find(scenario->requests, key);
	cleanup_text struct text path = text_with_max(4096);
	struct target target = {.verb = "PATCH"};
	const struct scripted_call *call;
	cleanup_json struct json *status = NULL;

	text_appendf(
		&path,
		"/apis/multicluster.x-k8s.io/v1alpha1/namespaces/%s/authtokenrequests/%s/status",
		json_find_string(request, "metadata", "namespace"),
		json_find_string(request, "metadata", "name"));
	target.path = text_chars(&path);
	call = await_call(scenario, step, &target);
	status = json_dup(sent_status(scenario, call, request));
	check_status(scenario, step, status);
	if (json_find(step, "answer"))
		answer_call(scenario, step, call);
	else
		store_status(scenario, step, call, status);
}

static void step_told(struct scenario *scenario, const struct json *step)
{
	const char *about = json_find_string(step, "about");
	struct stage *stage = scenario->stage;

	if (stage->news_count == 0)
		FAIL(scenario, "nothing is told");
	if (fnmatch(json_find_string(step, "told"), stage->news[0].line, 0) != 0)
		FAIL(scenario, "something else is told");
	if (about && strcmp(about, stage->news[0].request_key) != 0)
		FAIL(scenario, "it is told about %s", stage->news[0].request_key);
	stage_drop_news(stage);
}

static void step_profile(struct scenario *scenario, const struct json *step)
{
	const char *uid = json_find_string(step, "uid");

	stage_show_profile(scenario->stage, json_find_string(step, "profile"),
			   uid ? uid : "profile-1");
}

static void step_profile_gone(struct scenario *scenario, const struct json *step)
{
	stage_show_profile(scenario->stage, json_find_string(step, "profile gone"), NULL);
}

static void step_ledger(struct scenario *scenario, const struct json *step)
{
	cleanup_free char *key = key_of(json_find(step, "ledger"));

	stage_show_ledger(scenario->stage, key, json_find(step, "ledger"));
}

static void step_ledger_gone(struct scenario *scenario, const struct json *step)
{
	stage_show_ledger(scenario->stage, json_find_string(step, "ledger gone"), NULL);
}

static void step_member(struct scenario *scenario, const struct json *step)
{
	static const char *const states[] = {
		[MEMBER_NO_ACCESS] = "without access", [MEMBER_CONFLICT] = "conflict",
		[MEMBER_REFUSED] = "refused",          [MEMBER_CONNECTING] = "connecting",
		[MEMBER_UNREACHABLE] = "unreachable",  [MEMBER_READY] = "ready",
	};
	const char *word = json_find_string(step, "member");
	const char *profile = json_find_string(step, "of");
	struct member_facts facts = {.uid = json_find_string(step, "uid"),
				     .detail = json_find_string(step, "detail")};
	size_t state = 0;

	while (state < sizeof(states) / sizeof(states[0]) && strcmp(states[state], word) != 0)
		state++;
	if (state == sizeof(states) / sizeof(states[0]))
		FAIL(scenario, "no state of a member");
	if (json_find(step, "server"))
		scripted_port_set_server(scenario->stage->port, json_find_string(step, "server"));
	facts.state = (enum member_state)state;
	if (facts.state == MEMBER_READY && !facts.uid)
		facts.uid = "cluster-1";
	stage_show_member(scenario->stage, profile ? profile : "fleet-system/member-1", &facts);
}

static void step_member_clock(struct scenario *scenario, const struct json *step)
{
	stage_set_members_ahead(scenario->stage,
				milliseconds(scenario, json_find(step, "member clock")));
}

static void step_our_clock(struct scenario *scenario, const struct json *step)
{
	struct error err = {0};
	int64_t seconds;

	if (!timestamp_parse(json_find_string(step, "our clock"), &seconds, &err))
		FAIL(scenario, "%s", err.text);
	stage_set_wall(scenario->stage, seconds);
}

static void step_nothing_for(struct scenario *scenario, const struct json *step)
{
	rest_for(scenario, milliseconds(scenario, json_find(step, "nothing for")));
}

static void step_restart(struct scenario *scenario, const struct json *step)
{
	(void)step;
	json_free(scenario->mints);
	scenario->mints = json_object_new();
	stage_restart(scenario->stage);
}

static void step_look(struct scenario *scenario, const struct json *step)
{
	scenario->stage->settings.member_check_interval_ms =
		milliseconds(scenario, json_find(step, "look at members every"));
	stage_restart(scenario->stage);
	stage_begin(scenario->stage);
}

static void step_check(struct scenario *scenario, const struct json *step)
{
	scenario->stage->settings.credential_check_interval_ms =
		milliseconds(scenario, json_find(step, "check credentials every"));
	stage_restart(scenario->stage);
	stage_begin(scenario->stage);
}

static void step_begin(struct scenario *scenario, const struct json *step)
{
	(void)step;
	stage_begin(scenario->stage);
}

static void step_admission(struct scenario *scenario, const struct json *step)
{
	stage_prove_admission(scenario->stage,
			      text_same(json_find_string(step, "admission"), "proven"));
}

static void step_policy(struct scenario *scenario, const struct json *step)
{
	cleanup_json struct json *sample = sample_policy_json("{}");
	cleanup_json struct json *policy = json_pattern_merge(sample, json_find(step, "policy"));

	stage_show_policy(scenario->stage, SAMPLE_POLICY_NAME, policy);
	json_add_copy(scenario->values, "policy", policy);
}

static void step_policy_gone(struct scenario *scenario, const struct json *step)
{
	stage_show_policy(scenario->stage, json_find_string(step, "policy gone"), NULL);
}

static void step_template(struct scenario *scenario, const struct json *step)
{
	const struct json *object = json_find(step, "template");

	stage_show(scenario->stage, &KUBE_RBAC_TEMPLATES,
		   json_find_string(object, "metadata", "name"), object);
}

static void step_template_gone(struct scenario *scenario, const struct json *step)
{
	stage_show(scenario->stage, &KUBE_RBAC_TEMPLATES, json_find_string(step, "template gone"),
		   NULL);
}

static void step_namespace(struct scenario *scenario, const struct json *step)
{
	const struct json *object = json_find(step, "namespace");

	stage_show(scenario->stage, &KUBE_NAMESPACES, json_find_string(object, "metadata", "name"),
		   object);
}

static void step_namespace_gone(struct scenario *scenario, const struct json *step)
{
	stage_show(scenario->stage, &KUBE_NAMESPACES, json_find_string(step, "namespace gone"),
		   NULL);
}

static bool set_value(void *context, const char *key, const struct json *value)
{
	json_add_copy(context, key, value);
	return true;
}

static void step_set(struct scenario *scenario, const struct json *step)
{
	json_each(json_find(step, "set"), set_value, scenario->values);
}

static void play_steps(struct scenario *scenario, const char *name, const struct json *steps);

static void step_play(struct scenario *scenario, const struct json *step)
{
	const char *part = json_find_string(step, "play");
	cleanup_text struct text name = text_with_max(1024);
	cleanup_json struct json *steps = NULL;

	json_each(json_find(step, "with"), set_value, scenario->values);
	text_appendf(&name, "parts/%s.json", part);
	steps = read_json(scenario->directory, text_chars(&name));
	play_steps(scenario, part, steps);
}

/* A step is known by its first key, and may have those of the others. */
static const struct kind {
	const char *key;
	void (*play)(struct scenario *scenario, const struct json *step);
	const char *others;
} kinds[] = {
	{"request", step_request, ""},
	{"request gone", step_request_gone, ""},
	{"profile", step_profile, "uid"},
	{"profile gone", step_profile_gone, ""},
	{"ledger", step_ledger, ""},
	{"ledger gone", step_ledger_gone, ""},
	{"member", step_member, "of uid detail server"},
	{"member clock", step_member_clock, ""},
	{"our clock", step_our_clock, ""},
	{"call", step_call,
	 "body urgent accept bearer holds after within answer reason object echo token save"},
	{"status", step_status, "of fields after within unseen answer reason object"},
	{"told", step_told, "about"},
	{"nothing for", step_nothing_for, ""},
	{"restart", step_restart, ""},
	{"begin", step_begin, ""},
	{"admission", step_admission, ""},
	{"look at members every", step_look, ""},
	{"check credentials every", step_check, ""},
	{"policy", step_policy, ""},
	{"policy gone", step_policy_gone, ""},
	{"template", step_template, ""},
	{"template gone", step_template_gone, ""},
	{"namespace", step_namespace, ""},
	{"namespace gone", step_namespace_gone, ""},
	{"set", step_set, ""},
	{"play", step_play, "with"},
};

struct keys {
	struct scenario *scenario;
	const struct kind *kind;
};

static bool check_step_key(void *context, const char *key, const struct json *value)
{
	const struct keys *keys = context;
	const char *found = strstr(keys->kind->others, key);
	size_t size = strlen(key);

	(void)value;
	if (strcmp(key, keys->kind->key) == 0 || strcmp(key, "because") == 0)
		return true;
	if (!found || (found[size] && found[size] != ' ') ||
	    (found > keys->kind->others && found[-1] != ' '))
		FAIL(keys->scenario, "a step \"%s\" has no \"%s\"", keys->kind->key, key);
	return true;
}

static void play_step(struct scenario *scenario, const struct json *raw)
{
	cleanup_json struct json *step = json_pattern_fill(raw, scenario->values);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct keys keys = {scenario, &kinds[i]};

		if (!json_find(step, kinds[i].key))
			continue;
		json_each(step, check_step_key, &keys);
		kinds[i].play(scenario, step);
		return;
	}
	FAIL(scenario, "no such step");
}

static void play_steps(struct scenario *scenario, const char *name, const struct json *steps)
{
	cleanup_free char *above = memory_text(text_chars(&scenario->where));

	for (size_t i = 0; i < json_size(steps); i++) {
		cleanup_free char *dump = NULL;
		size_t size;

		dump = json_dump(json_item(steps, i), &size);
		text_done(&scenario->where);
		scenario->where = text_with_max(1 << 20);
		text_appendf(&scenario->where, "%s\n%s, step %zu: %.400s", above, name, i + 1,
			     dump);
		play_step(scenario, json_item(steps, i));
	}
	text_done(&scenario->where);
	scenario->where = text_with_max(1 << 20);
	text_append(&scenario->where, above);
}

static void check_end(const struct scenario *scenario)
{
	if (scripted_port_waiting(scenario->stage->port) > 0)
		FAIL(scenario, "at the end there is a call");
	if (scenario->stage->news_count > 0)
		FAIL(scenario, "at the end something is told");
}

void scenario_play(const char *file)
{
	const char *name = strrchr(file, '/') + 1;
	struct scenario scenario = {
		.directory = memory_bytes(file, (size_t)(name - file - 1)),
		.stage = stage_new(),
		.values = json_pattern_parse("{'name':'reader','uid':'request-1','within':'0 s'}"),
		.requests = json_object_new(),
		.mints = json_object_new(),
		.revision = 1000,
		.where = text_with_max(1 << 20),
	};
	cleanup_json struct json *story = read_json(scenario.directory, name);

	assert_non_null(json_find_string(story, "story"));
	play_steps(&scenario, name, json_find(story, "steps"));
	check_end(&scenario);
	stage_free(scenario.stage);
	json_free(scenario.values);
	json_free(scenario.requests);
	json_free(scenario.mints);
	text_done(&scenario.where);
	memory_free(scenario.directory);
}
