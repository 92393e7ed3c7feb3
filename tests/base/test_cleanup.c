#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <base/cleanup.h>
#include <base/memory.h>

static void cleanup_close__closes_at_the_end_of_the_block(void **state)
{
	int seen;

	(void)state;
	{
		cleanup_close int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		seen = fd;
	}
	assert_int_equal(fcntl(seen, F_GETFD), -1);
}

static void cleanup_close__keeps_errno_and_passes_over_no_descriptor(void **state)
{
	(void)state;
	errno = ENOENT;
	{
		cleanup_close int none = -1;
		cleanup_close int wrong = 1 << 30;
		(void)none;
		(void)wrong;
	}
	assert_int_equal(errno, ENOENT);
}

/* The sanitizer's leak check and its double free check are the assertions here. */
static void cleanup_free__releases_what_was_not_taken(void **state)
{
	char *taken = NULL;

	(void)state;
	{
		cleanup_free char *kept = memory_text("kept");
		cleanup_free char *handed_over = memory_text("handed over");
		cleanup_free char *nothing = NULL;
		(void)kept;
		(void)nothing;
		taken = TAKE_PTR(handed_over);
		assert_null(handed_over);
	}
	assert_string_equal(taken, "handed over");
	memory_free(taken);
}

static int released;

static void release(int *number)
{
	released += *number;
}

static void cleanup_with__calls_the_function_of_the_type(void **state)
{
	(void)state;
	{
		cleanup_with(release) int number = 5;
		(void)number;
	}
	assert_int_equal(released, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cleanup_close__closes_at_the_end_of_the_block),
		cmocka_unit_test(cleanup_close__keeps_errno_and_passes_over_no_descriptor),
		cmocka_unit_test(cleanup_free__releases_what_was_not_taken),
		cmocka_unit_test(cleanup_with__calls_the_function_of_the_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
