/* access_executor.h - how effects reach members: a port that knows members by ClusterProfile only.
 *
 * The core hands over Kubernetes calls and never sees a kubeconfig or an address. The first
 * implementation is edge/push_executor: it calls the members itself. */
#ifndef CORE_ACCESS_EXECUTOR_H
#define CORE_ACCESS_EXECUTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kube_call.h"

struct cluster_facts;

enum member_state {
	MEMBER_NO_ACCESS,   /* nobody gave us access to this ClusterProfile */
	MEMBER_CONFLICT,    /* two accesses name this ClusterProfile */
	MEMBER_REFUSED,     /* the access given must not be used: see detail */
	MEMBER_CONNECTING,  /* being asked who it is; the executor tells when it is known */
	MEMBER_UNREACHABLE, /* the executor tries again by itself and tells when that changes */
	MEMBER_READY,
};

struct member_facts {
	enum member_state state;
	const char *uid;         /* of its kube-system namespace; NULL unless ready. Borrowed */
	const char *detail;      /* for people; NULL: nothing to add. Borrowed for the pass */
	int64_t clock_offset_ms; /* its time less our monotonic one, if known */
	int64_t skew_s; /* it is that far ahead of our wall clock, as people are told; 0: little */
	bool clock_known; /* both */
};

struct access_executor {
	/* What is known of the member of PROFILE_KEY. Asking makes the executor find out. */
	struct member_facts (*member)(void *context, const char *profile_key);
	/* Where applications find the member; NULL unless ready. Borrowed for the pass. */
	const struct cluster_facts *(*cluster)(void *context, const char *profile_key);
	/* Like kube_port.start, on the member. Fails through DONE when it is not ready. */
	void (*start)(void *context, const char *profile_key, const struct kube_request *request,
		      kube_done *done, void *done_context);
	void *context;
};

#endif
