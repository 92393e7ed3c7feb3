#include "core/access_index.h"

#include <base/cleanup.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/access.h"
#include "core/store.h"

static void free_access(void *access)
{
	access_free(access);
}

void access_index_init(struct access_index *index, const struct clock *clock,
		       void (*wake)(void *context), void *context)
{
	*index = (struct access_index){
		.accesses = store_new(free_access),
		.uids_by_key = store_new(memory_free),
		.queue = work_queue_new(clock),
		.wake = wake,
		.context = context,
	};
}

void access_index_done(struct access_index *index)
{
	work_queue_free(index->queue);
	store_free(index->uids_by_key);
	store_free(index->accesses);
}

struct access *access_index_ensure(struct access_index *index, const char *uid,
				   const char *request_key)
{
	struct access *access = store_find(index->accesses, uid);

	if (!access) {
		access = access_new(uid, request_key);
		store_put(index->accesses, uid, access);
	}
	return access;
}

static enum work_priority priority_of(const struct access *access)
{
	return access->ending ? WORK_REVOKE : WORK_NORMAL;
}

static void add(struct access_index *index, const struct access *access,
		enum work_priority priority)
{
	work_queue_add(index->queue, access->uid, priority);
	index->wake(index->context);
}

void access_index_add(struct access_index *index, const struct access *access)
{
	add(index, access, priority_of(access));
}

void access_index_add_first(struct access_index *index, const struct access *access)
{
	add(index, access, WORK_REVOKE);
}

void access_index_add_last(struct access_index *index, const struct access *access)
{
	add(index, access, access->ending ? WORK_REVOKE : WORK_BACKGROUND);
}

void access_index_add_at(struct access_index *index, const struct access *access, int64_t due_ms)
{
	work_queue_add_at(index->queue, access->uid, due_ms, priority_of(access));
}

struct visit {
	struct access_index *index;
	bool (*concerns)(struct access *access, const char *key);
	const char *key;
};

static bool add_if_concerned(void *context, const char *uid, void *access)
{
	const struct visit *visit = context;

	(void)uid;
	if (visit->concerns(access, visit->key))
		access_index_add(visit->index, access);
	return true;
}

void access_index_add_all(struct access_index *index,
			  bool (*concerns)(struct access *access, const char *key), const char *key)
{
	struct visit visit = {index, concerns, key};

	store_each(index->accesses, add_if_concerned, &visit);
}

void access_index_rename(struct access_index *index, const char *request_key, const char *uid)
{
	const char *old_uid = store_find(index->uids_by_key, request_key);
	struct access *old = old_uid ? store_find(index->accesses, old_uid) : NULL;

	if (old && !text_same(old_uid, uid)) {
		access_retry_now(old); /* revoking does not wait for what failed before */
		access_index_add_first(index, old);
	}
	if (uid && !text_same(old_uid, uid))
		store_put(index->uids_by_key, request_key, memory_text(uid));
}

static void free_names(struct access_index *index, const char *request_key)
{
	const char *uid = store_find(index->uids_by_key, request_key);
	struct access *successor = uid ? store_find(index->accesses, uid) : NULL;

	if (!successor)
		return;
	successor->delivery = successor->busy ? successor->delivery : DELIVERY_UNKNOWN;
	access_retry_now(successor);
	add(index, successor, WORK_NORMAL);
}

void access_index_forget(struct access_index *index, struct access *access)
{
	cleanup_free char *key = memory_text(access->request_key);
	cleanup_free char *uid = memory_text(access->uid);

	work_queue_done(index->queue, uid);
	work_queue_forget(index->queue, uid);
	if (text_same(store_find(index->uids_by_key, key), uid))
		store_remove(index->uids_by_key, key);
	store_remove(index->accesses, uid);
	free_names(index, key);
}

struct access *access_index_next(struct access_index *index)
{
	struct access *access = NULL;

	while (!access) {
		cleanup_free char *uid = NULL;

		if (!work_queue_next(index->queue, &uid))
			return NULL;
		access = store_find(index->accesses, uid);
		if (!access)
			work_queue_done(index->queue, uid);
	}
	return access;
}

void access_index_rest(struct access_index *index, const struct access *access)
{
	work_queue_done(index->queue, access->uid);
}
