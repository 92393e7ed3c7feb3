#include "core/restore_steps.h"

#include <stdbool.h>
#include <stddef.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access.h"
#include "core/access_news.h"
#include "core/access_steps.h"
#include "core/kube_path.h"
#include "core/ledger.h"
#include "core/member_objects.h"
#include "core/member_steps.h"
#include "core/rights.h"

static struct ledger_object *planned_object(const struct access *access)
{
	return &access->ledger->objects[access->plan.index];
}

static struct json *intended_object(const struct access *access)
{
	return member_object_render(access->ledger, (size_t)access->plan.index, access->rights);
}

/* TEXT tells of OBJECT, beside the work: what is the matter with it stops nothing. */
static void tell(const struct access_steps *steps, const struct access *access, const char *reason,
		 const struct ledger_object *object, const char *text)
{
	struct error message = {0};

	error_set(&message, ERROR_CONFLICT, "%s %s%s%s %s", object->resource->kind,
		  object->namespace ? object->namespace : "", object->namespace ? "/" : "",
		  object->name, text);
	steps->tell(steps->context, &(struct access_news){
					    .access = access,
					    .type = "Warning",
					    .action = "Restore",
					    .reason = reason,
					    .message = message.text,
				    });
}

void restore_step_tell_made(const struct access_steps *steps, const struct access *access,
			    const struct ledger_object *object)
{
	bool identity = object->resource == &KUBE_SERVICE_ACCOUNTS;

	tell(steps, access, "MemberObjectRestored", object,
	     identity ? "was deleted on the member and is made anew; its tokens ended with it"
		      : "was deleted on the member and is made anew");
}

static void tell_edited(const struct access_steps *steps, const struct access *access,
			const char *reason, const char *outcome)
{
	struct text text cleanup_text = text_with_max(ERROR_TEXT_MAX);

	text_appendf(&text, "was edited on the member (%s", access->edited);
	if (access->editor)
		text_appendf(&text, ", last by %s", access->editor);
	text_appendf(&text, ") %s", outcome);
	tell(steps, access, reason, planned_object(access), text_chars(&text));
}

static void tell_refused(const struct access_steps *steps, const struct access *access,
			 const struct error *why)
{
	struct error err = *why;

	error_wrap(&err, "and cannot be put back");
	tell_edited(steps, access, "MemberObjectNotRestored", err.text);
}

/* The next look at the member finds it again. */
static void leave(struct access_steps *steps, struct access *access)
{
	planned_object(access)->suspect = false;
	access_steps_succeed(steps, access);
}

/* No answer: it is asked again as soon as there is one. */
static bool fail_without_answer(struct access_steps *steps, struct access *access,
				const struct kube_reply *reply)
{
	if (!reply->err || reply->kube.status != 0 || reply->err->kind != ERROR_UNAVAILABLE)
		return false;
	access_steps_fail(steps, access, "MemberUnavailable", reply->err);
	return true;
}

static void object_applied(struct access_steps *steps, struct access *access,
			   const struct kube_reply *reply)
{
	cleanup_json struct json *intended = NULL;

	if (fail_without_answer(steps, access, reply))
		return;
	intended = access->rights ? intended_object(access) : NULL;
	if (reply->err) {
		tell_refused(steps, access, reply->err);
	} else if (intended && member_object_difference(intended, reply->object)) {
		tell_edited(steps, access, "MemberObjectNotRestored",
			    "and something there edits it again at once");
	} else {
		tell_edited(steps, access, "MemberObjectRestored", "and is put back");
	}
	leave(steps, access);
}

static void lose_object(struct access_steps *steps, struct access *access, bool told_when_made)
{
	access_lose_object(access, (size_t)access->plan.index);
	planned_object(access)->lost = told_when_made;
	access_steps_succeed(steps, access);
}

/* Only cluster administrators may touch a role with an aggregationRule, but we may delete it. */
static void aggregation_deleted(struct access_steps *steps, struct access *access,
				const struct kube_reply *reply)
{
	if (fail_without_answer(steps, access, reply))
		return;
	if (reply->err) {
		tell_refused(steps, access, reply->err);
		leave(steps, access);
		return;
	}
	tell_edited(steps, access, "MemberObjectRestored", "and is made anew");
	lose_object(steps, access, false);
}

static void put_back(struct access_steps *steps, struct access *access, const struct json *live,
		     const char *difference)
{
	cleanup_json struct json *body = NULL;
	cleanup_json struct json *options = NULL;

	access->edited = difference;
	memory_free(access->editor);
	access->editor = memory_text(member_object_editor(live));
	if (text_same(difference, MEMBER_OBJECT_AGGREGATION)) {
		options = kube_delete_options(planned_object(access)->uid, NULL);
		member_step_call_object(steps, access, KUBE_DELETE, options, aggregation_deleted);
		return;
	}
	body = member_object_render_change(access->ledger, (size_t)access->plan.index,
					   access->rights);
	member_step_call_object(steps, access, KUBE_APPLY, body, object_applied);
}

static void report_replaced(struct access_steps *steps, struct access *access)
{
	struct ledger_object *object = planned_object(access);

	/* of an identity, the plan tells */
	if (!object->replaced && access->plan.index > 0)
		tell(steps, access, member_step_conflict(object->resource), object,
		     "was replaced on the member by one that is not ours: it stays untouched");
	object->replaced = true;
	leave(steps, access);
}

static void object_read(struct access_steps *steps, struct access *access,
			const struct kube_reply *reply)
{
	cleanup_json struct json *intended = NULL;
	const char *difference;

	if (fail_without_answer(steps, access, reply))
		return;
	if (reply->kube.reason == KUBE_REASON_NOT_FOUND) {
		lose_object(steps, access, true);
	} else if (reply->err || !access->rights || !member_object_uid(reply->object)) {
		leave(steps, access);
	} else if (!member_object_is_ours(access->ledger, (size_t)access->plan.index,
					  reply->object)) {
		report_replaced(steps, access);
	} else {
		intended = intended_object(access);
		difference = member_object_difference(intended, reply->object);
		planned_object(access)->replaced = false;
		if (difference)
			put_back(steps, access, reply->object, difference);
		else
			leave(steps, access);
	}
}

void restore_step_begin(struct access_steps *steps, struct access *access)
{
	const struct ledger_object *object = planned_object(access);
	bool wanted = access->plan.index == 0 ||
		      (access->rights && !rights_is_surplus(access->rights, object));

	if (wanted && access->rights)
		member_step_call_object(steps, access, KUBE_GET, NULL, object_read);
	else
		leave(steps, access);
}
