#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "broker/core/kube_error.h"

#define JSON "application/json"
#define STATUS(code, reason, details)                                                              \
	"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","       \
	"\"message\":\"canary-message\",\"reason\":\"" reason "\",\"details\":{" details           \
	"},\"code\":" #code "}"
#define CAUSE(name) "\"causes\":[{\"reason\":\"Other\"},{\"reason\":\"" name "\",\"field\":\".x\"}]"

/* Bodies as kube-apiserver 1.36 writes them, messages aside. */
static const struct row {
	const char *what;
	int status;
	const char *content_type, *body;
	int64_t header_s;
	enum kube_reason reason;
	enum error_kind kind;
	bool outcome_unknown;
	int64_t retry_after_s;
} rows[] = {
	{"success", 200, JSON, "{}", -1, KUBE_REASON_NONE, ERROR_NONE, false, -1},
	{"created", 201, JSON, STATUS(409, "Conflict", ""), -1, KUBE_REASON_NONE, ERROR_NONE, false,
	 -1},
	{"no response at all", 0, NULL, "", -1, KUBE_REASON_UNAVAILABLE, ERROR_UNAVAILABLE, true,
	 -1},
	{"a malformed request", 400, JSON, STATUS(400, "BadRequest", ""), -1,
	 KUBE_REASON_BAD_REQUEST, ERROR_INVALID, false, -1},
	{"an expired credential", 401, JSON, STATUS(401, "Unauthorized", ""), -1,
	 KUBE_REASON_UNAUTHORIZED, ERROR_DENIED, false, -1},
	{"a missing right", 403, JSON, STATUS(403, "Forbidden", "\"kind\":\"secrets\""), -1,
	 KUBE_REASON_FORBIDDEN, ERROR_DENIED, false, -1},
	{"a terminating namespace", 403, JSON,
	 STATUS(403, "Forbidden", CAUSE("NamespaceTerminating")), -1,
	 KUBE_REASON_NAMESPACE_TERMINATING, ERROR_DENIED, false, -1},
	{"an absent object", 404, JSON, STATUS(404, "NotFound", "\"name\":\"x\""), -1,
	 KUBE_REASON_NOT_FOUND, ERROR_NOT_FOUND, false, -1},
	{"an absent API", 404, "text/plain; charset=utf-8", "404 page not found\n", -1,
	 KUBE_REASON_PATH_NOT_FOUND, ERROR_UNAVAILABLE, false, -1},
	{"404 of a proxy that speaks JSON", 404, JSON, "{\"error\":\"no route\"}", -1,
	 KUBE_REASON_PATH_NOT_FOUND, ERROR_UNAVAILABLE, false, -1},
	{"404 with a cut Status", 404, JSON, "{\"kind\":\"Status\",\"reason\":\"NotFound\"", -1,
	 KUBE_REASON_PATH_NOT_FOUND, ERROR_UNAVAILABLE, false, -1},
	{"404 with a Status of another type", 404, "text/html", STATUS(404, "NotFound", ""), -1,
	 KUBE_REASON_PATH_NOT_FOUND, ERROR_UNAVAILABLE, false, -1},
	{"404 with a Status without reason", 404, JSON, STATUS(404, "", ""), -1,
	 KUBE_REASON_NOT_FOUND, ERROR_NOT_FOUND, false, -1},
	{"a wrong method", 405, JSON, STATUS(405, "MethodNotAllowed", ""), -1,
	 KUBE_REASON_UNSUPPORTED, ERROR_INVALID, false, -1},
	{"an unacceptable type", 406, JSON, STATUS(406, "NotAcceptable", ""), -1,
	 KUBE_REASON_UNSUPPORTED, ERROR_INVALID, false, -1},
	{"a lost create race", 409, JSON, STATUS(409, "AlreadyExists", ""), -1,
	 KUBE_REASON_ALREADY_EXISTS, ERROR_CONFLICT, false, -1},
	{"a stale resource version", 409, JSON, STATUS(409, "Conflict", ""), -1,
	 KUBE_REASON_CONFLICT, ERROR_CONFLICT, false, -1},
	{"a field of another manager", 409, JSON,
	 STATUS(409, "Conflict", CAUSE("FieldManagerConflict")), -1,
	 KUBE_REASON_FIELD_MANAGER_CONFLICT, ERROR_CONFLICT, false, -1},
	{"a cause that belongs to another reason", 409, JSON,
	 STATUS(409, "AlreadyExists", CAUSE("FieldManagerConflict")), -1,
	 KUBE_REASON_ALREADY_EXISTS, ERROR_CONFLICT, false, -1},
	{"a compacted version", 410, JSON, STATUS(410, "Expired", ""), -1, KUBE_REASON_EXPIRED,
	 ERROR_CONFLICT, false, -1},
	{"a compacted version of old servers", 410, JSON, STATUS(410, "Gone", ""), -1,
	 KUBE_REASON_EXPIRED, ERROR_CONFLICT, false, -1},
	{"too large a body", 413, JSON, STATUS(413, "RequestEntityTooLarge", ""), -1,
	 KUBE_REASON_TOO_LARGE, ERROR_INVALID, false, -1},
	{"an unsupported media type", 415, JSON, STATUS(415, "UnsupportedMediaType", ""), -1,
	 KUBE_REASON_UNSUPPORTED, ERROR_INVALID, false, -1},
	{"an invalid object", 422, JSON, STATUS(422, "Invalid", CAUSE("FieldValueInvalid")), -1,
	 KUBE_REASON_INVALID, ERROR_INVALID, false, -1},
	{"priority and fairness", 429, "text/plain; charset=utf-8",
	 "Too many requests, please try again later.\n", 1, KUBE_REASON_TOO_MANY_REQUESTS,
	 ERROR_UNAVAILABLE, false, 1},
	{"a shutdown", 429, "text/plain; charset=utf-8",
	 "The apiserver is shutting down, please try again later.\n", 5,
	 KUBE_REASON_TOO_MANY_REQUESTS, ERROR_UNAVAILABLE, false, 5},
	{"a full queue", 429, JSON, STATUS(429, "TooManyRequests", "\"retryAfterSeconds\":3"), -1,
	 KUBE_REASON_TOO_MANY_REQUESTS, ERROR_UNAVAILABLE, false, 3},
	{"a header that differs from the details", 429, JSON,
	 STATUS(429, "TooManyRequests", "\"retryAfterSeconds\":3"), 7,
	 KUBE_REASON_TOO_MANY_REQUESTS, ERROR_UNAVAILABLE, false, 7},
	{"an hour to wait", 429, NULL, "", 3600, KUBE_REASON_TOO_MANY_REQUESTS, ERROR_UNAVAILABLE,
	 false, 60},
	{"no time to wait", 429, NULL, "", 0, KUBE_REASON_TOO_MANY_REQUESTS, ERROR_UNAVAILABLE,
	 false, 0},
	{"a negative time to wait", 429, JSON,
	 STATUS(429, "TooManyRequests", "\"retryAfterSeconds\":-5"), -1,
	 KUBE_REASON_TOO_MANY_REQUESTS, ERROR_UNAVAILABLE, false, -1},
	{"an etcd that failed", 500, JSON, STATUS(500, "InternalError", ""), -1,
	 KUBE_REASON_INTERNAL, ERROR_UNAVAILABLE, true, -1},
	{"an undecryptable object", 500, JSON, STATUS(500, "StorageReadError", ""), -1,
	 KUBE_REASON_STORAGE_READ, ERROR_UNAVAILABLE, true, -1},
	{"a server that asks to try again", 500, JSON,
	 STATUS(500, "ServerTimeout", "\"retryAfterSeconds\":2"), -1, KUBE_REASON_SERVER_TIMEOUT,
	 ERROR_UNAVAILABLE, true, 2},
	{"a bad gateway", 502, "text/html", "<html>", -1, KUBE_REASON_UNAVAILABLE,
	 ERROR_UNAVAILABLE, true, -1},
	{"a server that is down", 503, JSON, STATUS(503, "ServiceUnavailable", ""), -1,
	 KUBE_REASON_UNAVAILABLE, ERROR_UNAVAILABLE, true, -1},
	{"a handler that took too long", 504, JSON, STATUS(504, "Timeout", ""), -1,
	 KUBE_REASON_TIMEOUT, ERROR_UNAVAILABLE, true, -1},
	{"a replica that is behind", 504, JSON,
	 STATUS(504, "Timeout", "\"retryAfterSeconds\":1," CAUSE("ResourceVersionTooLarge")), -1,
	 KUBE_REASON_RESOURCE_VERSION_TOO_LARGE, ERROR_UNAVAILABLE, false, 1},
	{"the reason wins over the code", 409, JSON, STATUS(409, "ServerTimeout", ""), -1,
	 KUBE_REASON_SERVER_TIMEOUT, ERROR_UNAVAILABLE, true, -1},
	{"a timeout told with another code", 408, JSON, STATUS(408, "Timeout", ""), -1,
	 KUBE_REASON_TIMEOUT, ERROR_UNAVAILABLE, true, -1},
	{"an unknown reason", 409, JSON, STATUS(409, "Novelty", ""), -1, KUBE_REASON_CONFLICT,
	 ERROR_CONFLICT, false, -1},
	{"a reason that is no string", 403, JSON,
	 "{\"kind\":\"Status\",\"reason\":{\"a\":1},\"details\":[],\"code\":\"x\"}", -1,
	 KUBE_REASON_FORBIDDEN, ERROR_DENIED, false, -1},
	{"another kind of object", 403, JSON, "{\"kind\":\"Secret\",\"reason\":\"NotFound\"}", -1,
	 KUBE_REASON_FORBIDDEN, ERROR_DENIED, false, -1},
	{"parameters and case of the type", 409, "Application/JSON;charset=utf-8",
	 STATUS(409, "AlreadyExists", ""), -1, KUBE_REASON_ALREADY_EXISTS, ERROR_CONFLICT, false,
	 -1},
	{"a type that only begins alike", 409, "application/json-seq",
	 STATUS(409, "AlreadyExists", ""), -1, KUBE_REASON_CONFLICT, ERROR_CONFLICT, false, -1},
	{"a redirect", 302, "text/html", "", -1, KUBE_REASON_UNEXPECTED, ERROR_UNAVAILABLE, false,
	 -1},
	{"an unknown client error", 418, NULL, "", -1, KUBE_REASON_UNEXPECTED, ERROR_UNAVAILABLE,
	 false, -1},
	{"an unknown server error", 599, NULL, "", -1, KUBE_REASON_UNEXPECTED, ERROR_UNAVAILABLE,
	 true, -1},
	{"a provisional response", 101, NULL, "", -1, KUBE_REASON_UNEXPECTED, ERROR_UNAVAILABLE,
	 false, -1},
};

static void kube_error_classify__follows_the_taxonomy(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct kube_error error;
		kube_error_classify(row->status, row->content_type, row->body, strlen(row->body),
				    row->header_s, &error);
		if (error.status != row->status || error.reason != row->reason ||
		    kube_error_kind(&error) != row->kind ||
		    error.outcome_unknown != row->outcome_unknown ||
		    error.retry_after_s != row->retry_after_s)
			fail_msg("%s: reason %d, kind %d, unknown %d, retry %d", row->what,
				 (int)error.reason, (int)kube_error_kind(&error),
				 error.outcome_unknown, (int)error.retry_after_s);
	}
}

static void kube_error_classify__reads_no_body_over_the_cap(void **state)
{
	static const char status[] = STATUS(404, "NotFound", "");
	struct kube_error error;

	(void)state;
	cleanup_free char *body = memory_new(STATUS_BODY_MAX + 1);
	memset(body, ' ', STATUS_BODY_MAX + 1);
	memcpy(body, status, sizeof(status) - 1);
	kube_error_classify(404, JSON, body, STATUS_BODY_MAX, -1, &error);
	assert_int_equal(error.reason, KUBE_REASON_NOT_FOUND);
	kube_error_classify(404, JSON, body, STATUS_BODY_MAX + 1, -1, &error);
	assert_int_equal(error.reason, KUBE_REASON_PATH_NOT_FOUND);
}

static void kube_error_describe__never_repeats_the_server(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kube_error error;
		struct error err = {0};
		kube_error_classify(rows[i].status, rows[i].content_type, rows[i].body,
				    strlen(rows[i].body), rows[i].header_s, &error);
		assert_int_equal(kube_error_describe(&error, &err), rows[i].kind == ERROR_NONE);
		assert_int_equal(err.kind, rows[i].kind);
		assert_null(strstr(err.text, "canary"));
	}
}

static void kube_error_describe__names_code_and_reason(void **state)
{
	static const struct kube_error taken = {.status = 409,
						.reason = KUBE_REASON_ALREADY_EXISTS};
	static const struct kube_error silent = {.reason = KUBE_REASON_UNAVAILABLE};
	struct error err = {0};
	struct error none = {0};

	(void)state;
	assert_false(kube_error_describe(&taken, &err));
	assert_string_equal(err.text,
			    "the API server answered 409 AlreadyExists: the name is taken");
	assert_false(kube_error_describe(&silent, &none));
	assert_string_equal(none.text, "the API server did not answer");
}

static void kube_error_describe__has_words_for_every_reason(void **state)
{
	(void)state;
	for (int reason = KUBE_REASON_NONE + 1; reason <= KUBE_REASON_UNSUPPORTED; reason++) {
		struct kube_error error = {.status = 500, .reason = (enum kube_reason)reason};
		struct error err = {0};
		assert_false(kube_error_describe(&error, &err));
		assert_int_not_equal(err.kind, ERROR_NONE);
		assert_null(strstr(err.text, "(null)"));
	}
}

static void kube_error_classify_status__reads_the_error_event_of_a_watch(void **state)
{
	static const struct {
		const char *what, *object;
		enum kube_reason reason;
		int status;
	} events[] = {
		{"a compacted version", STATUS(410, "Expired", ""), KUBE_REASON_EXPIRED, 410},
		{"a code alone", "{\"kind\":\"Status\",\"code\":410}", KUBE_REASON_EXPIRED, 410},
		{"a failed server", STATUS(500, "InternalError", ""), KUBE_REASON_INTERNAL, 500},
		{"no Status", "{\"kind\":\"Secret\"}", KUBE_REASON_INTERNAL, 500},
		{"no object", "7", KUBE_REASON_INTERNAL, 500},
		{"a success that is none", "{\"kind\":\"Status\",\"code\":200}",
		 KUBE_REASON_INTERNAL, 500},
		{"a code out of range", "{\"kind\":\"Status\",\"code\":9223372036854775807}",
		 KUBE_REASON_INTERNAL, 500},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		struct error err = {0};
		struct kube_error error;
		cleanup_json struct json *json =
			json_parse(events[i].object, strlen(events[i].object), &err);
		kube_error_classify_status(json, &error);
		if (error.reason != events[i].reason || error.status != events[i].status)
			fail_msg("%s: reason %d", events[i].what, (int)error.reason);
	}
}

static const char *denied_by(const char *message)
{
	static struct kube_error error;
	char body[600];

	snprintf(body, sizeof(body),
		 "{\"kind\":\"Status\",\"reason\":\"Forbidden\",\"message\":\"%s\"}", message);
	kube_error_classify(403, JSON, body, strlen(body), -1, &error);
	assert_int_equal(error.reason, KUBE_REASON_FORBIDDEN);
	return error.denied_by;
}

static void kube_error_classify__names_the_policy_that_refused(void **state)
{
#define REFUSED "things.example.com \\\"a\\\" is forbidden: ValidatingAdmissionPolicy "
	(void)state;
	assert_string_equal(denied_by(REFUSED "'one-policy' with binding 'b' denied request: no"),
			    "one-policy");
	assert_string_equal(denied_by(REFUSED "'one-policy"), "");
	assert_string_equal(denied_by(REFUSED "'' with binding"), "");
	assert_string_equal(denied_by(REFUSED "'One' with binding"), "");
	assert_string_equal(denied_by("things \\\"a\\\" is forbidden: User \\\"u\\\" cannot"), "");
	assert_string_equal(denied_by("admission webhook \\\"w\\\" denied the request: " REFUSED
				      "'one-policy' with binding"),
			    "");
	assert_string_equal(
		denied_by(REFUSED
			  "'a2345678901234567890123456789012345678901234567890123456789012345'"),
		"");
	assert_string_equal(denied_by(""), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kube_error_classify__follows_the_taxonomy),
		cmocka_unit_test(kube_error_classify__names_the_policy_that_refused),
		cmocka_unit_test(kube_error_classify__reads_no_body_over_the_cap),
		cmocka_unit_test(kube_error_describe__never_repeats_the_server),
		cmocka_unit_test(kube_error_describe__names_code_and_reason),
		cmocka_unit_test(kube_error_describe__has_words_for_every_reason),
		cmocka_unit_test(kube_error_classify_status__reads_the_error_event_of_a_watch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
