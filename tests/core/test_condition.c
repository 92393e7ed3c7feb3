#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>

#include "broker/core/condition.h"
#include "support/json_pattern.h"

enum { NOW = 1772366400 };

#define NOW_TEXT "2026-03-01T12:00:00Z"

/* The one condition that comes of appending CONDITION; the caller's. */
static struct json *appended(const struct condition *condition, const char *old_list)
{
	cleanup_json struct json *list = json_array_new();
	cleanup_json struct json *old = old_list ? json_pattern_parse(old_list) : NULL;

	condition_append(list, condition, 7, old, NOW);
	assert_int_equal(json_size(list), 1);
	return json_dup(json_item(list, 0));
}

static const struct condition works = {"Ready", "True", "Issued", "the credential works"};

static void condition_append__has_every_field(void **state)
{
	cleanup_json struct json *json = appended(&works, NULL);
	cleanup_json struct json *expected = json_pattern_parse(
		"{'type':'Ready','status':'True','reason':'Issued','observedGeneration':7,"
		"'message':'the credential works','lastTransitionTime':'" NOW_TEXT "'}");

	(void)state;
	assert_true(json_equal(json, expected));
}

struct row {
	const char *sentence;
	const char *old_list;
	const char *since;
};

static const struct row rows[] = {
	{"nothing before", NULL, NOW_TEXT},
	{"an empty list before", "[]", NOW_TEXT},
	{"the same status stays since when it is",
	 "[{'type':'Ready','status':'True',"
	 "'lastTransitionTime':'2026-01-01T00:00:00Z'}]",
	 "2026-01-01T00:00:00Z"},
	{"also with another reason, message and generation",
	 "[{'type':'Ready','status':'True','reason':'Other','message':'x','observedGeneration':1,"
	 "'lastTransitionTime':'2026-01-01T00:00:00Z'}]",
	 "2026-01-01T00:00:00Z"},
	{"another status is a transition",
	 "[{'type':'Ready','status':'False','lastTransitionTime':'2026-01-01T00:00:00Z'}]",
	 NOW_TEXT},
	{"Unknown is a status, too",
	 "[{'type':'Ready','status':'Unknown','lastTransitionTime':'2026-01-01T00:00:00Z'}]",
	 NOW_TEXT},
	{"another type says nothing",
	 "[{'type':'Valid','status':'True','lastTransitionTime':'2026-01-01T00:00:00Z'}]",
	 NOW_TEXT},
	{"the right one is found behind others",
	 "[7,null,{'type':'Valid','status':'True'},"
	 "{'type':'Ready','status':'True','lastTransitionTime':'2026-01-02T00:00:00Z'}]",
	 "2026-01-02T00:00:00Z"},
	{"a time that is no text is none",
	 "[{'type':'Ready','status':'True','lastTransitionTime':7}]", NOW_TEXT},
	{"a list that is none is none", "{'type':'Ready','status':'True'}", NOW_TEXT},
};

static void condition_append__keeps_the_time_while_the_status_stays(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_json struct json *json = appended(&works, rows[i].old_list);
		const char *since = json_find_string(json, "lastTransitionTime");

		if (!since || strcmp(since, rows[i].since) != 0)
			fail_msg("%s: %s", rows[i].sentence, since);
	}
}

static void condition_append__has_an_empty_message_for_none(void **state)
{
	cleanup_json struct json *json =
		appended(&(struct condition){"Ready", "Unknown", "Pending", NULL}, NULL);

	(void)state;
	assert_string_equal(json_find_string(json, "message"), "");
}

static void condition_append__cuts_a_message_at_a_character(void **state)
{
	char message[CONDITION_MESSAGE_MAX + 10];

	(void)state;
	for (size_t size = CONDITION_MESSAGE_MAX - 5; size < sizeof(message); size++) {
		cleanup_json struct json *json = NULL;
		const char *cut;

		memset(message, 'a', sizeof(message));
		for (size_t i = CONDITION_MESSAGE_MAX - 4; i + 3 <= size; i += 3)
			memcpy(message + i, "\xe2\x82\xac", 3); /* a euro sign */
		message[size < sizeof(message) ? size : sizeof(message) - 1] = '\0';
		json = appended(&(struct condition){"Ready", "False", "Failed", message}, NULL);
		cut = json_find_string(json, "message");
		assert_true(strlen(cut) <= CONDITION_MESSAGE_MAX);
		assert_memory_equal(cut, message, strlen(cut));
		assert_null(strstr(cut, "\xef\xbf\xbd"));
		if (size > CONDITION_MESSAGE_MAX)
			assert_true(strlen(cut) > CONDITION_MESSAGE_MAX - 4);
		else
			assert_int_equal(strlen(cut), strlen(message));
	}
}

static void condition_append__appends_behind_what_is_there(void **state)
{
	cleanup_json struct json *list = json_array_new();

	(void)state;
	condition_append(list, &works, 1, NULL, NOW);
	condition_append(list, &(struct condition){"Valid", "True", "Valid", ""}, 1, NULL, NOW);
	assert_int_equal(json_size(list), 2);
	assert_string_equal(json_find_string(json_item(list, 1), "type"), "Valid");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(condition_append__has_every_field),
		cmocka_unit_test(condition_append__keeps_the_time_while_the_status_stays),
		cmocka_unit_test(condition_append__has_an_empty_message_for_none),
		cmocka_unit_test(condition_append__cuts_a_message_at_a_character),
		cmocka_unit_test(condition_append__appends_behind_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
