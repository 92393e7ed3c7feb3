/* access_index.h - the accesses that this process knows, and which of them have work.
 *
 * Says nothing of what the work is, and starts none. */
#ifndef CORE_ACCESS_INDEX_H
#define CORE_ACCESS_INDEX_H

#include <stdbool.h>

#include "core/work_queue.h"

struct access;
struct clock;
struct store;

struct access_index {
	struct store *accesses;    /* struct access by UID; the index's */
	struct store *uids_by_key; /* the UID seen last under a request's key */
	struct work_queue *queue;  /* of UIDs */
	void (*wake)(void *context);
	void *context;
};

/* WAKE is called whenever something is due at once. CLOCK is borrowed. */
void access_index_init(struct access_index *index, const struct clock *clock,
		       void (*wake)(void *context), void *context);
void access_index_done(struct access_index *index);

/* The access of a request's UID, made when it is new. Borrowed. */
struct access *access_index_ensure(struct access_index *index, const char *uid,
				   const char *request_key);

/* The request REQUEST_KEY has the UID now (NULL: there is none). The access that had the name
 * before has to be undone. */
void access_index_rename(struct access_index *index, const char *request_key, const char *uid);

/* Drops the access; the one that has its name now may go on. */
void access_index_forget(struct access_index *index, struct access *access);

/* Makes it due now: undoing comes before everything else. */
void access_index_add(struct access_index *index, const struct access *access);
void access_index_add_first(struct access_index *index, const struct access *access);
/* ... after everything else that is due now. */
void access_index_add_last(struct access_index *index, const struct access *access);
/* ... at a time of the monotonic clock. */
void access_index_add_at(struct access_index *index, const struct access *access, int64_t due_ms);
/* ... all for which CONCERNS(access, key) is true; it may change them. */
void access_index_add_all(struct access_index *index,
			  bool (*concerns)(struct access *access, const char *key),
			  const char *key);

/* The next that is due, which is being worked on from then on. NULL: none. Borrowed. */
struct access *access_index_next(struct access_index *index);
/* Its work has ended for now. */
void access_index_rest(struct access_index *index, const struct access *access);

#endif
