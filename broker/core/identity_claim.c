#include "core/identity_claim.h"

#include <stddef.h>

#include <base/text.h>

#include "core/access.h"
#include "core/kube_path.h"
#include "core/ledger.h"
#include "core/store.h"

static const struct ledger_object *identity_of(const struct ledger *ledger)
{
	bool has_one =
		ledger->object_count > 0 && ledger->objects[0].resource == &KUBE_SERVICE_ACCOUNTS;

	return has_one ? &ledger->objects[0] : NULL;
}

static bool claims_another(void *context, const char *key, void *object)
{
	const struct ledger *mine = context;
	const struct ledger *other = object;
	const struct ledger_object *wanted = identity_of(mine);
	const struct ledger_object *held = identity_of(other);

	(void)key;
	return !(held && held->uid && text_same(held->name, wanted->name) &&
		 text_same(held->namespace, wanted->namespace) &&
		 text_same(other->member_uid, mine->member_uid) &&
		 !text_same(other->uid, mine->uid));
}

bool identity_claim_is_taken(const struct store *ledgers, const struct ledger *ledger)
{
	struct ledger *visited = (struct ledger *)ledger; /* only read */

	return identity_of(ledger) && !store_each(ledgers, claims_another, visited);
}

static bool access_claims_another(void *context, const char *uid, void *object)
{
	const struct access *access = object;

	return !access->ledger || claims_another(context, uid, access->ledger);
}

bool identity_claim_is_held(const struct store *accesses, const struct ledger *ledger)
{
	struct ledger *visited = (struct ledger *)ledger; /* only read */

	return identity_of(ledger) && !store_each(accesses, access_claims_another, visited);
}
