/* loop.h - the one place that blocks: descriptors, timers and signals of the whole program.
 *
 * One thread. Callbacks run from loop_run() only, one after the other; they must not block and
 * may change any watch or timer, their own included. */
#ifndef EDGE_LOOP_H
#define EDGE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock;
struct error;
struct loop;

typedef void loop_task(void *context);
typedef void loop_fd_ready(void *context, int fd, uint32_t epoll_events);

/* Part of its owner's struct; zero-initialised means not set. */
struct loop_timer {
	struct loop *loop; /* NULL while not set */
	int64_t due_ms;
	uint64_t order; /* earlier set, earlier run, among equals */
	size_t heap_index;
	loop_task *task;
	void *context;
};

/* CLOCK must outlive the loop. */
struct loop *loop_new(const struct clock *clock, struct error *err);
/* Timers and descriptors still set are forgotten, not closed. NULL is fine. */
void loop_free(struct loop *loop);

const struct clock *loop_clock(const struct loop *loop);

/* Runs until loop_stop(). */
bool loop_run(struct loop *loop, struct error *err);
/* Lets loop_run() return after the callback that is running. */
void loop_stop(struct loop *loop);

/* Adds FD or changes what is awaited on it (EPOLLIN, EPOLLOUT). The descriptor stays the
 * caller's. */
bool loop_watch_fd(struct loop *loop, int fd, uint32_t epoll_events, loop_fd_ready *ready,
		   void *context, struct error *err);
/* Call before closing FD. Nothing is called for it afterwards, even if it was already due. */
void loop_forget_fd(struct loop *loop, int fd);

/* Runs TASK once, DELAY_MS from now (0: in the next turn, after what is due). Replaces a time
 * that was set before. The timer is not set any more when TASK runs. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t delay_ms, loop_task *task,
		    void *context);
/* Fine when not set. Must be called before the owner's memory goes. */
void loop_timer_clear(struct loop_timer *timer);
bool loop_timer_is_set(const struct loop_timer *timer);

/* Runs TASK in the loop when signal NUMBER arrives; blocks its default action. */
bool loop_on_signal(struct loop *loop, int number, loop_task *task, void *context,
		    struct error *err);

#endif
