#include "core/access.h"

#include <base/cleanup.h>
#include <base/memory.h>

#include "core/ledger.h"

struct access *access_new(const char *uid, const char *request_key)
{
	struct access *access = memory_new(sizeof(*access));

	access->uid = memory_text(uid);
	access->request_key = memory_text(request_key);
	access->ledger_saved = true;
	access->intent_saved = true;
	return access;
}

void access_free(struct access *access)
{
	if (!access)
		return;
	memory_free(access->uid);
	memory_free(access->request_key);
	memory_free(access->profile_key);
	memory_free(access->delivery_uid);
	memory_free(access->reported_status);
	memory_free(access->echoed_status);
	memory_free(access->echoed_version);
	memory_free(access->delivery_version);
	ledger_free(access->ledger);
	secret_done(&access->token.secret);
	memory_free(access);
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
	memory_free(access->profile_key);
	access->profile_key = memory_text(ledger->profile_key);
	if (!ledger_anchor(ledger, ledger->generation))
		ledger_add_anchor(ledger, ledger->generation);
}

void access_drop_token(struct access *access)
{
	struct ledger_anchor *anchor =
		access->ledger ? ledger_anchor(access->ledger, access->token.generation) : NULL;

	if (anchor && anchor->jti) { /* nobody has the token, so its anchor need not wait */
		memory_free(TAKE_PTR(anchor->jti));
		access->ledger_saved = false;
	}
	secret_done(&access->token.secret);
	access->token = (struct access_token){0};
}
