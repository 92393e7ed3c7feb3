#include "core/access_news.h"

#include <stddef.h>

#include <base/text.h>

#include "core/access.h"
#include "core/access_status.h"

static const char *action_of(const struct access *access)
{
	return access->ending ? "Revoke" : "Issue";
}

static bool failure_news(const struct access *access, struct access_news *ret_news)
{
	const struct access_failure *failure = &access->failure;

	if (text_same(access->reported_reason, failure->reason))
		return false;
	*ret_news = (struct access_news){access, "Warning", action_of(access), failure->reason,
					 failure->error.text};
	return true;
}

bool access_news_of_step(const struct access *access, struct access_news *ret_news)
{
	enum access_step step = access->plan.step;
	bool delivered = step == ACCESS_DELIVER && access->delivery == DELIVERY_OURS &&
			 secret_is_empty(&access->token.secret);

	if (access->failure.reason)
		return failure_news(access, ret_news);
	if (delivered)
		*ret_news = (struct access_news){
			access, "Normal", "Issue",
			access->overlap_until_ms > 0 ? "Renewed" : "Issued",
			"the credential was proved on the member and delivered"};
	else if (step == ACCESS_CLOSE_LEDGER && access->ledger_closed)
		*ret_news = (struct access_news){access, "Normal", "Revoke", "Revoked",
						 "nothing of the access is left on the member"};
	else if (step == ACCESS_REMOVE_FINALIZER && access->released && access->ledger)
		*ret_news = (struct access_news){
			access, "Warning", "Revoke", "Released",
			"the request is gone and its access is not: the member was away for too "
			"long. It is on record in the broker's namespace, and is revoked when the "
			"member returns"};
	else
		return false;
	return true;
}

static bool passes_soon(const char *reason)
{
	static const char *const reasons[] = {"Issued",   "Pending", "Retrying", "MemberConnecting",
					      "Revoking", "Revoked", "Suspended"};

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

	if (access->failure.reason || passes_soon(plan->reason) ||
	    text_same(access->reported_reason, plan->reason))
		return false;
	*ret_news = (struct access_news){access, "Warning", action_of(access), plan->reason,
					 denied ? access->permission.text
						: access_status_sentence(plan->reason)};
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
