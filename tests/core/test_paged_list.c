#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include <base/json.h>

#include "broker/core/kube_path.h"
#include "broker/core/paged_list.h"
#include "support/json_pattern.h"
#include "support/scripted_port.h"

static struct scripted_port *port;
static struct paged_list list;
static int items;
static int ends;
static enum paged_list_end how;

static void take_item(void *context, const struct json *item)
{
	(void)context;
	(void)item;
	items++;
}

static void ended(void *context, enum paged_list_end end)
{
	(void)context;
	ends++;
	how = end;
}

static int setup(void **state)
{
	(void)state;
	port = scripted_port_new();
	items = ends = 0;
	paged_list_begin(&list, &(struct paged_list_query){
					.port = scripted_port_hub(port),
					.resource = &KUBE_ROLES,
					.selector = "a=b",
					.page_size = 100,
					.item = take_item,
					.ended = ended,
				});
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	paged_list_done(&list);
	scripted_port_free(port);
	return 0;
}

static void answer(int status, const char *reason, const char *pattern)
{
	cleanup_json struct json *page = pattern ? json_pattern_parse(pattern) : NULL;

	scripted_port_answer(port, scripted_port_oldest(port), status, reason, page);
}

static void paged_list__goes_on_to_the_end(void **state)
{
	(void)state;
	assert_string_equal(
		scripted_port_oldest(port)->path,
		"/apis/rbac.authorization.k8s.io/v1/roles?labelSelector=a%3Db&limit=100");
	answer(200, NULL, "{'metadata':{'resourceVersion':'7','continue':'more'},'items':[{},{}]}");
	assert_non_null(strstr(scripted_port_oldest(port)->path, "&continue=more"));
	assert_int_equal(ends, 0);
	answer(200, NULL, "{'metadata':{'resourceVersion':'7'},'items':[{}]}");
	assert_int_equal(items, 3);
	assert_true(ends == 1 && how == PAGED_LIST_WHOLE);
}

/* Each is a list of which nothing may be concluded. */
static void paged_list__is_not_whole_unless_each_page_is_of_the_same_moment(void **state)
{
	static const char *const pages[] = {
		"{'metadata':{'resourceVersion':'8'},'items':[]}",
		"{'metadata':{},'items':[]}",
		"{'metadata':{'resourceVersion':'7'}}",
		"{}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		teardown(NULL);
		setup(NULL);
		answer(200, NULL,
		       "{'metadata':{'resourceVersion':'7','continue':'more'},'items':[{}]}");
		answer(200, NULL, pages[i]);
		assert_true(ends == 1 && how == PAGED_LIST_FAILED);
	}
}

static void paged_list__tells_why_it_ended(void **state)
{
	static const struct {
		int status;
		const char *reason;
		enum paged_list_end how;
	} rows[] = {
		{403, "Forbidden", PAGED_LIST_DENIED}, {0, NULL, PAGED_LIST_UNANSWERED},
		{410, "Expired", PAGED_LIST_FAILED},   {500, "InternalError", PAGED_LIST_FAILED},
		{401, NULL, PAGED_LIST_FAILED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		teardown(NULL);
		setup(NULL);
		answer(200, NULL,
		       "{'metadata':{'resourceVersion':'7','continue':'more'},'items':[{}]}");
		answer(rows[i].status, rows[i].reason, NULL);
		assert_int_equal(ends, 1);
		assert_int_equal(how, rows[i].how);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(paged_list__goes_on_to_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(
			paged_list__is_not_whole_unless_each_page_is_of_the_same_moment, setup,
			teardown),
		cmocka_unit_test_setup_teardown(paged_list__tells_why_it_ended, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
