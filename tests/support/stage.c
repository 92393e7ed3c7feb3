#include "support/stage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access.h"
#include "core/access_controller.h"
#include "core/access_news.h"
#include "core/kube_path.h"
#include "core/store.h"
#include "support/json_pattern.h"
#include "support/sample_policy.h"
#include "support/sample_token.h"
#include "support/scripted_port.h"

enum { TURNS_MAX = 1000 };

static void wake(void *context)
{
	((struct stage *)context)->wakes++;
}

static void hear(void *context, const struct access_news *news)
{
	struct stage *stage = context;
	struct text line = text_with_max(4096);

	assert_true(stage->news_count < STAGE_NEWS_MAX);
	text_appendf(&line, "%s %s %s: %s", news->type, news->action, news->reason, news->message);
	if (strstr(text_chars(&line), SAMPLE_TOKEN_CANARY))
		fail_msg("a token is told: %s", text_chars(&line));
	stage->news[stage->news_count++] = (struct stage_news){
		.request_key = memory_text(access_news_key(news)),
		.line = text_take(&line),
	};
}

static void build(struct stage *stage)
{
	stage->controller = access_controller_new(&(struct access_controller_config){
		.hub = scripted_port_hub(stage->port),
		.executor = scripted_port_executor(stage->port),
		.clock = &stage->clock.clock,
		.settings = &stage->settings,
		.wake = wake,
		.tell = hear,
		.context = stage,
	});
}

static void show_namespace(struct stage *stage)
{
	cleanup_json struct json *object =
		json_pattern_parse("{'metadata':{'name':'team-a','uid':'team-a-1'}}");

	stage_show(stage, &KUBE_NAMESPACES, "team-a", object);
}

struct stage *stage_new(void)
{
	static const char key[] = "0123456789abcdef0123456789abcdef";
	struct stage *stage = memory_new(sizeof(*stage));
	cleanup_json struct json *sample = sample_policy_json("{}");

	fake_clock_init(&stage->clock);
	stage->member_offset_ms = stage->clock.wall_us / 1000 - stage->clock.monotonic_ms;
	stage->port = scripted_port_new();
	stage->key = secret_from_bytes(key, sizeof(key) - 1);
	stage->settings = (struct access_settings){
		.nonce_key = &stage->key,
		.deletion_deadline_s = 600,
		.hub_id = "hub-1",
		.namespace = "credbroker-system",
		.identity_namespace = "credbroker-identities",
	};
	build(stage);
	show_namespace(stage);
	stage_show_policy(stage, SAMPLE_POLICY_NAME, sample);
	stage_begin(stage);
	return stage;
}

void stage_free(struct stage *stage)
{
	if (!stage)
		return;
	scripted_port_free(stage->port);
	access_controller_free(stage->controller);
	json_free(stage->policy);
	secret_done(&stage->key);
	while (stage->news_count > 0)
		stage_drop_news(stage);
	memory_free(stage);
}

void stage_restart(struct stage *stage)
{
	scripted_port_forget(stage->port);
	access_controller_free(stage->controller);
	build(stage);
	show_namespace(stage);
	if (stage->policy)
		stage_show(stage, &KUBE_ACCESS_POLICIES, SAMPLE_POLICY_NAME, stage->policy);
}

void stage_prove_admission(struct stage *stage, bool proven)
{
	access_controller_admission_changed(
		stage->controller,
		&(struct admission_proof){.ready = proven, .abandon_since_s = proven});
	stage_settle(stage);
}

void stage_begin(struct stage *stage)
{
	access_controller_admission_changed(
		stage->controller, &(struct admission_proof){.ready = true, .abandon_since_s = 1});
	access_controller_begin(stage->controller);
	stage_settle(stage);
}

void stage_show(struct stage *stage, const struct kube_resource *resource, const char *key,
		const struct json *object)
{
	hub_state_read *reader = NULL;
	struct store *store = access_controller_store(stage->controller, resource, &reader);
	struct error err = {0};
	void *shown = object ? reader(object, &err) : NULL;

	if (err.kind != ERROR_NONE)
		fail_msg("%s", err.text);
	if (shown)
		store_put(store, key, shown);
	else
		store_remove(store, key);
	access_controller_changed(stage->controller, resource, key);
	stage_settle(stage);
}

void stage_show_request(struct stage *stage, const char *key, const struct json *object)
{
	stage_show(stage, &KUBE_AUTH_TOKEN_REQUESTS, key, object);
}

void stage_show_profile(struct stage *stage, const char *key, const char *uid)
{
	cleanup_json struct json *profile = json_object_new();

	json_add_string(json_add_object(profile, "metadata"), "uid", uid);
	stage_show(stage, &KUBE_CLUSTER_PROFILES, key, uid ? profile : NULL);
}

void stage_show_ledger(struct stage *stage, const char *key, const struct json *object)
{
	stage_show(stage, &KUBE_ISSUED_CREDENTIALS, key, object);
}

void stage_show_policy(struct stage *stage, const char *name, const struct json *object)
{
	json_free(stage->policy);
	stage->policy = object ? json_dup(object) : NULL;
	stage_show(stage, &KUBE_ACCESS_POLICIES, name, object);
}

void stage_show_member(struct stage *stage, const char *profile_key,
		       const struct member_facts *facts)
{
	scripted_port_set_member(stage->port, profile_key, facts);
	access_controller_member_changed(stage->controller, profile_key);
	stage_settle(stage);
}

/* As edge/member_time does it, with a few replies. */
static void look_at_members_clock(struct stage *stage)
{
	int64_t now_ms = stage->clock.monotonic_ms;
	int64_t wall_ms = stage->clock.wall_us / 1000;

	for (int i = 0; i < MEMBER_CLOCK_SAMPLES; i++)
		member_clock_note(&stage->member_clock, stage_member_s(stage), 0, now_ms, wall_ms);
	member_clock_tell(&stage->member_clock, now_ms, wall_ms);
	scripted_port_set_clock(stage->port, &stage->member_clock);
	access_controller_member_changed(stage->controller, "fleet-system/member-1");
	stage_settle(stage);
}

void stage_set_members_ahead(struct stage *stage, int64_t ahead_ms)
{
	stage->member_offset_ms += ahead_ms;
	look_at_members_clock(stage);
}

void stage_set_wall(struct stage *stage, int64_t wall_s)
{
	stage->clock.wall_us = wall_s * 1000000;
	look_at_members_clock(stage);
}

int64_t stage_member_s(const struct stage *stage)
{
	return (stage->clock.monotonic_ms + stage->member_offset_ms) / 1000;
}

static bool is_due(const struct stage *stage)
{
	int64_t due_ms = access_controller_next_due_ms(stage->controller);

	return due_ms >= 0 && due_ms <= stage->clock.monotonic_ms;
}

void stage_settle(struct stage *stage)
{
	for (int i = 0; i < TURNS_MAX; i++) {
		if (!is_due(stage))
			return;
		access_controller_run(stage->controller);
	}
	fail_msg("the controller does not come to rest");
}

bool stage_pass(struct stage *stage, int64_t *ms)
{
	int64_t due_ms = access_controller_next_due_ms(stage->controller);
	int64_t step_ms = due_ms - stage->clock.monotonic_ms;

	if (due_ms < 0 || step_ms > *ms) {
		fake_clock_advance(&stage->clock, *ms);
		*ms = 0;
		return false;
	}
	fake_clock_advance(&stage->clock, step_ms);
	*ms -= step_ms;
	stage_settle(stage);
	return true;
}

void stage_drop_news(struct stage *stage)
{
	assert_true(stage->news_count > 0);
	memory_free(stage->news[0].request_key);
	memory_free(stage->news[0].line);
	memmove(&stage->news[0], &stage->news[1], --stage->news_count * sizeof(stage->news[0]));
}
