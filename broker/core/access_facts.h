/* access_facts.h - all that the next step for one request depends on, as plain values. */
#ifndef CORE_ACCESS_FACTS_H
#define CORE_ACCESS_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/access_executor.h"

enum { FACT_NONE = -1 }; /* no such index */

enum destination_state {
	DESTINATION_UNKNOWN,
	DESTINATION_OPEN,
	DESTINATION_CLOSED, /* we may not write Secrets there */
};

enum delivery_state {
	DELIVERY_UNKNOWN, /* not read since this process started */
	DELIVERY_MISSING,
	DELIVERY_OURS,
	DELIVERY_FOREIGN, /* somebody else's Secret has the name */
};

enum wait_state {
	WAIT_NONE,
	WAIT_PENDING,     /* for its member; tokens may live */
	WAIT_UNCONFIRMED, /* the same, and none can */
};

struct access_facts {
	int64_t now_ms; /* monotonic */

	/* the request */
	int64_t release_at_ms; /* monotonic, for a deleted one: it waits no longer for its member */
	bool request_exists;   /* the watch shows it, with the UID that we work for */
	bool request_gone;     /* a live read said so: the watch alone is no proof */
	bool request_deleting;
	bool request_valid;
	bool request_allowed;  /* by an access policy, as a whole */
	bool admission_proven; /* the hub's admission policies are in force */
	bool spec_admitted;    /* they were when this spec was served: it is on record */
	bool revoking; /* on record: it was denied, and is undone whatever policies say now */
	const char *rights_problem; /* why its templates cannot be filled; static; NULL: they can */
	const char *denial;         /* the reason why it is not allowed; static */
	int64_t requester_asked_until_ms; /* monotonic; the last answer counts until then */
	bool denial_confirmed; /* it is not for want of an object that a live read still finds */
	bool requester_known;
	bool requester_refused; /* the hub says that who asks may not, so far */
	bool finalizer_present;
	bool acknowledged; /* its status shows conditions */

	/* where to */
	bool profile_exists;
	enum member_state member;
	bool member_is_recorded_one; /* its UID is the ledger's, or there is no ledger yet */
	enum destination_state destination;
	enum delivery_state delivery;
	int64_t delivery_recheck_at_ms; /* monotonic; a foreign one is looked at again then */

	/* the ledger: what was made */
	bool ledger_exists;
	bool ledger_absent;     /* a live read found none, or we deleted it */
	bool ledger_stored;     /* the server has a record of this UID */
	bool ledger_saved;      /* the server has all that we know */
	bool record_fresh;      /* that it is the one stored was seen a moment ago */
	bool intent_saved;      /* ... at least the names and the generation to be used next */
	int object_missing;     /* first to be made: index, or FACT_NONE */
	int object_surplus;     /* on record, and not wanted any more: bindings first */
	int object_changed;     /* a role whose rules are to be others */
	int object_suspect;     /* a list of the member does not show it as it was made */
	bool identity_replaced; /* ... and it is somebody else's ServiceAccount now */
	bool record_outdated;   /* what is wanted, or not wanted any more, is not on record */
	bool identity_taken;    /* it is the identity, whose name another request's ledger holds */
	int object_standing;    /* first to be undone, bindings before identity before roles */
	bool standing_is_binding;
	int anchor_standing;    /* index of an anchor to be deleted when all is undone */
	int anchor_superseded;  /* index of one that nobody needs any more */
	bool undo_failed;       /* a deletion on the member was refused, and not done since */
	bool withdrawal_failed; /* the one on the hub was refused, and nothing else since */
	bool ending_failed;     /* a step on the hub that ends it failed; its time is to come */
	bool secret_standing;   /* a Secret of ours is, or may be, on the hub */

	/* the credential */
	bool anchor_spent; /* the ledger's generation was used, or may have been */
	bool anchor_made;  /* ... its anchor stands and waits for its token */
	bool token_in_hand;
	bool token_proved;
	bool credential_delivered;   /* the Secret holds a token that is on record */
	bool credential_is_as_asked; /* made by the spec as it is now */
	bool delivery_outdated;      /* the member's address or CA is another than in the Secret */
	bool credential_void;        /* it was ended or edited before its time */
	bool check_was_idle;         /* the member was asked about it just now: nothing new */
	int64_t check_at_ms;         /* monotonic; when the member is asked about it; 0: never */
	int64_t renew_at_ms;         /* monotonic; of the delivered one */
	int64_t expires_at_ms;       /* monotonic; of the delivered one; 0: there is none */
	int64_t next_mint_at_ms;     /* monotonic; not before */
	int64_t overlap_until_ms;    /* monotonic; 0: no older anchor waits */

	/* a revocation that cannot be done yet */
	const char *hold_up;  /* why, as a reason; static; NULL: it may pass soon */
	enum wait_state wait; /* as the record says */
	bool wait_recorded;   /* ... and there is nothing new to say */
	bool tokens_dead;     /* none can be accepted any more, by the calendar */
	bool forgotten;       /* an administrator lets the record go when none can */
	bool abandoned;       /* who may, lets the request go without its member */
	int64_t wait_due_ms;  /* monotonic; there is something new to say */

	/* the last failure of a step, until its time has come or its cause has changed */
	int64_t retry_at_ms; /* 0: none */
};

#endif
