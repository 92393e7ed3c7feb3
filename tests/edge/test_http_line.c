#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/edge/http_call.h"
#include "broker/edge/http_line.h"

static struct http_call calls[6];
static struct http_line line;

/* a, b, c are ordinary; U, V, W are urgent. */
static struct http_call *call(char name)
{
	struct http_call *found = &calls[name >= 'a' ? name - 'a' : 3 + name - 'U'];

	found->urgent = name < 'a';
	return found;
}

static void assert_taken(const char *names)
{
	for (; *names; names++)
		assert_ptr_equal(http_line_take(&line), call(*names));
	assert_null(http_line_take(&line));
}

static void add_all(const char *names)
{
	for (; *names; names++)
		http_line_add(&line, call(*names));
}

static void take__gives_urgent_calls_first_and_each_class_in_order(void **state)
{
	(void)state;
	assert_taken("");
	add_all("aUbVcW");
	assert_taken("UVWabc");
	add_all("ba");
	assert_taken("ba");
}

static void remove__takes_a_call_out_wherever_it_stands(void **state)
{
	(void)state;
	for (const char *name = "abc"; *name; name++) {
		add_all("abcU");
		http_line_remove(&line, call(*name));
		http_line_remove(&line, call(*name)); /* not in line any more */
		http_line_add(&line, call(*name));
		assert_taken(*name == 'a' ? "Ubca" : *name == 'b' ? "Uacb" : "Uabc");
	}
	add_all("U");
	http_line_remove(&line, call('U'));
	assert_taken("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(take__gives_urgent_calls_first_and_each_class_in_order),
		cmocka_unit_test(remove__takes_a_call_out_wherever_it_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
