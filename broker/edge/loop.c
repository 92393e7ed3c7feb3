#include "edge/loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <base/clock.h>
#include <base/error.h>
#include <base/memory.h>

enum { EVENTS_PER_TURN = 64, SIGNAL_MAX = 64 };

struct fd_watch {
	loop_fd_ready *ready; /* NULL: not watched */
	void *context;
	uint32_t generation; /* tells an event of this watch from one of a watch before it */
};

struct signal_task {
	loop_task *task;
	void *context;
};

struct loop {
	const struct clock *clock;
	int epoll_fd;
	bool stopped;

	struct fd_watch *watches; /* indexed by descriptor */
	size_t watches_size;

	struct loop_timer **heap;
	size_t heap_size;
	size_t heap_capacity;
	uint64_t order_next;

	int signal_fd; /* -1 until a signal is awaited */
	sigset_t signals;
	struct signal_task signal_tasks[SIGNAL_MAX + 1];
};

static bool timer_is_before(const struct loop_timer *a, const struct loop_timer *b)
{
	if (a->due_ms != b->due_ms)
		return a->due_ms < b->due_ms;
	return a->order < b->order;
}

static void heap_place(struct loop *loop, size_t index, struct loop_timer *timer)
{
	loop->heap[index] = timer;
	timer->heap_index = index;
}

static void heap_rise(struct loop *loop, size_t index, struct loop_timer *timer)
{
	while (index > 0 && timer_is_before(timer, loop->heap[(index - 1) / 2])) {
		heap_place(loop, index, loop->heap[(index - 1) / 2]);
		index = (index - 1) / 2;
	}
	heap_place(loop, index, timer);
}

static void heap_sink(struct loop *loop, size_t index, struct loop_timer *timer)
{
	for (;;) {
		size_t child = 2 * index + 1;
		if (child + 1 < loop->heap_size &&
		    timer_is_before(loop->heap[child + 1], loop->heap[child]))
			child++;
		if (child >= loop->heap_size || !timer_is_before(loop->heap[child], timer))
			break;
		heap_place(loop, index, loop->heap[child]);
		index = child;
	}
	heap_place(loop, index, timer);
}

static void heap_add(struct loop *loop, struct loop_timer *timer)
{
	if (loop->heap_size == loop->heap_capacity) {
		loop->heap_capacity = loop->heap_capacity ? 2 * loop->heap_capacity : 32;
		loop->heap =
			memory_resize(loop->heap, loop->heap_capacity, sizeof(struct loop_timer *));
	}
	heap_rise(loop, loop->heap_size++, timer);
}

static void heap_remove(struct loop *loop, size_t index)
{
	struct loop_timer *last = loop->heap[--loop->heap_size];
	if (index == loop->heap_size)
		return;
	if (timer_is_before(last, loop->heap[index]))
		heap_rise(loop, index, last);
	else
		heap_sink(loop, index, last);
}

/* Until the next timer is due; -1: for ever. Rounds nothing down, because the clock's own
 * milliseconds are cut off. */
static int wait_ms(const struct loop *loop)
{
	if (loop->heap_size == 0)
		return -1;
	int64_t delay = loop->heap[0]->due_ms - clock_monotonic_ms(loop->clock);
	if (delay <= 0)
		return 0;
	return delay > INT_MAX ? INT_MAX : (int)delay;
}

static void run_due_timers(struct loop *loop)
{
	int64_t now = clock_monotonic_ms(loop->clock);
	uint64_t order_end = loop->order_next;

	/* What a task sets for "now" has a later order and waits for the next turn, so that
	 * tasks that set each other again and again cannot starve the descriptors. */
	while (!loop->stopped && loop->heap_size > 0) {
		struct loop_timer *timer = loop->heap[0];
		if (timer->due_ms > now || timer->order >= order_end)
			return;
		loop_timer_clear(timer);
		timer->task(timer->context);
	}
}

static void dispatch(struct loop *loop, const struct epoll_event *event)
{
	int fd = (int)(event->data.u64 & 0xffffffffU);
	uint32_t generation = (uint32_t)(event->data.u64 >> 32);

	if (fd < 0 || (size_t)fd >= loop->watches_size)
		return;
	const struct fd_watch *watch = &loop->watches[fd];
	if (watch->ready && watch->generation == generation)
		watch->ready(watch->context, fd, event->events);
}

static bool loop_turn(struct loop *loop, struct error *err)
{
	struct epoll_event events[EVENTS_PER_TURN];
	int count = epoll_wait(loop->epoll_fd, events, EVENTS_PER_TURN, wait_ms(loop));

	if (count < 0 && errno != EINTR)
		return error_set(err, ERROR_INTERNAL, "epoll_wait: %s", strerror(errno));
	for (int i = 0; i < count && !loop->stopped; i++)
		dispatch(loop, &events[i]);
	run_due_timers(loop);
	return true;
}

struct loop *loop_new(const struct clock *clock, struct error *err)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0) {
		error_set(err, ERROR_INTERNAL, "epoll_create1: %s", strerror(errno));
		return NULL;
	}
	/* A peer that hung up is told by write(), not by the end of the process. */
	signal(SIGPIPE, SIG_IGN);

	struct loop *loop = memory_new(sizeof(*loop));
	loop->clock = clock;
	loop->epoll_fd = epoll_fd;
	loop->signal_fd = -1;
	sigemptyset(&loop->signals);
	return loop;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	while (loop->heap_size > 0)
		loop_timer_clear(loop->heap[0]);
	if (loop->signal_fd >= 0) {
		close(loop->signal_fd);
		sigprocmask(SIG_UNBLOCK, &loop->signals, NULL);
	}
	close(loop->epoll_fd);
	memory_free(loop->heap);
	memory_free(loop->watches);
	memory_free(loop);
}

const struct clock *loop_clock(const struct loop *loop)
{
	return loop->clock;
}

bool loop_run(struct loop *loop, struct error *err)
{
	bool ok = true;
	while (ok && !loop->stopped)
		ok = loop_turn(loop, err);
	loop->stopped = false;
	return ok;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

static void make_room_for_fd(struct loop *loop, int fd)
{
	size_t size = loop->watches_size ? loop->watches_size : 64;
	while (size <= (size_t)fd)
		size *= 2;
	if (size == loop->watches_size)
		return;
	loop->watches = memory_resize(loop->watches, size, sizeof(struct fd_watch));
	memset(loop->watches + loop->watches_size, 0,
	       (size - loop->watches_size) * sizeof(struct fd_watch));
	loop->watches_size = size;
}

static bool control_fd(struct loop *loop, int operation, int fd, uint32_t generation,
		       uint32_t epoll_events)
{
	struct epoll_event event = {
		.events = epoll_events,
		.data.u64 = (uint64_t)generation << 32 | (uint32_t)fd,
	};

	return epoll_ctl(loop->epoll_fd, operation, fd, &event) == 0;
}

bool loop_watch_fd(struct loop *loop, int fd, uint32_t epoll_events, loop_fd_ready *ready,
		   void *context, struct error *err)
{
	assert(fd >= 0 && ready);
	make_room_for_fd(loop, fd);

	struct fd_watch *watch = &loop->watches[fd];
	bool changed = watch->ready &&
		       control_fd(loop, EPOLL_CTL_MOD, fd, watch->generation, epoll_events);
	/* The kernel forgets what is closed, even when we were not told. */
	if (!changed && !control_fd(loop, EPOLL_CTL_ADD, fd, ++watch->generation, epoll_events)) {
		watch->ready = NULL;
		return error_set(err, ERROR_INTERNAL, "epoll_ctl: %s", strerror(errno));
	}
	watch->ready = ready;
	watch->context = context;
	return true;
}

void loop_forget_fd(struct loop *loop, int fd)
{
	if (fd < 0 || (size_t)fd >= loop->watches_size || !loop->watches[fd].ready)
		return;
	loop->watches[fd].ready = NULL;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t delay_ms, loop_task *task,
		    void *context)
{
	loop_timer_clear(timer);
	timer->loop = loop;
	timer->due_ms = clock_monotonic_ms(loop->clock) + (delay_ms > 0 ? delay_ms : 0);
	timer->order = loop->order_next++;
	timer->task = task;
	timer->context = context;
	heap_add(loop, timer);
}

void loop_timer_clear(struct loop_timer *timer)
{
	if (!timer->loop)
		return;
	heap_remove(timer->loop, timer->heap_index);
	timer->loop = NULL;
}

bool loop_timer_is_set(const struct loop_timer *timer)
{
	return timer->loop != NULL;
}

static void signals_arrived(void *context, int fd, uint32_t events)
{
	struct loop *loop = context;
	struct signalfd_siginfo info;

	(void)events;
	if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info) || info.ssi_signo > SIGNAL_MAX)
		return;
	const struct signal_task *task = &loop->signal_tasks[info.ssi_signo];
	if (task->task)
		task->task(task->context);
}

bool loop_on_signal(struct loop *loop, int number, loop_task *task, void *context,
		    struct error *err)
{
	assert(number > 0 && number <= SIGNAL_MAX);
	sigset_t signals = loop->signals;
	sigaddset(&signals, number);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return error_set(err, ERROR_INTERNAL, "sigprocmask: %s", strerror(errno));

	int fd = signalfd(loop->signal_fd, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return error_set(err, ERROR_INTERNAL, "signalfd: %s", strerror(errno));
	loop->signals = signals;
	loop->signal_tasks[number] = (struct signal_task){task, context};
	if (loop->signal_fd == fd)
		return true;
	loop->signal_fd = fd;
	return loop_watch_fd(loop, fd, EPOLLIN, signals_arrived, loop, err);
}
