#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "broker/edge/hub_id.h"

struct row {
	const char *hub_id;
	bool legal;
};

static const struct row rows[] = {
	{"hub-1", true},
	{"7", true},
	{"0123456789abcdef", true},
	{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true},
	{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
	{"", false},
	{"-a", false},
	{"a-", false},
	{"-", false},
	{"Hub", false},
	{"a.b", false},
	{"a_b", false},
	{"a/b", false},
	{"a b", false},
	{"a\n", false},
	{"caf\xc3\xa9", false},
};

static void hub_id_is_legal__takes_a_label_of_at_most_40_characters(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (hub_id_is_legal(rows[i].hub_id) != rows[i].legal)
			fail_msg("\"%s\"", rows[i].hub_id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hub_id_is_legal__takes_a_label_of_at_most_40_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
