#include "core/access.h"

#include <base/cleanup.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/kube_call.h"
#include "core/ledger.h"
#include "core/rights.h"
#include "core/store.h"

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

char *access_ledger_key(const struct access *access, const char *broker_namespace)
{
	struct text key = text_with_max(1024);

	text_appendf(&key, "%s/%s", broker_namespace, access->uid);
	return text_take(&key);
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

void access_adopt_ledger(struct access *access, struct ledger *ledger)
{
	access->ledger = ledger;
	access->ledger_saved = true;
	access->intent_saved = true;
	access->open_generation = 0;
	access->delivery = DELIVERY_UNKNOWN;
	access->delivery_generation = 0;
	access->renew_at_ms = 0; /* of another delivery, perhaps, and so is the overlap */
	access->overlap_until_ms = 0;
	access->record_seen_ms = 0;
	access->permission_round = 0; /* decisions rest on what is on record */
	memory_free(access->profile_key);
	access->profile_key = memory_text(ledger->profile_key);
	if (!ledger_anchor(ledger, ledger->generation))
		ledger_add_anchor(ledger, ledger->generation);
}

void access_keep_anchors(struct access *access, const struct ledger *old)
{
	struct ledger *ledger = access->ledger;

	for (size_t i = 0; i < old->anchor_count; i++) {
		const struct ledger_anchor *made = &old->anchors[i];
		struct ledger_anchor *anchor;

		if (made->generation >= ledger->generation ||
		    ledger_anchor(ledger, made->generation))
			continue;
		anchor = ledger_add_anchor(ledger, made->generation);
		if (!anchor)
			return;
		anchor->uid = memory_text(made->uid);
		access->ledger_saved = false;
		access->intent_saved = false;
	}
}

/* Another broker may have opened one anew, which the closed one is older than. */
static bool is_the_closed_one(const struct access *access, const struct ledger *shown)
{
	return access->ledger_closed &&
	       (!access->closed_version ||
		!kube_call_version_is_older(access->closed_version, shown->resource_version));
}

void access_adopt_shown_ledger(struct access *access, const struct store *ledgers,
			       const char *broker_namespace)
{
	cleanup_free char *key = NULL;
	const struct ledger *shown;

	if (access->ledger)
		return;
	key = access_ledger_key(access, broker_namespace);
	shown = store_find(ledgers, key);
	if (!shown || is_the_closed_one(access, shown))
		return;
	if (access->ledger_closed)
		access_start_over(access);
	access_adopt_ledger(access, ledger_dup(shown));
}

void access_note_forgetting(struct access *access, const struct store *ledgers,
			    const char *broker_namespace)
{
	cleanup_free char *key = access_ledger_key(access, broker_namespace);
	const struct ledger *shown = store_find(ledgers, key);

	if (!access->ledger || !shown || text_same(access->ledger->forget, shown->forget))
		return;
	memory_free(access->ledger->forget);
	access->ledger->forget = memory_text(shown->forget);
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
