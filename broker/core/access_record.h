/* access_record.h - the record of a request that is worked with, and where it comes from.
 *
 * From its adoption on the working copy is ahead of what a watch shows. */
#ifndef CORE_ACCESS_RECORD_H
#define CORE_ACCESS_RECORD_H

struct access;
struct ledger;
struct store;

/* "namespace/name" of its ledger in the broker's namespace BROKER_NAMESPACE. The caller's. */
char *access_record_key(const struct access *access, const char *broker_namespace);

/* Takes LEDGER, as read from the server, for the working copy; there must be none. A generation
 * that it does not list may have been used before a crash, so its anchor counts as made. */
void access_record_adopt(struct access *access, struct ledger *ledger);

/* Anchors that OLD, the copy of before, lists and the working copy does not: we made them, or began
 * to, so they are put on record, to be deleted. */
void access_record_keep_anchors(struct access *access, const struct ledger *old);

/* Adopts its ledger among LEDGERS, as a watch shows them, unless there is a working copy, or it is
 * the one that we closed: ours is ahead of the watch. */
void access_record_adopt_shown(struct access *access, const struct store *ledgers,
			       const char *broker_namespace);

/* What an administrator wrote on the record, as LEDGERS show it, is known from now on. */
void access_record_note_forgetting(struct access *access, const struct store *ledgers,
				   const char *broker_namespace);

#endif
