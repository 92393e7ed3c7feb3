/* kube_call.h - one call of the Kubernetes API as a value, and the port through which it is made.
 *
 * Lets the core ask for effects without knowing where a server is or who answers: the hub's client,
 * an executor for members, or a script in a test. */
#ifndef CORE_KUBE_CALL_H
#define CORE_KUBE_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kube_error.h"

struct error;
struct json;
struct kube_call; /* in flight */
struct secret;

/* For `accept`: of the object that was read or written, only its metadata is answered. */
#define KUBE_METADATA_ONLY "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

enum kube_verb {
	KUBE_GET,
	KUBE_LIST, /* only the time limit differs from GET */
	KUBE_CREATE,
	KUBE_PUT,
	KUBE_APPLY,      /* server-side apply; the path carries fieldManager and force */
	KUBE_PATCH_JSON, /* RFC 6902 */
	KUBE_DELETE,     /* the body is a DeleteOptions, see kube_delete_options() */
};

struct kube_request {
	enum kube_verb verb;
	const char *path;            /* of core/kube_path.h, with its query */
	const struct json *body;     /* NULL for GET and LIST; serialised before start returns */
	const struct secret *bearer; /* NULL: the client's own identity. Else this token and no
					client certificate: for SelfSubjectReview */
	const char *accept;          /* NULL: "application/json" */
	bool with_managers;          /* managedFields are read; else they are not even parsed */
	bool urgent;
};

struct kube_reply {
	const struct error *err; /* NULL: the verb succeeded */
	struct kube_error kube;  /* status, reason, outcome_unknown; status 0 without a response */
	const struct json *object; /* borrowed for the call; NULL on failure */
	const char *warning;       /* NULL: none */
	int64_t date_s;            /* server's Date, -1: unknown */
	int64_t trip_ms;           /* from the request that was answered to its answer */
};

/* Called exactly once, never before start returns. */
typedef void kube_done(void *context, const struct kube_reply *reply);

/* Where calls go. */
struct kube_port {
	/* Never fails by itself: what goes wrong comes through DONE. REQUEST is borrowed. */
	void (*start)(void *context, const struct kube_request *request, kube_done *done,
		      void *done_context);
	void *context;
};

/* DeleteOptions: propagationPolicy Background and, where not NULL, preconditions. The caller's. */
struct json *kube_delete_options(const char *uid, const char *resource_version);

/* resourceVersions of one resource are comparable decimal numbers (kube-semantics I-08). */
bool kube_call_version_is_older(const char *version, const char *than);

#endif
