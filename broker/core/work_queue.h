/* work_queue.h - which keys have work to do, now or later, each key once.
 *
 * A key that is being worked on is not handed out a second time; what is added meanwhile waits
 * until that work is done, so that no change is lost and no two workers meet. Starts no work and
 * sets no timer itself. */
#ifndef CORE_WORK_QUEUE_H
#define CORE_WORK_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock;
struct work_queue;

/* The most urgent first. */
enum work_priority {
	WORK_REVOKE,
	WORK_NORMAL,
	WORK_BACKGROUND,
};

/* CLOCK is borrowed and must outlive the queue. */
struct work_queue *work_queue_new(const struct clock *clock);
/* NULL is fine. */
void work_queue_free(struct work_queue *queue);

/* Makes KEY due now. A key that waits already keeps its place and the more urgent priority. */
void work_queue_add(struct work_queue *queue, const char *key, enum work_priority priority);

/* Makes KEY due at a time of the monotonic clock. A key that waits already keeps the earlier of
 * both times and the more urgent priority. */
void work_queue_add_at(struct work_queue *queue, const char *key, int64_t due_ms,
		       enum work_priority priority);

/* Hands out the most urgent key that is due, the first come first, and counts it as processing
 * until work_queue_done(). False when nothing is due. *RET_KEY is the caller's. */
bool work_queue_next(struct work_queue *queue, char **ret_key);

/* Ends the processing of KEY; what was added meanwhile takes its place in the queue. */
void work_queue_done(struct work_queue *queue, const char *key);

/* Drops what waits for KEY, also what was added while it is processing. */
void work_queue_forget(struct work_queue *queue, const char *key);

/* When something is due next: a time in the past when something is due already, -1 when nothing
 * waits. Monotonic. */
int64_t work_queue_next_due_ms(const struct work_queue *queue);

/* How many keys are due and not yet handed out. */
size_t work_queue_depth(struct work_queue *queue);

#endif
