/* identity_claim.h - whose a ServiceAccount on a member is, by what all ledgers say.
 *
 * Pure. The name alone decides what a ServiceAccount may do there, because bindings name it: one
 * that was deleted by hand and is made again for another request would inherit what the first one's
 * bindings grant. */
#ifndef CORE_IDENTITY_CLAIM_H
#define CORE_IDENTITY_CLAIM_H

#include <stdbool.h>

struct ledger;
struct store;

/* The same by what this process works with: ACCESSES are struct access. A record that was written
 * a moment ago may not be among those that the watch shows. */
bool identity_claim_is_held(const struct store *accesses, const struct ledger *ledger);

/* True when another of LEDGERS (struct ledger) has made the ServiceAccount of LEDGER's name on the
 * same member, whether it still exists or not. */
bool identity_claim_is_taken(const struct store *ledgers, const struct ledger *ledger);

#endif
