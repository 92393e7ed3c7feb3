#include "core/access.h"

#include <base/cleanup.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/ledger.h"
#include "core/rights.h"

struct access *access_new(const char *uid, const char *request_key)
{
	struct access *access = memory_new(sizeof(*access));

	access->uid = memory_text(uid);
	access->request_key = memory_text(request_key);
	access->ledger_saved = true;
	access->intent_saved = true;
	access->permission.reason = "PolicyMissing";
	return access;
}

void access_free(struct access *access)
{
	if (!access)
		return;
	memory_free(access->uid);
	memory_free(access->request_key);
	memory_free(access->profile_key);
	permission_done(&access->permission);
	rights_free(access->rights);
	memory_free(access->delivery_uid);
	memory_free(access->echoed_status);
	memory_free(access->echoed_version);
	memory_free(access->delivery_version);
	memory_free(access->editor);
	memory_free(access->record_uid);
	memory_free(access->closed_version);
	ledger_free(access->ledger);
	secret_done(&access->token.secret);
	memory_free(access);
}

void access_start_over(struct access *access)
{
	access->ledger_closed = false;
	access->record_kept = false;
	access->ledger_absent = false;
	access->ledger_saved = true;
	access->intent_saved = true;
	access->secret_gone = false;
	access->secret_suspected = false;
	access->delivery = DELIVERY_UNKNOWN;
	access->delivery_generation = 0;
	access->renew_at_ms = 0;
	access->check = (struct credential_check){0};
	access->expires_at_ms = 0;
	access->overlap_until_ms = 0;
	access->lost_anchors = 0;
	access->open_generation = 0;
	access_drop_token(access);
	access_retry_now(access);
}

void access_retry_now(struct access *access)
{
	access->failure = (struct access_failure){0};
	access->status_retry_at_ms = 0;
	for (size_t i = 0; i < ACCESS_STEP_COUNT; i++)
		access->attempts[i] = 0;
}

void access_retry_reachable(struct access *access)
{
	if (access->failure.reason && access->failure.error.kind == ERROR_UNAVAILABLE)
		access->failure = (struct access_failure){0};
}

void access_lose_object(struct access *access, size_t index)
{
	ledger_lose_object(access->ledger, index);
	access->ledger_saved = false;
	access->intent_saved = false;
	if (index == 0)
		access_drop_token(access);
}

void access_drop_token(struct access *access)
{
	struct ledger_anchor *anchor =
		access->ledger ? ledger_anchor(access->ledger, access->token.generation) : NULL;

	if (anchor && anchor->jti &&
	    !access->token
		     .perhaps_delivered) { /* nobody has the token, so its anchor need not wait */
		memory_free(TAKE_PTR(anchor->jti));
		access->ledger_saved = false;
	}
	secret_done(&access->token.secret);
	access->token = (struct access_token){0};
}
