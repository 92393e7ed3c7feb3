/* policy_subject.h - whose requests a policy is for, and for which ClusterProfiles.
 *
 * For rbac alone. A matcher matches when each field that it gives does; it gives at least one. */
#ifndef RBAC_POLICY_SUBJECT_H
#define RBAC_POLICY_SUBJECT_H

#include <stdbool.h>

#include "rbac/label_selector.h"
#include "rbac/name_set.h"

struct error;
struct json;
struct policy_question;

/* An empty set: the field is not given. */
struct policy_subject {
	struct name_set namespaces;
	struct name_set users;
	struct name_set groups;
	struct name_set accounts; /* as user names: "system:serviceaccount:NAMESPACE:NAME" */
	bool has_selector;
	struct label_selector selector;
};

struct policy_target {
	struct name_set namespaces;
	struct name_set names;
	struct name_set managers;
	bool has_selector;
	struct label_selector selector;
};

/* Of the type policy_json_read: PLACE is a zeroed struct policy_subject or struct policy_target,
 * which is to be released in any case. */
bool policy_subject_read(const struct json *item, void *place, struct error *err);
bool policy_subject_read_target(const struct json *item, void *place, struct error *err);

void policy_subject_done(struct policy_subject *subject);
void policy_subject_done_target(struct policy_target *target);

bool policy_subject_matches(const struct policy_subject *subject,
			    const struct policy_question *question);
bool policy_subject_matches_target(const struct policy_target *target,
				   const struct policy_question *question);

#endif
