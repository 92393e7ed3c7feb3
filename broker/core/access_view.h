/* access_view.h - gathers the facts about one request from what is known of it. Pure. */
#ifndef CORE_ACCESS_VIEW_H
#define CORE_ACCESS_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/access_facts.h"

struct access;
struct request;
struct store;

struct access_view {
	int64_t now_ms;          /* monotonic */
	int64_t now_s;           /* of the calendar, seconds since 1970 */
	int64_t expires_at_ms;   /* monotonic; of the delivered token, if there is one */
	int64_t abandon_since_s; /* of admission_proof.h */
	const struct access *access;
	const struct request *request; /* NULL: the watch does not show it with this UID */
	bool admission_proven;
	bool request_allowed;
	bool request_undecided; /* it is not allowed, but may be when more is known of who asks */
	bool denial_confirmed;
	const char *denial; /* static */
	bool profile_exists;
	struct member_facts member;
	const char *cluster_digest; /* of where applications find it; NULL unless ready */
	enum destination_state destination;
	int64_t deletion_deadline_s; /* how long a deletion waits for the member */
	const struct store *ledgers; /* of all requests, as the watch shows them */
};

struct access_facts access_view_facts(const struct access_view *view);

#endif
