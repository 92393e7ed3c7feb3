#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/timestamp.h>

#include "broker/edge/log.h"

enum { PIPE_SIZE = 4096, READ_MAX = 1 << 20 };

/* Standard error as a pipe; what was written comes out at the other end. */
struct reader {
	int standard_error;
	int pipe;
	char bytes[READ_MAX];
};

static struct reader reader;

static int setup(void **state)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	reader.standard_error = dup(STDERR_FILENO);
	reader.pipe = ends[0];
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	log_set_level(LOG_LEVEL_INFO);
	*state = &reader;
	alarm(20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dup2(reader.standard_error, STDERR_FILENO);
	close(reader.standard_error);
	if (reader.pipe >= 0)
		close(reader.pipe);
	alarm(0);
	return 0;
}

/* What was written since the last look. */
static const char *written(void)
{
	ssize_t size = read(reader.pipe, reader.bytes, sizeof(reader.bytes) - 1);

	reader.bytes[size > 0 ? size : 0] = '\0';
	return reader.bytes;
}

static struct json *written_line(void)
{
	struct error err = {0};
	const char *line = written();
	const char *end = strchr(line, '\n');

	assert_non_null(end);
	assert_string_equal(end, "\n"); /* one line */
	struct json *json = json_parse(line, strlen(line), &err);
	assert_non_null(json);
	return json;
}

static void event__is_one_line_of_json_with_time_level_and_message(void **state)
{
	struct error err = {0};
	int64_t seconds;

	(void)state;
	log_event(LOG_LEVEL_WARNING, "it happened", "request", "team-a/one", "reason", "Because",
		  NULL);
	cleanup_json struct json *line = written_line();
	assert_string_equal(json_find_string(line, "level"), "warning");
	assert_string_equal(json_find_string(line, "message"), "it happened");
	assert_string_equal(json_find_string(line, "request"), "team-a/one");
	assert_string_equal(json_find_string(line, "reason"), "Because");
	assert_true(timestamp_parse(json_find_string(line, "time"), &seconds, &err));
	assert_null(json_find(line, "dropped"));
}

static void event__leaves_out_pairs_without_a_value(void **state)
{
	(void)state;
	log_event(LOG_LEVEL_INFO, "m", "absent", NULL, "present", "", NULL);
	cleanup_json struct json *line = written_line();
	assert_null(json_find(line, "absent"));
	assert_string_equal(json_find_string(line, "present"), "");
}

static void event__below_the_level_is_not_written(void **state)
{
	(void)state;
	log_event(LOG_LEVEL_DEBUG, "no", NULL);
	assert_string_equal(written(), "");
	log_set_level(LOG_LEVEL_ERROR);
	log_event(LOG_LEVEL_WARNING, "no", NULL);
	assert_string_equal(written(), "");
	log_set_level(LOG_LEVEL_DEBUG);
	log_event(LOG_LEVEL_DEBUG, "yes", NULL);
	assert_non_null(strstr(written(), "yes"));
}

static void event__does_not_let_a_value_forge_a_field_or_a_line(void **state)
{
	static const char evil[] = "x\",\"level\":\"error\"}\n{\"message\":\"forged\"}\x1b[31m\xff";

	(void)state;
	log_event(LOG_LEVEL_INFO, "m", "value", evil, NULL);
	cleanup_json struct json *line = written_line();
	assert_string_equal(json_find_string(line, "level"), "info");
	assert_memory_equal(json_find_string(line, "value"), evil, strlen(evil) - 1);
	assert_null(strchr(reader.bytes, '\x1b'));
	assert_null(strchr(reader.bytes, '\xff'));
}

static void event__does_not_let_a_value_take_the_place_of_the_message(void **state)
{
	(void)state;
	log_event(LOG_LEVEL_INFO, "the true one", "message", "another", NULL);
	cleanup_json struct json *line = written_line();
	assert_string_equal(json_find_string(line, "message"), "the true one");
}

static void event__cuts_long_values_so_that_a_line_stays_whole(void **state)
{
	static char text[100000];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	log_event(LOG_LEVEL_INFO, "m", "a", text, NULL);
	cleanup_json struct json *one = written_line();
	assert_int_equal(strlen(json_find_string(one, "a")), 1024);

	memset(text, '\n', sizeof(text) - 1); /* each is two bytes in the line */
	log_event(LOG_LEVEL_INFO, "m", "a", text, "b", text, "c", text, "d", text, "e", text, NULL);
	cleanup_json struct json *many = written_line();
	assert_true(strlen(reader.bytes) <= 4096);
	assert_true(strlen(json_find_string(many, "e")) >= 16);

	memset(text, 0, sizeof(text));
	for (size_t i = 0; i < 600; i++)
		memcpy(text + 2 * i, "\xc3\xa9", 2);
	log_event(LOG_LEVEL_INFO, "m", "a", text + 1, NULL); /* the cut is between two characters */
	cleanup_json struct json *accents = written_line();
	assert_null(strstr(json_find_string(accents, "a") + 3, "\xef\xbf\xbd"));
}

static void event__is_dropped_and_counted_when_nobody_reads(void **state)
{
	size_t lines = 0;

	(void)state;
	fcntl(STDERR_FILENO, F_SETPIPE_SZ, PIPE_SIZE);
	for (size_t i = 0; i < 1000; i++)
		log_event(LOG_LEVEL_INFO, "a line that takes some room in the pipe", "n",
			  "12345678", NULL);
	for (const char *at = written(); (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	assert_in_range(lines, 1, 999);

	log_event(LOG_LEVEL_INFO, "after", NULL);
	cleanup_json struct json *line = written_line();
	int64_t dropped = 0;
	assert_true(json_integer(json_find(line, "dropped"), &dropped));
	assert_int_equal(dropped, 1000 - (int64_t)lines);
	log_event(LOG_LEVEL_INFO, "once", NULL);
	cleanup_json struct json *next = written_line();
	assert_null(json_find(next, "dropped"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			event__is_one_line_of_json_with_time_level_and_message, setup, teardown),
		cmocka_unit_test_setup_teardown(event__leaves_out_pairs_without_a_value, setup,
						teardown),
		cmocka_unit_test_setup_teardown(event__below_the_level_is_not_written, setup,
						teardown),
		cmocka_unit_test_setup_teardown(event__does_not_let_a_value_forge_a_field_or_a_line,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			event__does_not_let_a_value_take_the_place_of_the_message, setup, teardown),
		cmocka_unit_test_setup_teardown(event__cuts_long_values_so_that_a_line_stays_whole,
						setup, teardown),
		cmocka_unit_test_setup_teardown(event__is_dropped_and_counted_when_nobody_reads,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
