#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "broker/core/access.h"
#include "broker/core/access_news.h"
#include "broker/core/event.h"
#include "support/json_pattern.h"

static const int64_t NOON_US = 1772366400LL * 1000000 + 123456;

static struct json *rendered(const char *key, const char *message)
{
	struct access *access = access_new("request-1", key);
	struct json *event = event_render(&(struct access_news){.access = access,
								.type = "Warning",
								.action = "Issue",
								.reason = "SecretConflict",
								.message = message},
					  "credbroker-system", "credbroker-1", NOON_US);

	access_free(access);
	return event;
}

static void event_render__has_what_the_api_server_asks_for(void **state)
{
	cleanup_json struct json *event = rendered("team-a/reader", "a Secret is there");
	cleanup_json struct json *expected = json_pattern_parse(
		"{'apiVersion':'events.k8s.io/v1','kind':'Event',"
		"'metadata':{'namespace':'team-a','name':'reader.64bf535b0f240'},"
		"'regarding':{'apiVersion':'multicluster.x-k8s.io/v1alpha1',"
		"'kind':'AuthTokenRequest','namespace':'team-a','name':'reader','uid':'request-1'},"
		"'eventTime':'2026-03-01T12:00:00.123456Z','type':'Warning','action':'Issue',"
		"'reason':'SecretConflict','note':'a Secret is there',"
		"'reportingController':'credbroker.dev/controller',"
		"'reportingInstance':'credbroker-1'}");
	cleanup_free char *text = NULL;
	cleanup_free char *expected_text = NULL;
	size_t size;

	(void)state;
	text = json_dump(event, &size);
	expected_text = json_dump(expected, &size);
	assert_string_equal(text, expected_text);
}

static void event_render__is_about_a_profile_where_there_is_no_request(void **state)
{
	cleanup_json struct json *event =
		event_render(&(struct access_news){.type = "Warning",
						   .action = "Sweep",
						   .reason = "SweepStopped",
						   .message = "more than may go",
						   .profile_key = "fleet-system/member-1",
						   .profile_uid = "profile-1"},
			     "credbroker-system", "credbroker-1", NOON_US);
	cleanup_json struct json *pattern = json_pattern_parse(
		"{'metadata':{'namespace':'fleet-system','name':'member-1.*'},"
		"'regarding':{'apiVersion':'multicluster.x-k8s.io/v1alpha1',"
		"'kind':'ClusterProfile','namespace':'fleet-system','name':'member-1',"
		"'uid':'profile-1'},'action':'Sweep','note':'more than may go'}");
	cleanup_text struct text why = text_with_max(1000);

	(void)state;
	assert_true(json_pattern_matches(pattern, event, &why));
}

/* RFC 1123 subdomain: labels of letters, digits and dashes, none of them empty or with a dash at
 * its end, in at most 253 characters. */
static bool is_subdomain(const char *name)
{
	bool inside = false;

	if (strlen(name) > 253)
		return false;
	for (; *name; name++) {
		bool alnum = (*name >= 'a' && *name <= 'z') || (*name >= '0' && *name <= '9');

		if (*name == '.' && !inside)
			return false;
		if (*name == '-' && (!inside || name[1] == '.' || name[1] == '\0'))
			return false;
		if (!alnum && *name != '-' && *name != '.')
			return false;
		inside = *name != '.';
	}
	return inside;
}

static void event_render__has_a_legal_name_for_every_legal_name(void **state)
{
	(void)state;
	for (size_t size = 190; size <= 253; size++) {
		for (size_t dot = 190; dot < size - 1; dot++) {
			char key[300] = "team-a/";
			cleanup_json struct json *event = NULL;

			memset(key + 7, 'a', size);
			key[7 + size] = '\0';
			key[7 + dot] = '.';
			key[7 + dot - 3] = '-';
			event = rendered(key, "");
			assert_true(is_subdomain(json_find_string(event, "metadata", "name")));
			assert_string_equal(json_find_string(event, "regarding", "name"), key + 7);
		}
	}
}

static void event_render__cuts_the_note_at_a_character(void **state)
{
	char message[1100];
	cleanup_json struct json *event = NULL;

	(void)state;
	memset(message, 'a', sizeof(message));
	memcpy(message + 1022, "\xe2\x82\xac", 3);
	message[sizeof(message) - 1] = '\0';
	event = rendered("team-a/reader", message);
	assert_int_equal(strlen(json_find_string(event, "note")), 1022);
	message[1022] = '\0';
	json_free(event);
	event = rendered("team-a/reader", message);
	assert_int_equal(strlen(json_find_string(event, "note")), 1022);
}

static void event_render__gives_the_same_bytes_for_the_same_news(void **state)
{
	cleanup_json struct json *one = rendered("team-a/reader", "x");
	cleanup_json struct json *other = rendered("team-a/reader", "x");

	(void)state;
	assert_true(json_equal(one, other));
}

/* Its request cannot be found any more. */
static void event_render__is_about_the_record_of_a_request_that_is_gone(void **state)
{
	struct access *access = access_new("request-1", "team-a/reader");
	const struct access_news news = {.access = access,
					 .type = "Warning",
					 .action = "Revoke",
					 .reason = "RevocationPending",
					 .message = "away"};
	cleanup_json struct json *event = NULL;

	(void)state;
	access->request_gone = true;
	access->record_uid = memory_text("record-1");
	event = event_render(&news, "credbroker-system", "credbroker-1", NOON_US);
	access_free(access);
	assert_string_equal(json_find_string(event, "metadata", "namespace"), "credbroker-system");
	assert_string_equal(json_find_string(event, "metadata", "name"), "request-1.64bf535b0f240");
	assert_string_equal(json_find_string(event, "regarding", "apiVersion"),
			    "credbroker.dev/v1alpha1");
	assert_string_equal(json_find_string(event, "regarding", "kind"), "IssuedCredential");
	assert_string_equal(json_find_string(event, "regarding", "namespace"), "credbroker-system");
	assert_string_equal(json_find_string(event, "regarding", "name"), "request-1");
	assert_string_equal(json_find_string(event, "regarding", "uid"), "record-1");
	assert_string_equal(json_find_string(event, "note"), "request team-a/reader: away");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(event_render__has_what_the_api_server_asks_for),
		cmocka_unit_test(event_render__is_about_a_profile_where_there_is_no_request),
		cmocka_unit_test(event_render__has_a_legal_name_for_every_legal_name),
		cmocka_unit_test(event_render__cuts_the_note_at_a_character),
		cmocka_unit_test(event_render__gives_the_same_bytes_for_the_same_news),
		cmocka_unit_test(event_render__is_about_the_record_of_a_request_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
