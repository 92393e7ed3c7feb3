#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/memory.h>

#include "broker/edge/http_listener.h"

static void http_listener_check__takes_numbers_alone(void **state)
{
	static const char *const good[] = {"127.0.0.1:8081", "[::1]:8081", ":8081",
					   "0.0.0.0:0",      "[::]:1",     ":65535"};
	static const char *const bad[] = {"",
					  ":",
					  "8081",
					  "localhost:8081",
					  "127.0.0.1",
					  "127.0.0.1:",
					  "127.0.0.1:65536",
					  "127.0.0.1:123456",
					  "127.0.0.1:-1",
					  "127.0.0.1:80x",
					  "127.0.0.1:http",
					  "::1:80",
					  "[]:80",
					  "[::1:80",
					  "[::1]80",
					  "http://127.0.0.1:80"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!http_listener_check(good[i], &(struct error){0}))
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = {0};

		if (http_listener_check(bad[i], &err))
			fail_msg("%s", bad[i]);
		assert_int_equal(err.kind, ERROR_INVALID);
		assert_non_null(strstr(err.text, ":8081"));
	}
}

static void http_listener_open__says_where_it_listens(void **state)
{
	cleanup_free char *address = NULL;
	cleanup_free char *everywhere = NULL;
	cleanup_close int fd = -1;
	cleanup_close int all = -1;
	struct error err = {0};

	(void)state;
	fd = http_listener_open("127.0.0.1:0", &address, &err);
	assert_true(fd >= 0);
	assert_memory_equal(address, "127.0.0.1:", 10);
	assert_true(address[10] >= '1' && address[10] <= '9');
	all = http_listener_open(":0", &everywhere, &err);
	assert_true(all >= 0);
	assert_true(strncmp(everywhere, "[::]:", 5) == 0 ||
		    strncmp(everywhere, "0.0.0.0:", 8) == 0);
}

static void http_listener_open__takes_no_address_of_somebody_else(void **state)
{
	cleanup_free char *address = NULL;
	cleanup_free char *second = NULL;
	cleanup_close int fd = -1;
	struct error err = {0};

	(void)state;
	fd = http_listener_open("127.0.0.1:0", &address, &err);
	assert_int_equal(http_listener_open(address, &second, &err), -1);
	assert_int_equal(err.kind, ERROR_UNAVAILABLE);
	assert_non_null(strstr(err.text, address));
	assert_null(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(http_listener_check__takes_numbers_alone),
		cmocka_unit_test(http_listener_open__says_where_it_listens),
		cmocka_unit_test(http_listener_open__takes_no_address_of_somebody_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
