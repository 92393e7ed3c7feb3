#include "core/access_record.h"

#include <base/cleanup.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access.h"
#include "core/kube_call.h"
#include "core/ledger.h"
#include "core/store.h"

char *access_record_key(const struct access *access, const char *broker_namespace)
{
	struct text key = text_with_max(1024);

	text_appendf(&key, "%s/%s", broker_namespace, access->uid);
	return text_take(&key);
}

void access_record_adopt(struct access *access, struct ledger *ledger)
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
	access->ledger_absent = false;
	access->permission_round = 0; /* decisions rest on what is on record */
	memory_free(access->profile_key);
	access->profile_key = memory_text(ledger->profile_key);
	if (!ledger_anchor(ledger, ledger->generation))
		ledger_add_anchor(ledger, ledger->generation);
}

void access_record_keep_anchors(struct access *access, const struct ledger *old)
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

/* Another broker may have opened one anew, which the closed one is older than. One that others keep
 * with their finalizers changes when these do, and stays the closed one. */
static bool is_the_closed_one(const struct access *access, const struct ledger *shown)
{
	if (access->ledger_closed && access->record_uid && shown->record_uid)
		return text_same(access->record_uid, shown->record_uid);
	return access->ledger_closed &&
	       (!access->closed_version ||
		!kube_call_version_is_older(access->closed_version, shown->resource_version));
}

void access_record_adopt_shown(struct access *access, const struct store *ledgers,
			       const char *broker_namespace)
{
	cleanup_free char *key = NULL;
	const struct ledger *shown;

	if (access->ledger)
		return;
	key = access_record_key(access, broker_namespace);
	shown = store_find(ledgers, key);
	if (!shown || is_the_closed_one(access, shown))
		return;
	if (access->ledger_closed)
		access_start_over(access);
	access_record_adopt(access, ledger_dup(shown));
}

void access_record_note_forgetting(struct access *access, const struct store *ledgers,
				   const char *broker_namespace)
{
	cleanup_free char *key = access_record_key(access, broker_namespace);
	const struct ledger *shown = store_find(ledgers, key);

	if (!access->ledger || !shown || text_same(access->ledger->forget, shown->forget))
		return;
	memory_free(access->ledger->forget);
	access->ledger->forget = memory_text(shown->forget);
}
