#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include <base/error.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "broker/core/watch_stream.h"

/* Events as kube-apiserver sends them, with everything that may confuse a framer: brackets,
 * quotes and backslashes in strings, nesting, escapes at the end of a string, other line ends. */
static const char *const events[] = {
	"{\"type\":\"ADDED\",\"object\":{\"kind\":\"AuthTokenRequest\",\"metadata\":{\"name\":"
	"\"a\","
	"\"managedFields\":[{\"fieldsV1\":{\"f:metadata\":{\"f:labels\":{\".\":{}}}}}]}}}",
	"{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"annotations\":{"
	"\"x\":\"}{][\\\"}\\\\\",\"y\":\"\\\\\\\"{\"}},\"list\":[[],{},[{}]]}}",
	"{}",
	"{\"type\":\"DELETED\",\"object\":{\"note\":\"caf\xc3\xa9 \xf0\x9f\x98\x80 "
	"\\ud83d\\ude00\"}}",
	"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"12746\","
	"\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}",
};
enum { EVENTS = sizeof(events) / sizeof(events[0]) };

static char *recorded(void)
{
	static const char *const ends[EVENTS] = {"\n", "\r\n", "", " \t\n\n", "\n"};
	struct text text = text_with_max(10000);

	for (size_t i = 0; i < EVENTS; i++) {
		text_append(&text, events[i]);
		text_append(&text, ends[i]);
	}
	return text_take(&text);
}

struct seen {
	size_t count;
	size_t stop_at; /* 0: never */
};

static bool compare(void *context, const char *bytes, size_t size, struct error *err)
{
	struct seen *seen = context;

	assert_true(seen->count < EVENTS);
	assert_int_equal(size, strlen(events[seen->count]));
	assert_memory_equal(bytes, events[seen->count], size);
	if (++seen->count == seen->stop_at)
		return error_set(err, ERROR_CONFLICT, "stop");
	return true;
}

static bool count(void *context, const char *bytes, size_t size, struct error *err)
{
	(void)bytes;
	(void)size;
	(void)err;
	((struct seen *)context)->count++;
	return true;
}

static void watch_stream_feed__finds_the_events_at_every_split(void **state)
{
	char *bytes = recorded();
	size_t size = strlen(bytes);

	(void)state;
	for (size_t split = 0; split <= size; split++) {
		struct watch_stream *stream = watch_stream_new(WATCH_EVENT_MAX);
		struct seen seen = {0};
		struct error err = {0};
		/* Copies, so that the sanitizer sees a read across the split. */
		char *head = memory_bytes(bytes, split);
		char *tail = memory_bytes(bytes + split, size - split);
		assert_true(watch_stream_feed(stream, head, split, compare, &seen, &err));
		assert_true(watch_stream_feed(stream, tail, size - split, compare, &seen, &err));
		assert_int_equal(seen.count, EVENTS);
		memory_free(head);
		memory_free(tail);
		watch_stream_free(stream);
	}
	memory_free(bytes);
}

static void watch_stream_feed__finds_the_events_in_pieces_of_every_size(void **state)
{
	char *bytes = recorded();
	size_t size = strlen(bytes);

	(void)state;
	for (size_t piece = 1; piece < 100; piece++) {
		struct watch_stream *stream = watch_stream_new(WATCH_EVENT_MAX);
		struct seen seen = {0};
		struct error err = {0};
		for (size_t at = 0; at < size; at += piece)
			assert_true(watch_stream_feed(stream, bytes + at,
						      piece < size - at ? piece : size - at,
						      compare, &seen, &err));
		assert_int_equal(seen.count, EVENTS);
		watch_stream_free(stream);
	}
	memory_free(bytes);
}

static void watch_stream_feed__delivers_an_event_with_its_last_byte(void **state)
{
	struct watch_stream *stream = watch_stream_new(100);
	struct seen seen = {0};
	struct error err = {0};

	(void)state;
	assert_true(watch_stream_feed(stream, "{\"a\":{}", 7, count, &seen, &err));
	assert_int_equal(seen.count, 0);
	assert_true(watch_stream_feed(stream, "}", 1, count, &seen, &err));
	assert_int_equal(seen.count, 1);
	assert_true(watch_stream_feed(stream, "", 0, count, &seen, &err));
	watch_stream_free(stream);
	watch_stream_free(NULL);
}

static void watch_stream_feed__refuses_garbage_between_events(void **state)
{
	static const char *const rows[] = {
		"x",
		"{}x",
		"{}}",
		"{}]",
		"[{}]",
		"{},{}",
		"\"a\"",
		"null",
		"{}\n\"",
		"\xef\xbb\xbf{}",
		"HTTP/1.1 200 OK",
		"{}\v{}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct watch_stream *stream = watch_stream_new(100);
		struct seen seen = {0};
		struct error err = {0};
		if (watch_stream_feed(stream, rows[i], strlen(rows[i]), count, &seen, &err))
			fail_msg("%s was accepted", rows[i]);
		assert_int_equal(err.kind, ERROR_INVALID);
		assert_string_equal(err.text, "garbage between watch events");
		assert_int_equal(seen.count, rows[i][0] == '{');
		watch_stream_free(stream);
	}
}

static void watch_stream_feed__refuses_a_nul_between_events(void **state)
{
	struct watch_stream *stream = watch_stream_new(100);
	struct seen seen = {0};
	struct error err = {0};

	(void)state;
	assert_false(watch_stream_feed(stream, "{}\0{}", 5, count, &seen, &err));
	watch_stream_free(stream);
}

static void watch_stream_feed__refuses_an_event_over_the_cap(void **state)
{
	static const char event[] = "{\"a\":\"1234567890\"}";
	size_t size = sizeof(event) - 1;

	(void)state;
	for (size_t cap = size - 1; cap <= size; cap++) {
		for (size_t split = 0; split <= size; split++) {
			struct watch_stream *stream = watch_stream_new(cap);
			struct seen seen = {0};
			struct error err = {0};
			bool ok = watch_stream_feed(stream, event, split, count, &seen, &err) &&
				  watch_stream_feed(stream, event + split, size - split, count,
						    &seen, &err);
			assert_int_equal(ok, cap == size);
			assert_int_equal(seen.count, ok);
			if (!ok)
				assert_string_equal(err.text,
						    "watch event is longer than 17 bytes");
			watch_stream_free(stream);
		}
	}
}

static void watch_stream_feed__stops_before_an_endless_event_is_kept(void **state)
{
	struct watch_stream *stream = watch_stream_new(1000);
	struct seen seen = {0};
	struct error err = {0};
	char bytes[100];
	int fed = 0;

	(void)state;
	memset(bytes, '[', sizeof(bytes));
	bytes[0] = '{';
	while (fed < 100 && watch_stream_feed(stream, bytes, sizeof(bytes), count, &seen, &err))
		fed++;
	assert_int_equal(fed, 10);
	watch_stream_free(stream);
}

static void watch_stream_feed__passes_on_the_failure_of_the_event(void **state)
{
	char *bytes = recorded();
	struct watch_stream *stream = watch_stream_new(WATCH_EVENT_MAX);
	struct seen seen = {.stop_at = 2};
	struct error err = {0};

	(void)state;
	assert_false(watch_stream_feed(stream, bytes, strlen(bytes), compare, &seen, &err));
	assert_int_equal(seen.count, 2);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	watch_stream_free(stream);
	memory_free(bytes);
}

static void watch_stream_feed__refuses_everything_after_a_failure(void **state)
{
	struct watch_stream *stream = watch_stream_new(100);
	struct seen seen = {0};

	(void)state;
	assert_false(watch_stream_feed(stream, "x", 1, count, &seen, &(struct error){0}));
	struct error err = {0};
	assert_false(watch_stream_feed(stream, "{}", 2, count, &seen, &err));
	assert_string_equal(err.text, "watch stream is broken");
	assert_int_equal(seen.count, 0);
	watch_stream_free(stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(watch_stream_feed__finds_the_events_at_every_split),
		cmocka_unit_test(watch_stream_feed__finds_the_events_in_pieces_of_every_size),
		cmocka_unit_test(watch_stream_feed__delivers_an_event_with_its_last_byte),
		cmocka_unit_test(watch_stream_feed__refuses_garbage_between_events),
		cmocka_unit_test(watch_stream_feed__refuses_a_nul_between_events),
		cmocka_unit_test(watch_stream_feed__refuses_an_event_over_the_cap),
		cmocka_unit_test(watch_stream_feed__stops_before_an_endless_event_is_kept),
		cmocka_unit_test(watch_stream_feed__passes_on_the_failure_of_the_event),
		cmocka_unit_test(watch_stream_feed__refuses_everything_after_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
