#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <base/clock.h>
#include <base/error.h>
#include <base/limits.h>
#include <base/secret.h>
#include <base/text.h>

#include "broker/edge/http_call.h"

enum { BODY_MAX = 64 };

/* The owner of one call; writes down what it is told. */
struct owner {
	struct clock clock;
	int64_t now_ms;
	struct loop *loop;
	struct http_call *call;
	struct loop_timer stop;
	char story[256];
	char text[ERROR_TEXT_MAX];
	enum error_kind kind;
	bool free_in_open, free_in_piece, refuse_piece;
};

static const struct http_request plain = {.method = "GET", .path = "/x"};

static int64_t owner_ms(void *context)
{
	const struct owner *owner = context;

	return owner->now_ms;
}

static void note(struct owner *owner, const char *what)
{
	size_t size = strlen(owner->story);

	snprintf(owner->story + size, sizeof(owner->story) - size, "%s;", what);
}

static void call_ended(void *context, const struct http_response *response, const struct error *err,
		       bool sent)
{
	struct owner *owner = context;
	char what[200];

	owner->call = NULL;
	if (response) {
		snprintf(what, sizeof(what), "%d %s", response->status, response->body);
	} else {
		snprintf(what, sizeof(what), "%s", sent ? "failed, sent" : "failed");
		owner->kind = err->kind;
		snprintf(owner->text, sizeof(owner->text), "%s", err->text);
	}
	note(owner, what);
}

static void stream_opened(void *context)
{
	struct owner *owner = context;

	note(owner, "open");
	if (owner->free_in_open)
		http_call_free(owner->call);
}

static bool stream_piece(void *context, const char *bytes, size_t size)
{
	struct owner *owner = context;
	char what[200];

	snprintf(what, sizeof(what), "+%.*s", (int)size, bytes);
	note(owner, what);
	if (owner->free_in_piece)
		http_call_free(owner->call);
	return !owner->refuse_piece;
}

static void aborted(struct http_call *call)
{
	note(call->context, "abort");
}

static void stop(void *context)
{
	struct owner *owner = context;

	loop_stop(owner->loop);
}

/* Lets the loop do what is due MS later. */
static void pass(struct owner *owner, int64_t ms)
{
	struct error err = {0};

	owner->now_ms += ms;
	for (int turn = 0; turn < 5; turn++) {
		loop_timer_set(owner->loop, &owner->stop, 0, stop, owner);
		assert_true(loop_run(owner->loop, &err));
	}
}

static void start(struct owner *owner, const struct http_request *request)
{
	owner->call = http_call_new(owner->loop, request, BODY_MAX, call_ended, owner);
	owner->call->abort = aborted;
}

static void start_stream(struct owner *owner)
{
	start(owner, &plain);
	http_call_make_stream(owner->call, 1000, stream_opened, stream_piece);
	http_call_begin(owner->call);
}

static bool headers(struct owner *owner, const char *status_line)
{
	return http_call_add_header(owner->call, status_line, strlen(status_line)) &&
	       http_call_add_header(owner->call, "\r\n", 2);
}

static bool body(struct owner *owner, const char *bytes)
{
	return http_call_add_body(owner->call, bytes, strlen(bytes));
}

static int setup(void **state)
{
	static struct owner owner;
	struct error err = {0};

	owner = (struct owner){.now_ms = 1};
	owner.clock = (struct clock){.monotonic_ms = owner_ms, .context = &owner};
	owner.loop = loop_new(&owner.clock, &err);
	assert_non_null(owner.loop);
	*state = &owner;
	alarm(20);
	return 0;
}

static int teardown(void **state)
{
	struct owner *owner = *state;

	loop_free(owner->loop);
	alarm(0);
	return 0;
}

static void end__tells_the_whole_response_later(void **state)
{
	struct owner *owner = *state;

	start(owner, &plain);
	assert_true(headers(owner, "HTTP/1.1 200 OK\r\n") && body(owner, "one") &&
		    body(owner, " two"));
	http_call_end(owner->call);
	assert_string_equal(owner->story, "");
	pass(owner, 0);
	assert_string_equal(owner->story, "200 one two;");
}

static void add_body__refuses_what_is_over_the_cap(void **state)
{
	struct owner *owner = *state;
	char bytes[BODY_MAX + 2];

	memset(bytes, 'x', sizeof(bytes));
	bytes[BODY_MAX] = '\0';
	start(owner, &plain);
	assert_true(body(owner, bytes));
	assert_false(body(owner, "y"));
	http_call_end(owner->call);
	pass(owner, 0);
	assert_string_equal(owner->story, "failed;");
	assert_int_equal(owner->kind, ERROR_INVALID);
}

static void assert_refused(struct owner *owner, const struct http_request *request, const char *why)
{
	owner->story[0] = '\0';
	start(owner, request);
	assert_true(owner->call->ended);
	pass(owner, 0);
	assert_string_equal(owner->story, "failed;");
	assert_int_equal(owner->kind, ERROR_INVALID);
	assert_non_null(strstr(owner->text, why));
}

static void new__refuses_what_would_break_the_request_line(void **state)
{
	static char long_path[HTTP_PATH_MAX + 2];
	const char *const paths[] = {"",      "x",    "https://evil.test/", "/a b",   "/a\r\n",
				     "/a\tb", "/a#b", "/\xc3\xa9",          long_path};

	memset(long_path, 'a', sizeof(long_path) - 1);
	long_path[0] = '/';
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct http_request request = plain;
		request.path = paths[i];
		assert_refused(*state, &request, "the path");
	}
}

static void new__refuses_what_would_break_a_header(void **state)
{
	struct http_request request = plain;

	request.accept = "application/json\r\nX: 1";
	assert_refused(*state, &request, "Accept");
	request = plain;
	request.content_type = "a\nb";
	assert_refused(*state, &request, "Content-Type");
}

static void new__refuses_a_bearer_that_is_no_token(void **state)
{
	static char long_token[TOKEN_MAX + 1];
	const struct secret bearers[] = {
		{(char[]){""}, 0},        {(char[]){"a\0b"}, 3}, {(char[]){"a\r\nX: 1"}, 7},
		{(char[]){"a\rX: 1"}, 6}, {(char[]){"a\n"}, 2},  {long_token, TOKEN_MAX + 1},
	};

	memset(long_token, 'a', sizeof(long_token));
	for (size_t i = 0; i < sizeof(bearers) / sizeof(bearers[0]); i++) {
		struct http_request request = plain;
		request.bearer = &bearers[i];
		assert_refused(*state, &request, "bearer");
	}
}

static void free__while_the_end_is_due_tells_nobody(void **state)
{
	struct owner *owner = *state;

	start(owner, &plain);
	http_call_end(owner->call);
	http_call_free(owner->call);
	pass(owner, 0);
	assert_string_equal(owner->story, "");
}

static void stream__opens_then_hands_on_then_ends(void **state)
{
	struct owner *owner = *state;

	start_stream(owner);
	assert_true(headers(owner, "HTTP/1.1 200 OK\r\n") && body(owner, "a") && body(owner, "b"));
	http_call_end(owner->call);
	pass(owner, 0);
	assert_string_equal(owner->story, "open;+ab;200 ;");
}

static void stream__hands_on_in_order_also_over_turns(void **state)
{
	struct owner *owner = *state;
	char half[BODY_MAX / 2 + 2] = "";

	memset(half, 'z', sizeof(half) - 1);
	start_stream(owner);
	assert_true(headers(owner, "HTTP/1.1 200 OK\r\n") && body(owner, "a"));
	pass(owner, 0);
	for (int i = 0; i < 3; i++) { /* the cap is for what waits, not for the whole stream */
		owner->story[0] = '\0';
		assert_true(body(owner, half));
		pass(owner, 0);
		assert_int_equal(strlen(owner->story), strlen(half) + 2);
	}
	http_call_end(owner->call);
	pass(owner, 0);
}

static void stream__of_another_status_is_answered_like_a_call(void **state)
{
	struct owner *owner = *state;

	start_stream(owner);
	assert_true(headers(owner, "HTTP/1.1 410 Gone\r\n") && body(owner, "why"));
	pass(owner, 0);
	http_call_end(owner->call);
	pass(owner, 0);
	assert_string_equal(owner->story, "410 why;");
}

static void stream__without_headers_ends_after_thirty_seconds(void **state)
{
	struct owner *owner = *state;

	start_stream(owner);
	pass(owner, 29999);
	assert_string_equal(owner->story, "");
	pass(owner, 1);
	assert_string_equal(owner->story, "abort;failed;");
	assert_int_equal(owner->kind, ERROR_UNAVAILABLE);
}

static void stream__is_given_up_after_silence_and_not_before(void **state)
{
	struct owner *owner = *state;

	start_stream(owner);
	assert_true(headers(owner, "HTTP/1.1 200 OK\r\n"));
	pass(owner, 999);
	assert_true(body(owner, "a"));
	pass(owner, 999);
	assert_string_equal(owner->story, "open;+a;");
	pass(owner, 1);
	assert_string_equal(owner->story, "open;+a;abort;failed;");
}

static void stream__refused_by_its_reader_ends_as_invalid(void **state)
{
	struct owner *owner = *state;

	owner->refuse_piece = true;
	start_stream(owner);
	assert_true(headers(owner, "HTTP/1.1 200 OK\r\n") && body(owner, "a"));
	pass(owner, 0);
	assert_string_equal(owner->story, "open;+a;abort;failed;");
	assert_int_equal(owner->kind, ERROR_INVALID);
}

static void stream__refused_after_its_end_is_refused_all_the_same(void **state)
{
	struct owner *owner = *state;

	owner->refuse_piece = true;
	start_stream(owner);
	assert_true(headers(owner, "HTTP/1.1 200 OK\r\n") && body(owner, "a"));
	http_call_end(owner->call);
	pass(owner, 0);
	assert_string_equal(owner->story, "open;+a;failed;");
	assert_int_equal(owner->kind, ERROR_INVALID);
}

static void stream__may_be_released_while_it_is_told(void **state)
{
	struct owner *owner = *state;

	owner->free_in_open = true;
	start_stream(owner);
	assert_true(headers(owner, "HTTP/1.1 200 OK\r\n") && body(owner, "a"));
	pass(owner, 0);
	assert_string_equal(owner->story, "open;");

	owner->story[0] = '\0';
	owner->free_in_open = false;
	owner->free_in_piece = true;
	start_stream(owner);
	assert_true(headers(owner, "HTTP/1.1 200 OK\r\n") && body(owner, "a"));
	http_call_end(owner->call);
	pass(owner, 0);
	assert_string_equal(owner->story, "open;+a;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(end__tells_the_whole_response_later, setup,
						teardown),
		cmocka_unit_test_setup_teardown(add_body__refuses_what_is_over_the_cap, setup,
						teardown),
		cmocka_unit_test_setup_teardown(new__refuses_what_would_break_the_request_line,
						setup, teardown),
		cmocka_unit_test_setup_teardown(new__refuses_what_would_break_a_header, setup,
						teardown),
		cmocka_unit_test_setup_teardown(new__refuses_a_bearer_that_is_no_token, setup,
						teardown),
		cmocka_unit_test_setup_teardown(free__while_the_end_is_due_tells_nobody, setup,
						teardown),
		cmocka_unit_test_setup_teardown(stream__opens_then_hands_on_then_ends, setup,
						teardown),
		cmocka_unit_test_setup_teardown(stream__hands_on_in_order_also_over_turns, setup,
						teardown),
		cmocka_unit_test_setup_teardown(stream__of_another_status_is_answered_like_a_call,
						setup, teardown),
		cmocka_unit_test_setup_teardown(stream__without_headers_ends_after_thirty_seconds,
						setup, teardown),
		cmocka_unit_test_setup_teardown(stream__is_given_up_after_silence_and_not_before,
						setup, teardown),
		cmocka_unit_test_setup_teardown(stream__refused_by_its_reader_ends_as_invalid,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			stream__refused_after_its_end_is_refused_all_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(stream__may_be_released_while_it_is_told, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
