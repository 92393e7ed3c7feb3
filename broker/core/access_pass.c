#include "core/access_pass.h"

#include <string.h>

#include <base/cleanup.h>
#include <base/clock.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access.h"
#include "core/access_ending.h"
#include "core/access_index.h"
#include "core/access_news.h"
#include "core/access_permission.h"
#include "core/access_record.h"
#include "core/access_schedule.h"
#include "core/access_status.h"
#include "core/access_steps.h"
#include "core/access_view.h"
#include "core/backoff.h"
#include "core/destinations.h"
#include "core/hub_state.h"
#include "core/ledger.h"
#include "core/member_checks.h"
#include "core/request.h"
#include "core/step_lines.h"
#include "core/store.h"
#include "delivery/cluster_facts.h"

void access_pass_tell(const struct access_pass *pass, struct access *access,
		      const struct access_news *news)
{
	access->reported_reason = news->reason;
	pass->steps->tell(pass->steps->context, news);
}

static struct access_view view_of(struct access_pass *pass, struct access *access)
{
	const struct access_executor *executor = &pass->steps->executor;
	const struct request *request = access_steps_request(pass->steps, access);
	int64_t now_ms = clock_monotonic_ms(pass->steps->clock);
	int64_t wall_ms = clock_wall_us(pass->steps->clock) / 1000;

	struct member_facts member = {.state = MEMBER_NO_ACCESS};
	const struct cluster_facts *cluster = NULL;

	if (request && request->has_conditions)
		access->acknowledged = true;
	if (request && request->finalizer_index >= 0)
		access->finalizer_added =
			false; /* from here on the watch says whether it is there */
	access_permission_update(access, request, pass->steps->seen, pass->steps->settings,
				 pass->round);
	if (access->permission.allowed ||
	    access->ledger) /* who is denied learns nothing and causes no call */
		member = executor->member(executor->context, access->profile_key);
	if (member.state == MEMBER_READY)
		cluster = executor->cluster(executor->context, access->profile_key);
	if (member.clock_known)
		access->told_skew_s = member.skew_s;
	access_schedule_resume(access, &member, now_ms, wall_ms);
	return (struct access_view){
		.now_ms = now_ms,
		.now_s = clock_wall_s(pass->steps->clock),
		.expires_at_ms = access_schedule_expiry_ms(access, now_ms, wall_ms),
		.access = access,
		.request = request,
		.admission_proven = pass->steps->seen->admission.ready,
		.abandon_since_s = pass->steps->seen->admission.abandon_since_s,
		.request_allowed = access->permission.allowed,
		.request_undecided = access->undecided,
		.denial_confirmed = access->denial_confirmed,
		.denial = access->permission.reason,
		.profile_exists =
			store_find(pass->steps->seen->profiles, access->profile_key) != NULL,
		.member = member,
		.cluster_digest = cluster ? cluster->digest : NULL,
		.destination = request ? destinations_state(pass->steps->destinations,
							    request->namespace, now_ms)
				       : DESTINATION_UNKNOWN,
		.deletion_deadline_s = pass->steps->settings->deletion_deadline_s,
		.ledgers = pass->steps->seen->ledgers,
	};
}

/* Of all that the status says but the times of changes, which follow from it and from the status
 * before: most passes change nothing of it, and then nothing has to be parsed. */
static char *outline_of(const struct access_pass *pass, const struct access *access,
			const struct access_view *view, const struct access_facts *facts,
			const struct access_plan *plan)
{
	size_t size;
	cleanup_json struct json *status = access_status_render(&(struct access_report){
		.request = view->request,
		.access = access,
		.facts = facts,
		.plan = plan,
		.member = &view->member,
		.outline = true,
		.now_s = clock_wall_s(pass->steps->clock),
	});

	return json_dump(status, &size);
}

static struct json *status_of(struct access_pass *pass, struct access *access,
			      const struct access_view *view, const struct access_facts *facts,
			      const struct access_plan *plan)
{
	struct error err = {0};
	const char *old_text =
		access->echoed_status ? access->echoed_status : view->request->status;
	cleanup_json struct json *old =
		old_text ? json_parse(old_text, strlen(old_text), &err) : NULL;

	return access_status_render(&(struct access_report){
		.request = view->request,
		.access = access,
		.facts = facts,
		.plan = plan,
		.member = &view->member,
		.old_status = old,
		.now_s = clock_wall_s(pass->steps->clock),
	});
}

static void rest(struct access_pass *pass, struct access *access, const struct access_facts *facts,
		 const struct access_plan *plan)
{
	step_lines_leave(pass->lines, access);
	access_index_rest(pass->index, access);
	if (plan->recheck_at_ms > 0)
		access_index_add_at(pass->index, access, plan->recheck_at_ms);
	if (access->status_retry_at_ms > facts->now_ms)
		access_index_add_at(pass->index, access, access->status_retry_at_ms);
	if (facts->expires_at_ms > facts->now_ms) /* then Ready is not true any more */
		access_index_add_at(pass->index, access, facts->expires_at_ms);
	if (access->status_contest_until_ms > facts->now_ms)
		access_index_add_at(pass->index, access, access->status_contest_until_ms);
}

/* Somebody else wrote over what we say: another broker, for as long as it has not ended, or whoever
 * takes the status for its own. It is put right at once, and if that goes on, ever more seldom. */
static void note_contest(struct access *access, const struct access_view *view, const char *outline)
{
	enum { CONTEST_FORGOTTEN_MS = 120 * 1000 };
	static const struct backoff pace = {
		.first_ms = 2 * 1000, .max_ms = 60 * 1000, .jitter_percent = 0};

	if (!access_status_is_contested(access, view->request, outline))
		return;
	if (view->now_ms - access->status_contest_until_ms > CONTEST_FORGOTTEN_MS)
		access->status_contests = 0;
	access->status_contest_until_ms =
		view->now_ms + backoff_delay_ms(&pace, access->status_contests++, 0);
}

/* False: it waits for its turn, which comes when the step of another one ends. */
static bool enters(struct access_pass *pass, struct access *access, const char *key)
{
	if (step_lines_enter(pass->lines, access, key))
		return true;
	access_index_rest(pass->index, access);
	return false;
}

/* After a restart, until the member is there and its time known, nobody can say whether the token
 * has expired, nor whether the clocks differ. The executor tells. */
static bool awaits_its_time(const struct access_view *view, const struct access_facts *facts)
{
	return facts->credential_delivered && view->access->renew_at_ms == 0 &&
	       view->member.state == MEMBER_CONNECTING;
}

static void report(struct access_pass *pass, struct access *access, const struct access_view *view,
		   const struct access_facts *facts, const struct access_plan *plan)
{
	cleanup_json struct json *status = NULL;
	cleanup_free char *text = NULL;
	cleanup_free char *outline = NULL;
	struct access_news news;
	size_t size;

	if (!view->request || access_news_stand(access, plan) || awaits_its_time(view, facts)) {
		rest(pass, access, facts, plan);
		return;
	}
	if (strcmp(plan->reason, "Retrying") != 0)
		access->failure = (struct access_failure){0}; /* something else stops it now */
	if (access_news_of_wait(access, plan, &news))
		access_pass_tell(pass, access, &news);
	outline = outline_of(pass, access, view, facts, plan);
	if (access->released || view->now_ms < access->status_retry_at_ms ||
	    access_status_outline_stands(access, view->request, outline)) {
		rest(pass, access, facts, plan);
		return;
	}
	status = status_of(pass, access, view, facts, plan);
	text = json_dump(status, &size);
	if (access_status_stands(access, view->request, text)) {
		access_status_keep_outline(access, view->request, outline);
		rest(pass, access, facts, plan);
		return;
	}
	if (access->status_contest_until_ms > view->now_ms &&
	    access_status_is_contested(access, view->request, outline)) {
		rest(pass, access, facts, plan);
		return;
	}
	if (!enters(pass, access, NULL))
		return;
	note_contest(access, view, outline);
	access->plan = *plan;
	access_status_keep_outline(access, NULL, outline);
	access_steps_write_status(pass->steps, access, status);
}

static void start(struct access_pass *pass, struct access *access, const struct access_plan *plan)
{
	const char *key = access_steps_call_a_member(plan->step) ? access->profile_key : NULL;

	if (plan->step == ACCESS_CHECK_DESTINATION) /* one call serves many */
		step_lines_leave(pass->lines, access);
	else if (!enters(pass, access, key))
		return;
	access_steps_start(pass->steps, access, plan);
}

void access_pass_run(struct access_pass *pass, struct access *access)
{
	struct access_view view;
	struct access_facts facts;
	struct access_plan plan;

	access_record_adopt_shown(access, pass->steps->seen->ledgers,
				  pass->steps->settings->namespace);
	if (access->ending)
		access_record_note_forgetting(access, pass->steps->seen->ledgers,
					      pass->steps->settings->namespace);
	if (access->ledger && access->ledger->resource_version)
		member_checks_want(pass->checks, access->profile_key);
	view = view_of(pass, access);
	if (!secret_is_empty(&access->token.secret) && view.now_ms >= access->token.renew_at_ms)
		access_drop_token(access); /* it could not be delivered for too long */
	facts = access_view_facts(&view);
	plan = access_plan_next(&facts);
	access->check.idle = false;
	access->ending = access_ending_is_near(&facts);
	access->rests = plan.step == ACCESS_REPORT && strcmp(plan.reason, "Issued") == 0;
	if (plan.step == ACCESS_FORGET) {
		step_lines_leave(pass->lines, access);
		access_index_forget(pass->index, access);
	} else if (plan.step == ACCESS_REPORT || plan.step == ACCESS_ACKNOWLEDGE) {
		report(pass, access, &view, &facts, &plan);
	} else if (plan.step != ACCESS_CHECK_CREDENTIAL ||
		   !credential_check_gives_way(access, pass->index, pass->lines,
					       pass->steps->settings->credential_check_interval_ms,
					       facts.now_ms)) {
		start(pass, access, &plan);
	}
}
