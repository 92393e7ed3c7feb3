#include "core/access_news.h"

#include <stddef.h>
#include <string.h>

#include <base/text.h>

#include "core/access.h"
#include "core/access_status.h"

/* While a denial is being confirmed, nothing is taken away yet. */
static const char *action_of(const struct access *access)
{
	bool ends = access->ending && access->plan.step != ACCESS_CONFIRM_DENIAL;

	return ends ? "Revoke" : "Issue";
}

static struct access_news news_of(const struct access *access, const char *type, const char *action,
				  const char *reason, const char *message)
{
	return (struct access_news){
		.access = access,
		.type = type,
		.action = action,
		.reason = reason,
		.message = message,
	};
}

static bool failure_news(const struct access *access, struct access_news *ret_news)
{
	const struct access_failure *failure = &access->failure;

	if (text_same(access->reported_reason, failure->reason))
		return false;
	*ret_news =
		news_of(access, "Warning", action_of(access), failure->reason, failure->error.text);
	return true;
}

const char *access_news_key(const struct access_news *news)
{
	return news->access ? news->access->request_key : news->profile_key;
}

static bool redelivery_news(const struct access *access, struct access_news *ret_news)
{
	if (access->delivery != DELIVERY_OURS)
		return false;
	if (access->delivery_generation == 0)
		*ret_news = news_of(access, "Warning", "Issue", "SecretEdited",
				    "somebody put something else in the place of the token: it "
				    "is replaced by a new one");
	else if (access->asked_cluster[0])
		*ret_news = news_of(access, "Normal", "Issue", "DeliveryUpdated",
				    "the member has another address or CA: the Secret has it now, "
				    "with the same token");
	return access->delivery_generation == 0 || access->asked_cluster[0];
}

static bool wait_news(const struct access *access, struct access_news *ret_news)
{
	const char *reason = access->plan.reason;

	if (text_same(access->reported_reason, reason))
		return false;
	*ret_news = news_of(
		access, "Warning", "Revoke", reason,
		strncmp(access->plan.cause, "Member", strlen("Member")) == 0
			? access_status_sentence(reason)
			: "the member answers and does not let it be revoked: it is tried again");
	return true;
}

bool access_news_of_step(const struct access *access, struct access_news *ret_news)
{
	enum access_step step = access->plan.step;
	bool delivered = step == ACCESS_DELIVER && access->delivery == DELIVERY_OURS &&
			 secret_is_empty(&access->token.secret);

	if (access->failure.reason)
		return failure_news(access, ret_news);
	if (step == ACCESS_REDELIVER)
		return redelivery_news(access, ret_news);
	if (delivered)
		*ret_news = news_of(access, "Normal", "Issue",
				    access->overlap_until_ms > 0 ? "Renewed" : "Issued",
				    "the credential was proved on the member and delivered");
	else if (step == ACCESS_RECORD_WAIT && !text_same(access->plan.reason, "Revoking"))
		return wait_news(access, ret_news);
	else if (step == ACCESS_CLOSE_LEDGER && text_same(access->plan.reason, "Forgotten") &&
		 access->ledger_closed)
		*ret_news = news_of(
			access, "Warning", "Revoke", "Forgotten",
			"an administrator closed the record: no token can be used any more, and "
			"what stands on the member is on record no longer");
	else if (step == ACCESS_CLOSE_LEDGER && access->ledger_closed)
		*ret_news = news_of(access, "Normal", "Revoke", "Revoked",
				    "nothing of the access is left on the member");
	else if (step == ACCESS_REMOVE_FINALIZER && access->released && access->ledger)
		*ret_news = news_of(
			access, "Warning", "Revoke", "Released",
			"the request is gone and its access is not: the member was away for too "
			"long, or it was abandoned. It is on record in the broker's namespace, and "
			"is revoked when the member returns");
	else
		return false;
	return true;
}

static bool passes_soon(const char *reason)
{
	static const char *const reasons[] = {"Issued",           "Pending",       "Retrying",
					      "MemberConnecting", "Revoking",      "Revoked",
					      "Suspended",        "CredentialVoid"};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (text_same(reason, reasons[i]))
			return true;
	return false;
}

bool access_news_of_wait(const struct access *access, const struct access_plan *plan,
			 struct access_news *ret_news)
{
	bool denied =
		text_same(plan->reason, access->permission.reason) && access->permission.text[0];

	if (access->failure.reason || access->released || passes_soon(plan->reason) ||
	    text_same(access->reported_reason, plan->reason))
		return false;
	*ret_news =
		news_of(access, "Warning", action_of(access), plan->reason,
			denied ? access->permission.text : access_status_sentence(plan->reason));
	return true;
}

/* What only a member that is known can end. */
static bool waits_behind_its_member(const char *reason)
{
	static const char *const reasons[] = {"MemberChanged", "ServiceAccountReplaced",
					      "DestinationNotOpened", "SecretConflict",
					      "ServiceAccountConflict"};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (text_same(reason, reasons[i]))
			return true;
	return false;
}

bool access_news_stand(const struct access *access, const struct access_plan *plan)
{
	return text_same(plan->reason, "MemberConnecting") &&
	       waits_behind_its_member(access->reported_reason);
}
