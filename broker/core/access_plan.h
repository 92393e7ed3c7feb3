/* access_plan.h - decides the next step for one request.
 *
 * Pure: the answer depends on the facts alone. The list of policies in access_plan.c is the
 * specification of what the broker does, in order; that of access_ending.c is a part of it. */
#ifndef CORE_ACCESS_PLAN_H
#define CORE_ACCESS_PLAN_H

#include <stdbool.h>
#include <stdint.h>

struct access_facts;

enum access_step {
	ACCESS_REPORT, /* nothing to do but to say so: writes the status if it differs */
	ACCESS_FORGET, /* nothing is left to be done for this UID, ever */
	ACCESS_ACKNOWLEDGE,
	ACCESS_ADD_FINALIZER,
	ACCESS_CHECK_DESTINATION,
	ACCESS_READ_DELIVERY,
	ACCESS_CHECK_REQUESTER,
	ACCESS_LOOK_FOR_LEDGER,
	ACCESS_OPEN_LEDGER,
	ACCESS_SAVE_LEDGER,
	ACCESS_AMEND_LEDGER,
	ACCESS_CREATE_OBJECT,  /* index: which */
	ACCESS_APPLY_OBJECT,   /* index: which */
	ACCESS_RESTORE_OBJECT, /* index: which */
	ACCESS_RESERVE_ANCHOR,
	ACCESS_CREATE_ANCHOR,
	ACCESS_MINT,
	ACCESS_PROVE,
	ACCESS_DELIVER,
	ACCESS_REDELIVER,
	ACCESS_CHECK_CREDENTIAL,
	ACCESS_DELETE_ANCHOR, /* index: which */
	ACCESS_CONFIRM_GONE,
	ACCESS_CONFIRM_DENIAL,
	ACCESS_MARK_REVOKING,
	ACCESS_RECORD_WAIT,
	ACCESS_DELETE_OBJECT, /* index: which */
	ACCESS_WITHDRAW,
	ACCESS_CLOSE_LEDGER,
	ACCESS_REMOVE_FINALIZER,
	ACCESS_STEP_COUNT,
};

struct access_plan {
	enum access_step step;
	int index;             /* for the steps that say so */
	const char *reason;    /* static; CamelCase; for the condition, the Event and the log */
	const char *cause;     /* for ACCESS_RECORD_WAIT: what it waits for; static */
	int64_t recheck_at_ms; /* monotonic; 0: only a change matters */
};

struct access_plan access_plan_next(const struct access_facts *facts);

/* For the files that make up the plan; all three are true. */
bool access_plan_decide(struct access_plan *plan, enum access_step step, const char *reason);
bool access_plan_decide_on(struct access_plan *plan, enum access_step step, int index,
			   const char *reason);

/* Another cluster answers under the same access: nothing of the ledger is true there. Who it is is
 * asked again after a while, because nothing tells when the right one is back. */
bool access_plan_await_member(const struct access_facts *facts, struct access_plan *ret_plan);

/* As logs print it: "create object". Static. */
const char *access_step_name(enum access_step step);

#endif
