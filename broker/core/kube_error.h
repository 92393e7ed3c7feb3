/* kube_error.h - what a failed call to a Kubernetes API server means. Pure.
 *
 * Decides on the reason first, then the causes, then the code (kube-semantics section 4). The
 * server's message is never kept: it may echo what was sent, tokens included. Only the name of the
 * policy that refused is taken out of it. */
#ifndef CORE_KUBE_ERROR_H
#define CORE_KUBE_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/error.h>

struct json;

enum kube_reason {
	KUBE_REASON_NONE, /* the call succeeded */
	KUBE_REASON_ALREADY_EXISTS,
	KUBE_REASON_BAD_REQUEST,
	KUBE_REASON_CONFLICT,               /* resourceVersion or uid differ */
	KUBE_REASON_EXPIRED,                /* resourceVersion or continue token compacted */
	KUBE_REASON_FIELD_MANAGER_CONFLICT, /* another manager owns a field that was applied */
	KUBE_REASON_FORBIDDEN,
	KUBE_REASON_INTERNAL,
	KUBE_REASON_INVALID,
	KUBE_REASON_NAMESPACE_TERMINATING,
	KUBE_REASON_NOT_FOUND,      /* the server says that the object is absent */
	KUBE_REASON_PATH_NOT_FOUND, /* 404 without a Status: the API is absent, not the object */
	KUBE_REASON_RESOURCE_VERSION_TOO_LARGE, /* this replica has not seen it yet */
	KUBE_REASON_SERVER_TIMEOUT,
	KUBE_REASON_STORAGE_READ,
	KUBE_REASON_TIMEOUT,
	KUBE_REASON_TOO_LARGE,
	KUBE_REASON_TOO_MANY_REQUESTS,
	KUBE_REASON_UNAUTHORIZED,
	KUBE_REASON_UNAVAILABLE,
	KUBE_REASON_UNEXPECTED,  /* no answer that an API server gives */
	KUBE_REASON_UNSUPPORTED, /* method or media type */
};

enum { KUBE_RETRY_AFTER_MAX_S = 60, KUBE_POLICY_NAME_SIZE = 64 };

struct kube_error {
	int status; /* HTTP's, 0 without a response */
	enum kube_reason reason;
	bool outcome_unknown;  /* a write may have been done: read again before repeating it */
	int64_t retry_after_s; /* at most KUBE_RETRY_AFTER_MAX_S; -1: the server did not say */
	/* The ValidatingAdmissionPolicy that refused, "": none, or one with a longer name. */
	char denied_by[KUBE_POLICY_NAME_SIZE];
};

/* Classifies a response. STATUS 0 means that none came. CONTENT_TYPE may be NULL; a body of
 * another type than JSON, or over STATUS_BODY_MAX, is not read. RETRY_AFTER_HEADER_S is -1
 * without that header. */
void kube_error_classify(int status, const char *content_type, const char *body, size_t body_size,
			 int64_t retry_after_header_s, struct kube_error *ret_error);

/* The same for the Status in an ERROR event of a watch. Never KUBE_REASON_NONE. */
void kube_error_classify_status(const struct json *status_object, struct kube_error *ret_error);

enum error_kind kube_error_kind(const struct kube_error *error);

/* Sets kind and text: our words, the code and the name of the reason. True only when the call
 * succeeded; ERR is then untouched. */
bool kube_error_describe(const struct kube_error *error, struct error *err);

#endif
