/* access_steps.h - starts the effect of one step, stores what it learnt, and says when it is over.
 *
 * One step of one access is in flight at a time. A step that fails leaves its reason, its text and
 * the time of the next try in the access. */
#ifndef CORE_ACCESS_STEPS_H
#define CORE_ACCESS_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/access_executor.h"
#include "core/access_plan.h"
#include "core/kube_call.h"

struct access;
struct access_facts;
struct access_news;
struct clock;
struct destinations;
struct error;
struct hub_state;
struct json;
struct kube_resource;
struct secret;
struct store;

struct access_settings {
	const char *hub_id;
	const char *namespace;          /* the broker's own: ledger and member access */
	const char *identity_namespace; /* for requests that name none */
	const char *profile_namespace;  /* for targets that name none; NULL: the request's own */
	const char *const
		*protected_patterns; /* of member namespaces, more than the engine's own */
	size_t protected_count;
	const struct secret *nonce_key;   /* what nonces follow from; NULL: they are drawn */
	int64_t deletion_deadline_s;      /* how long a deletion waits for a member that is away */
	int64_t member_check_interval_ms; /* 0: members are not looked at */
	int64_t credential_check_interval_ms; /* 0: members are not asked about credentials */
	int64_t renew_at_percent;  /* of the lifetime, where no policy says it; 0: as usual */
	int64_t sweep_interval_ms; /* 0: nothing is swept */
};

struct access_steps {
	struct kube_port hub;
	struct access_executor executor;
	const struct clock *clock;
	const struct access_settings *settings;
	const struct hub_state *seen;
	const struct store *accesses; /* struct access by UID */
	struct destinations *destinations;
	/* The step of ACCESS is over: look at it again. */
	void (*ended)(void *context, struct access *access);
	/* OBJECT, which a live read found under KEY, is not in the store of RESOURCE: put it there.
	 */
	void (*found)(void *context, const struct kube_resource *resource, const char *key,
		      const struct json *object);
	/* The epoch to write records with; less than ON_RECORD, that of a record: it is not ours
	 * to write, or not yet. NULL: nobody else writes them. */
	int64_t (*epoch)(void *context, int64_t on_record);
	/* What went wrong beside the work. */
	void (*tell)(void *context, const struct access_news *news);
	void *context;
};

/* True for steps that call the member. */
bool access_steps_call_a_member(enum access_step which);

/* Starts PLAN, which is not ACCESS_REPORT or ACCESS_FORGET, for ACCESS, which is not busy. */
void access_steps_start(struct access_steps *steps, struct access *access,
			const struct access_plan *plan);

/* Starts writing STATUS to the request of ACCESS. */
void access_steps_write_status(struct access_steps *steps, struct access *access,
			       const struct json *status);

/* For the files that implement the steps. */

/* The request of ACCESS, or NULL when it is gone or another object has its name. Borrowed. */
struct request *access_steps_request(const struct access_steps *steps, const struct access *access);

/* Handles the reply to the call in flight: starts the next call of the same step, or ends it. */
typedef void access_reply(struct access_steps *steps, struct access *access,
			  const struct kube_reply *reply);

/* Calls the hub, or the member of ACCESS, on behalf of its step. */
void access_steps_call_hub(struct access_steps *steps, struct access *access,
			   const struct kube_request *request, access_reply *handle);
void access_steps_call_member(struct access_steps *steps, struct access *access,
			      const struct kube_request *request, access_reply *handle);

/* Ends the step in flight. */
void access_steps_succeed(struct access_steps *steps, struct access *access);
void access_steps_fail(struct access_steps *steps, struct access *access, const char *reason,
		       const struct error *err);

/* When STEP, which failed with ERR, is to be tried again; counts the failure. Monotonic. */
int64_t access_steps_retry_at_ms(const struct access_steps *steps, struct access *access,
				 enum access_step step, const struct error *err);

#endif
