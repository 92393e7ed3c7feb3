#include "hub_survey.h"

#include <stddef.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/hub_state.h"
#include "core/kube_path.h"
#include "core/store.h"
#include "edge/http_client.h"
#include "edge/hub_id.h"
#include "edge/kube_list.h"
#include "edge/loop.h"
#include "hub_connection.h"
#include "options.h"

enum { KIND_COUNT = 4, DEADLINE_MS = 60 * 1000 };

struct survey;

struct survey_kind {
	struct survey *survey;
	const struct kube_resource *resource;
	struct kube_list *list;
};

struct survey {
	const struct options *options;
	struct hub_state *seen;
	struct json *notes;
	struct loop *loop;
	struct http_client *http;
	struct hub_connection hub;
	struct survey_kind kinds[KIND_COUNT];
	struct hub_constant_search *hub_id_search;
	char *hub_id;
	size_t pending;
	struct loop_timer deadline;
	struct error failure;
};

static void note_unreadable(struct survey *survey, const struct kube_resource *resource,
			    const char *name, const struct error *err)
{
	struct text note = text_with_max(CONDITION_MESSAGE_MAX);
	cleanup_free char *chars = NULL;

	text_appendf(&note, "%s %.253s cannot be read and counts for nothing: %s", resource->kind,
		     name, err->text);
	chars = text_take(&note);
	json_append_string(survey->notes, chars);
}

static void put_object(void *context, const struct json *object)
{
	const struct survey_kind *kind = context;
	struct survey *survey = kind->survey;
	const char *namespace = json_find_string(object, "metadata", "namespace");
	const char *name = json_find_string(object, "metadata", "name");
	cleanup_text struct text key = text_with_max(HTTP_PATH_MAX);
	hub_state_read *reader = NULL;
	struct store *store = hub_state_store(survey->seen, kind->resource, &reader);
	struct error err = {0};
	void *projected = reader(object, &err);

	if (!projected) {
		note_unreadable(survey, kind->resource, name ? name : "", &err);
		return;
	}
	text_appendf(&key, "%s%s%s", namespace ? namespace : "", namespace ? "/" : "",
		     name ? name : "");
	store_put(store, text_chars(&key), projected);
}

static void count_down(struct survey *survey)
{
	if (--survey->pending == 0)
		loop_stop(survey->loop);
}

static void list_done(void *context, const struct error *err)
{
	struct survey *survey = ((struct survey_kind *)context)->survey;

	if (!err) {
		count_down(survey);
		return;
	}
	if (survey->failure.kind == ERROR_NONE)
		survey->failure = *err;
	loop_stop(survey->loop);
}

/* An administrator need not be able to read the broker's namespace. */
static void hub_id_answered(void *context, const char *hub_id, const struct error *err)
{
	struct survey *survey = context;

	(void)err;
	survey->hub_id_search = NULL;
	survey->hub_id = memory_text(hub_id);
	count_down(survey);
}

static void give_up(void *context)
{
	struct survey *survey = context;

	error_set(&survey->failure, ERROR_UNAVAILABLE, "the hub took more than %d s",
		  DEADLINE_MS / 1000);
	loop_stop(survey->loop);
}

static void start(struct survey *survey)
{
	static const struct kube_resource *const resources[KIND_COUNT] = {
		&KUBE_ACCESS_POLICIES,
		&KUBE_RBAC_TEMPLATES,
		&KUBE_NAMESPACES,
		&KUBE_CLUSTER_PROFILES,
	};

	for (size_t i = 0; i < KIND_COUNT; i++) {
		struct survey_kind *kind = &survey->kinds[i];

		kind->survey = survey;
		kind->resource = resources[i];
		survey->pending++;
		kind->list = kube_list_new(survey->hub.client, &(struct kube_list_config){
								       .resource = resources[i],
								       .object = put_object,
								       .done = list_done,
								       .context = kind,
							       });
	}
	if (!survey->options->hub_id) {
		survey->pending++;
		survey->hub_id_search =
			hub_constant_look(&HUB_ID, survey->hub.client, survey->options->namespace,
					  hub_id_answered, survey);
	}
	loop_timer_set(survey->loop, &survey->deadline, DEADLINE_MS, give_up, survey);
}

static bool run(struct survey *survey, struct error *err)
{
	survey->loop = loop_new(clock_system(), err);
	if (!survey->loop)
		return false;
	survey->http = http_client_new(survey->loop, err);
	if (!survey->http ||
	    !hub_connection_open(&survey->hub, survey->options, survey->http, survey->loop, err))
		return false;
	start(survey);
	if (!loop_run(survey->loop, err))
		return false;
	if (survey->failure.kind == ERROR_NONE)
		return true;
	*err = survey->failure;
	return error_wrap(err, "%.120s", survey->hub.endpoint.server);
}

static void survey_done(struct survey *survey)
{
	loop_timer_clear(&survey->deadline);
	for (size_t i = 0; i < KIND_COUNT; i++)
		kube_list_free(survey->kinds[i].list);
	hub_connection_close(&survey->hub);
	hub_constant_abandon(survey->hub_id_search);
	http_client_free(survey->http);
	loop_free(survey->loop);
	memory_free(survey->hub_id);
}

bool hub_survey_run(const struct options *options, struct hub_state *seen, char **ret_hub_id,
		    struct json *notes, struct error *err)
{
	cleanup_with(survey_done) struct survey survey = {
		.options = options, .seen = seen, .notes = notes};

	if (!run(&survey, err))
		return false;
	*ret_hub_id = TAKE_PTR(survey.hub_id);
	return true;
}
