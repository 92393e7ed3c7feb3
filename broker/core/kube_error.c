#include "core/kube_error.h"

#include <string.h>
#include <strings.h>

#include <base/json.h>
#include <base/limits.h>
#include <base/text.h>

/* What each reason means to us: how it is retried, and how it is told. */
static const struct {
	enum error_kind kind;
	const char *name, *text;
} meanings[] = {
	[KUBE_REASON_NONE] = {ERROR_NONE, "None", "no error"},
	[KUBE_REASON_ALREADY_EXISTS] = {ERROR_CONFLICT, "AlreadyExists", "the name is taken"},
	[KUBE_REASON_BAD_REQUEST] = {ERROR_INVALID, "BadRequest", "the request is malformed"},
	[KUBE_REASON_CONFLICT] = {ERROR_CONFLICT, "Conflict", "the object changed or was replaced"},
	[KUBE_REASON_EXPIRED] = {ERROR_CONFLICT, "Expired", "the resource version is too old"},
	[KUBE_REASON_FIELD_MANAGER_CONFLICT] = {ERROR_CONFLICT, "FieldManagerConflict",
						"another manager owns a field"},
	[KUBE_REASON_FORBIDDEN] = {ERROR_DENIED, "Forbidden", "not allowed"},
	[KUBE_REASON_INTERNAL] = {ERROR_UNAVAILABLE, "InternalError", "the server failed"},
	[KUBE_REASON_INVALID] = {ERROR_INVALID, "Invalid", "the object was refused"},
	[KUBE_REASON_NAMESPACE_TERMINATING] = {ERROR_DENIED, "NamespaceTerminating",
					       "the namespace is being deleted"},
	[KUBE_REASON_NOT_FOUND] = {ERROR_NOT_FOUND, "NotFound", "there is no such object"},
	[KUBE_REASON_PATH_NOT_FOUND] = {ERROR_UNAVAILABLE, "PathNotFound",
					"the server does not serve this API"},
	[KUBE_REASON_RESOURCE_VERSION_TOO_LARGE] = {ERROR_UNAVAILABLE, "ResourceVersionTooLarge",
						    "the server is behind"},
	[KUBE_REASON_SERVER_TIMEOUT] = {ERROR_UNAVAILABLE, "ServerTimeout",
					"the server asks to try again"},
	[KUBE_REASON_STORAGE_READ] = {ERROR_UNAVAILABLE, "StorageReadError",
				      "the server cannot read the object"},
	[KUBE_REASON_TIMEOUT] = {ERROR_UNAVAILABLE, "Timeout", "the server took too long"},
	[KUBE_REASON_TOO_LARGE] = {ERROR_INVALID, "RequestEntityTooLarge",
				   "the request is too large"},
	[KUBE_REASON_TOO_MANY_REQUESTS] = {ERROR_UNAVAILABLE, "TooManyRequests",
					   "the server is busy"},
	[KUBE_REASON_UNAUTHORIZED] = {ERROR_DENIED, "Unauthorized", "the credential was refused"},
	[KUBE_REASON_UNAVAILABLE] = {ERROR_UNAVAILABLE, "ServiceUnavailable",
				     "the server is unavailable"},
	[KUBE_REASON_UNEXPECTED] = {ERROR_UNAVAILABLE, "Unexpected",
				    "not an answer of an API server"},
	[KUBE_REASON_UNSUPPORTED] = {ERROR_INVALID, "Unsupported",
				     "the server does not support the request"},
};
_Static_assert(sizeof(meanings) / sizeof(meanings[0]) == KUBE_REASON_UNSUPPORTED + 1,
	       "every reason has a meaning");

struct word {
	const char *name;
	enum kube_reason reason;
};

/* metav1.StatusReason */
static const struct word reasons[] = {
	{"AlreadyExists", KUBE_REASON_ALREADY_EXISTS},
	{"BadRequest", KUBE_REASON_BAD_REQUEST},
	{"Conflict", KUBE_REASON_CONFLICT},
	{"Expired", KUBE_REASON_EXPIRED},
	{"Forbidden", KUBE_REASON_FORBIDDEN},
	{"Gone", KUBE_REASON_EXPIRED},
	{"InternalError", KUBE_REASON_INTERNAL},
	{"Invalid", KUBE_REASON_INVALID},
	{"MethodNotAllowed", KUBE_REASON_UNSUPPORTED},
	{"NotAcceptable", KUBE_REASON_UNSUPPORTED},
	{"NotFound", KUBE_REASON_NOT_FOUND},
	{"RequestEntityTooLarge", KUBE_REASON_TOO_LARGE},
	{"ServerTimeout", KUBE_REASON_SERVER_TIMEOUT},
	{"ServiceUnavailable", KUBE_REASON_UNAVAILABLE},
	{"StorageReadError", KUBE_REASON_STORAGE_READ},
	{"Timeout", KUBE_REASON_TIMEOUT},
	{"TooManyRequests", KUBE_REASON_TOO_MANY_REQUESTS},
	{"Unauthorized", KUBE_REASON_UNAUTHORIZED},
	{"UnsupportedMediaType", KUBE_REASON_UNSUPPORTED},
};

/* Causes that change what their reason means. */
static const struct {
	enum kube_reason of;
	struct word word;
} causes[] = {
	{KUBE_REASON_CONFLICT, {"FieldManagerConflict", KUBE_REASON_FIELD_MANAGER_CONFLICT}},
	{KUBE_REASON_FORBIDDEN, {"NamespaceTerminating", KUBE_REASON_NAMESPACE_TERMINATING}},
	{KUBE_REASON_TIMEOUT, {"ResourceVersionTooLarge", KUBE_REASON_RESOURCE_VERSION_TOO_LARGE}},
};

static const struct {
	int code;
	enum kube_reason reason;
} codes[] = {
	{400, KUBE_REASON_BAD_REQUEST}, {401, KUBE_REASON_UNAUTHORIZED},
	{403, KUBE_REASON_FORBIDDEN},   {404, KUBE_REASON_PATH_NOT_FOUND},
	{405, KUBE_REASON_UNSUPPORTED}, {406, KUBE_REASON_UNSUPPORTED},
	{409, KUBE_REASON_CONFLICT},    {410, KUBE_REASON_EXPIRED},
	{413, KUBE_REASON_TOO_LARGE},   {415, KUBE_REASON_UNSUPPORTED},
	{422, KUBE_REASON_INVALID},     {429, KUBE_REASON_TOO_MANY_REQUESTS},
	{500, KUBE_REASON_INTERNAL},    {502, KUBE_REASON_UNAVAILABLE},
	{503, KUBE_REASON_UNAVAILABLE}, {504, KUBE_REASON_TIMEOUT},
	{0, KUBE_REASON_UNAVAILABLE},
};

static enum kube_reason reason_of_name(const char *name)
{
	for (size_t i = 0; name && i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcmp(reasons[i].name, name) == 0)
			return reasons[i].reason;
	return KUBE_REASON_NONE;
}

static enum kube_reason reason_of_code(int code)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].code == code)
			return codes[i].reason;
	return KUBE_REASON_UNEXPECTED;
}

static bool has_cause(const struct json *status, const char *name)
{
	const struct json *list = json_find(status, "details", "causes");

	for (size_t i = 0; i < json_size(list); i++)
		if (text_same(json_find_string(json_item(list, i), "reason"), name))
			return true;
	return false;
}

static enum kube_reason reason_by_cause(const struct json *status, enum kube_reason reason)
{
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		if (causes[i].of == reason && has_cause(status, causes[i].word.name))
			return causes[i].word.reason;
	return reason;
}

/* A Status that names no reason we know still says that an API server answered. */
static enum kube_reason reason_of(int code, const struct json *status)
{
	enum kube_reason reason = reason_of_name(json_find_string(status, "reason"));

	if (reason == KUBE_REASON_NONE)
		reason = reason_of_code(code);
	if (reason == KUBE_REASON_PATH_NOT_FOUND && status)
		reason = KUBE_REASON_NOT_FOUND;
	return reason_by_cause(status, reason);
}

/* The server may fail after it has committed; only "I am behind" is known to come first. */
static bool is_outcome_unknown(int code, enum kube_reason reason)
{
	return (code == 0 || code >= 500 || reason == KUBE_REASON_TIMEOUT ||
		reason == KUBE_REASON_SERVER_TIMEOUT) &&
	       reason != KUBE_REASON_RESOURCE_VERSION_TOO_LARGE;
}

static int64_t retry_after(const struct json *status, int64_t header_s)
{
	int64_t seconds = header_s;

	if (seconds < 0 &&
	    !json_integer(json_find(status, "details", "retryAfterSeconds"), &seconds))
		return -1;
	if (seconds < 0)
		return -1;
	return seconds < KUBE_RETRY_AFTER_MAX_S ? seconds : KUBE_RETRY_AFTER_MAX_S;
}

/* kube-apiserver's own words: RESOURCE "NAME" is forbidden: ValidatingAdmissionPolicy 'POLICY' with
 * binding... What comes from a webhook begins with "admission webhook" and has a colon before. */
static void read_policy(const struct json *status, struct kube_error *error)
{
	static const char words[] = " is forbidden: ValidatingAdmissionPolicy '";
	const char *message = json_find_string(status, "message");
	const char *found = message ? strstr(message, words) : NULL;
	const char *name = found ? found + strlen(words) : NULL;
	size_t size = name ? strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") : 0;

	if (size == 0 || size >= sizeof(error->denied_by) || name[size] != '\'' ||
	    memchr(message, ':', (size_t)(found - message)))
		return;
	memcpy(error->denied_by, name, size);
	error->denied_by[size] = '\0';
}

/* STATUS is NULL when the response held none. */
static void classify(int code, const struct json *status, int64_t header_s,
		     struct kube_error *ret_error)
{
	enum kube_reason reason = reason_of(code, status);

	*ret_error = (struct kube_error){
		.status = code,
		.reason = reason,
		.outcome_unknown = is_outcome_unknown(code, reason),
		.retry_after_s = retry_after(status, header_s),
	};
	if (reason == KUBE_REASON_FORBIDDEN)
		read_policy(status, ret_error);
}

static bool is_json(const char *content_type)
{
	static const char json[] = "application/json";
	size_t size = sizeof(json) - 1;

	return content_type && strncasecmp(content_type, json, size) == 0 &&
	       (content_type[size] == '\0' || strchr("; \t", content_type[size]));
}

static bool is_status(const struct json *json)
{
	return text_same(json_find_string(json, "kind"), "Status");
}

void kube_error_classify(int status, const char *content_type, const char *body, size_t body_size,
			 int64_t retry_after_header_s, struct kube_error *ret_error)
{
	cleanup_json struct json *json = NULL;

	if (status >= 200 && status <= 299) {
		*ret_error = (struct kube_error){.status = status, .retry_after_s = -1};
		return;
	}
	if (is_json(content_type) && body_size <= STATUS_BODY_MAX)
		json = json_parse(body, body_size, &(struct error){0});
	classify(status, is_status(json) ? json : NULL, retry_after_header_s, ret_error);
}

void kube_error_classify_status(const struct json *status_object, struct kube_error *ret_error)
{
	int64_t code = 0;

	if (!json_integer(json_find(status_object, "code"), &code) || code < 300 || code > 599)
		code = 500;
	classify((int)code, is_status(status_object) ? status_object : NULL, -1, ret_error);
}

enum error_kind kube_error_kind(const struct kube_error *error)
{
	return meanings[error->reason].kind;
}

bool kube_error_describe(const struct kube_error *error, struct error *err)
{
	if (error->reason == KUBE_REASON_NONE)
		return true;
	if (error->status == 0)
		return error_set(err, ERROR_UNAVAILABLE, "the API server did not answer");
	return error_set(err, meanings[error->reason].kind, "the API server answered %d %s: %s",
			 error->status, meanings[error->reason].name, meanings[error->reason].text);
}
