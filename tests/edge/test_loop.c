#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

#include <base/clock.h>
#include <base/error.h>

#include "broker/edge/loop.h"

/* A clock that goes on by a step with each look at it, so that the loop itself moves the time. */
struct stage {
	struct clock clock;
	int64_t now_ms;
	int64_t step_ms;
	struct loop *loop;
	char story[128]; /* what ran, in order */
	struct loop_timer timers[6];
	int pipe[2];
	int other_pipe[2];
};

struct actor {
	struct stage *stage;
	char name;
};

static int64_t staged_ms(void *context)
{
	struct stage *stage = context;

	stage->now_ms += stage->step_ms;
	return stage->now_ms;
}

static void note(struct stage *stage, char name)
{
	size_t size = strlen(stage->story);

	assert_true(size + 1 < sizeof(stage->story));
	stage->story[size] = name;
}

static void act(void *context)
{
	const struct actor *actor = context;

	note(actor->stage, actor->name);
}

static void stop(void *context)
{
	struct stage *stage = context;

	loop_stop(stage->loop);
}

static void run(struct stage *stage)
{
	struct error err = {0};

	assert_true(loop_run(stage->loop, &err));
}

static int setup(void **state)
{
	static struct stage stage;
	struct error err = {0};

	stage = (struct stage){.now_ms = 1000};
	stage.clock = (struct clock){.monotonic_ms = staged_ms, .context = &stage};
	stage.loop = loop_new(&stage.clock, &err);
	assert_non_null(stage.loop);
	assert_int_equal(pipe2(stage.pipe, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(pipe2(stage.other_pipe, O_CLOEXEC | O_NONBLOCK), 0);
	*state = &stage;
	alarm(20); /* a loop that hangs ends the test */
	return 0;
}

static int teardown(void **state)
{
	struct stage *stage = *state;

	loop_free(stage->loop);
	for (size_t i = 0; i < 2; i++) {
		close(stage->pipe[i]);
		close(stage->other_pipe[i]);
	}
	alarm(0);
	return 0;
}

static void timer_set__runs_in_order_of_time_then_of_setting(void **state)
{
	struct stage *stage = *state;
	struct actor actors[] = {{stage, 'c'}, {stage, 'a'}, {stage, 'd'}, {stage, 'b'}};
	const int64_t delays[] = {30, 10, 30, 10};

	stage->step_ms = 1;
	for (size_t i = 0; i < 4; i++)
		loop_timer_set(stage->loop, &stage->timers[i], delays[i], act, &actors[i]);
	loop_timer_set(stage->loop, &stage->timers[4], 60, stop, stage);
	run(stage);
	assert_string_equal(stage->story, "abcd");
}

static void timer_set__replaces_the_time_set_before(void **state)
{
	struct stage *stage = *state;
	struct actor first = {stage, 'x'};
	struct actor second = {stage, 'y'};

	stage->step_ms = 1;
	loop_timer_set(stage->loop, &stage->timers[0], 5, act, &first);
	loop_timer_set(stage->loop, &stage->timers[0], 20, act, &second);
	loop_timer_set(stage->loop, &stage->timers[1], 60, stop, stage);
	run(stage);
	assert_string_equal(stage->story, "y");
}

static void timer_set__never_runs_before_its_time(void **state)
{
	struct stage *stage = *state;
	struct actor early = {stage, 'x'};

	loop_timer_set(stage->loop, &stage->timers[0], 1, act, &early);
	loop_timer_set(stage->loop, &stage->timers[1], 0, stop, stage);
	run(stage); /* the time stands still */
	assert_string_equal(stage->story, "");
	assert_true(loop_timer_is_set(&stage->timers[0]));
}

static void timer_clear__forgets_and_is_fine_twice(void **state)
{
	struct stage *stage = *state;
	struct actor never = {stage, 'x'};

	stage->step_ms = 1;
	loop_timer_set(stage->loop, &stage->timers[0], 5, act, &never);
	loop_timer_set(stage->loop, &stage->timers[1], 50, stop, stage);
	loop_timer_clear(&stage->timers[0]);
	loop_timer_clear(&stage->timers[0]);
	assert_false(loop_timer_is_set(&stage->timers[0]));
	run(stage);
	assert_string_equal(stage->story, "");
}

static void clear_the_next(void *context)
{
	struct stage *stage = context;

	assert_false(loop_timer_is_set(&stage->timers[0])); /* not set any more while it runs */
	loop_timer_clear(&stage->timers[1]);
}

static void timer_clear__reaches_a_timer_that_is_already_due(void **state)
{
	struct stage *stage = *state;
	struct actor never = {stage, 'x'};

	loop_timer_set(stage->loop, &stage->timers[0], 0, clear_the_next, stage);
	loop_timer_set(stage->loop, &stage->timers[1], 0, act, &never);
	loop_timer_set(stage->loop, &stage->timers[2], 0, stop, stage);
	run(stage);
	assert_string_equal(stage->story, "");
}

static void again(void *context)
{
	struct stage *stage = context;

	note(stage, 't');
	assert_int_equal(write(stage->pipe[1], "f", 1), 1);
	loop_timer_set(stage->loop, &stage->timers[0], 0, again, stage);
}

static void read_and_stop(void *context, int fd, uint32_t events)
{
	struct stage *stage = context;
	char byte;

	assert_true(events & EPOLLIN);
	assert_int_equal(read(fd, &byte, 1), 1);
	note(stage, byte);
	loop_stop(stage->loop);
}

static void timer_set__for_now_does_not_starve_descriptors(void **state)
{
	struct stage *stage = *state;
	struct error err = {0};

	assert_true(
		loop_watch_fd(stage->loop, stage->pipe[0], EPOLLIN, read_and_stop, stage, &err));
	loop_timer_set(stage->loop, &stage->timers[0], 0, again, stage);
	run(stage);
	assert_string_equal(stage->story, "tf");
}

static void timer__heap_survives_many_changes(void **state)
{
	static struct loop_timer timers[500];
	static struct actor actors[500];
	struct stage *stage = *state;
	uint32_t random = 1;

	stage->step_ms = 0;
	for (size_t round = 0; round < 20; round++) {
		for (size_t i = 0; i < 500; i++) {
			random = random * 1103515245U + 12345U;
			if (random % 3 == 0)
				loop_timer_clear(&timers[i]);
			else
				loop_timer_set(stage->loop, &timers[i], (random >> 8) % 1000, act,
					       &actors[i]);
		}
	}
	/* The earliest is always at hand: clear all but ten, and see these ten come in order. */
	int64_t last = -1;
	for (size_t i = 10; i < 500; i++)
		loop_timer_clear(&timers[i]);
	for (size_t i = 0; i < 10; i++) {
		actors[i] = (struct actor){stage, (char)('0' + i)};
		loop_timer_set(stage->loop, &timers[i], (int64_t)((i * 7) % 10), act, &actors[i]);
	}
	loop_timer_set(stage->loop, &stage->timers[0], 10, stop, stage);
	stage->step_ms = 1;
	run(stage);
	assert_int_equal(strlen(stage->story), 10);
	for (size_t i = 0; i < 10; i++) {
		int64_t due = (stage->story[i] - '0') * 7 % 10;
		assert_true(due > last);
		last = due;
	}
}

static void watch_fd__tells_what_is_ready_and_changes_what_is_awaited(void **state)
{
	struct stage *stage = *state;
	struct error err = {0};

	/* A pipe that has room is ready for writing, not for reading. */
	assert_true(
		loop_watch_fd(stage->loop, stage->pipe[0], EPOLLIN, read_and_stop, stage, &err));
	assert_true(loop_watch_fd(stage->loop, stage->pipe[0], 0, read_and_stop, stage, &err));
	assert_int_equal(write(stage->pipe[1], "n", 1), 1);
	loop_timer_set(stage->loop, &stage->timers[0], 0, stop, stage);
	run(stage);
	assert_string_equal(stage->story, "");

	assert_true(
		loop_watch_fd(stage->loop, stage->pipe[0], EPOLLIN, read_and_stop, stage, &err));
	run(stage);
	assert_string_equal(stage->story, "n");
}

static void watch_fd__takes_a_number_that_was_closed_and_given_to_another_file(void **state)
{
	struct stage *stage = *state;
	struct error err = {0};

	assert_true(
		loop_watch_fd(stage->loop, stage->pipe[0], EPOLLIN, read_and_stop, stage, &err));
	assert_int_equal(dup3(stage->other_pipe[0], stage->pipe[0], O_CLOEXEC), stage->pipe[0]);
	assert_true(
		loop_watch_fd(stage->loop, stage->pipe[0], EPOLLIN, read_and_stop, stage, &err));
	assert_int_equal(write(stage->other_pipe[1], "o", 1), 1);
	run(stage);
	assert_string_equal(stage->story, "o");
}

static void watch_fd__fails_for_a_closed_descriptor(void **state)
{
	struct stage *stage = *state;
	struct error err = {0};

	assert_false(loop_watch_fd(stage->loop, 1000, EPOLLIN, read_and_stop, stage, &err));
	assert_int_equal(err.kind, ERROR_INTERNAL);
}

/* Whichever of two ready descriptors comes first, the other one is replaced by a new file of the
 * same number: the event that is due belongs to the old one. */
static void replace_the_other(void *context, int fd, uint32_t events)
{
	struct stage *stage = context;
	struct error err = {0};
	int other = fd == stage->pipe[0] ? stage->other_pipe[0] : stage->pipe[0];

	(void)events;
	note(stage, 'r');
	loop_forget_fd(stage->loop, fd);
	loop_forget_fd(stage->loop, other);
	int fresh[2];
	assert_int_equal(pipe2(fresh, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(dup3(fresh[0], other, O_CLOEXEC), other);
	close(fresh[0]);
	close(fresh[1]);
	assert_true(loop_watch_fd(stage->loop, other, 0, read_and_stop, stage, &err));
	loop_timer_set(stage->loop, &stage->timers[0], 0, stop, stage);
}

static void forget_fd__drops_an_event_that_is_due_even_if_the_number_is_used_again(void **state)
{
	struct stage *stage = *state;
	struct error err = {0};

	assert_true(loop_watch_fd(stage->loop, stage->pipe[0], EPOLLIN, replace_the_other, stage,
				  &err));
	assert_true(loop_watch_fd(stage->loop, stage->other_pipe[0], EPOLLIN, replace_the_other,
				  stage, &err));
	assert_int_equal(write(stage->pipe[1], "1", 1), 1);
	assert_int_equal(write(stage->other_pipe[1], "2", 1), 1);
	run(stage);
	assert_string_equal(stage->story, "r");
}

static void forget_fd__is_fine_for_what_is_not_watched(void **state)
{
	struct stage *stage = *state;

	loop_forget_fd(stage->loop, stage->pipe[0]);
	loop_forget_fd(stage->loop, -1);
	loop_forget_fd(stage->loop, 100000);
}

static void stop__before_run_lets_run_return(void **state)
{
	struct stage *stage = *state;

	loop_stop(stage->loop);
	run(stage);
}

static void stop__leaves_what_else_is_due(void **state)
{
	struct stage *stage = *state;
	struct actor later = {stage, 'l'};

	loop_timer_set(stage->loop, &stage->timers[0], 0, stop, stage);
	loop_timer_set(stage->loop, &stage->timers[1], 0, act, &later);
	run(stage);
	assert_string_equal(stage->story, "");
	loop_timer_set(stage->loop, &stage->timers[2], 0, stop, stage);
	run(stage);
	assert_string_equal(stage->story, "l");
}

static void on_signal__runs_in_the_loop_instead_of_the_default(void **state)
{
	struct stage *stage = *state;
	struct actor terminated = {stage, 'T'};
	struct error err = {0};

	assert_true(loop_on_signal(stage->loop, SIGTERM, act, &terminated, &err));
	assert_true(loop_on_signal(stage->loop, SIGUSR1, stop, stage, &err));
	assert_int_equal(raise(SIGTERM), 0);
	assert_string_equal(stage->story, "");
	assert_int_equal(raise(SIGUSR1), 0);
	run(stage);
	while (strcmp(stage->story, "T") != 0) {
		loop_timer_set(stage->loop, &stage->timers[0], 0, stop, stage);
		run(stage);
	}
}

static void new__makes_a_broken_pipe_an_error_and_not_the_end(void **state)
{
	struct stage *stage = *state;

	close(stage->pipe[0]);
	assert_int_equal(write(stage->pipe[1], "x", 1), -1);
	stage->pipe[0] = dup(stage->pipe[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(timer_set__runs_in_order_of_time_then_of_setting,
						setup, teardown),
		cmocka_unit_test_setup_teardown(timer_set__replaces_the_time_set_before, setup,
						teardown),
		cmocka_unit_test_setup_teardown(timer_set__never_runs_before_its_time, setup,
						teardown),
		cmocka_unit_test_setup_teardown(timer_clear__forgets_and_is_fine_twice, setup,
						teardown),
		cmocka_unit_test_setup_teardown(timer_clear__reaches_a_timer_that_is_already_due,
						setup, teardown),
		cmocka_unit_test_setup_teardown(timer_set__for_now_does_not_starve_descriptors,
						setup, teardown),
		cmocka_unit_test_setup_teardown(timer__heap_survives_many_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(
			watch_fd__tells_what_is_ready_and_changes_what_is_awaited, setup, teardown),
		cmocka_unit_test_setup_teardown(
			watch_fd__takes_a_number_that_was_closed_and_given_to_another_file, setup,
			teardown),
		cmocka_unit_test_setup_teardown(watch_fd__fails_for_a_closed_descriptor, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			forget_fd__drops_an_event_that_is_due_even_if_the_number_is_used_again,
			setup, teardown),
		cmocka_unit_test_setup_teardown(forget_fd__is_fine_for_what_is_not_watched, setup,
						teardown),
		cmocka_unit_test_setup_teardown(stop__before_run_lets_run_return, setup, teardown),
		cmocka_unit_test_setup_teardown(stop__leaves_what_else_is_due, setup, teardown),
		cmocka_unit_test_setup_teardown(on_signal__runs_in_the_loop_instead_of_the_default,
						setup, teardown),
		cmocka_unit_test_setup_teardown(new__makes_a_broken_pipe_an_error_and_not_the_end,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
