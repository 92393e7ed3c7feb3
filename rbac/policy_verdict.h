/* policy_verdict.h - how far one policy goes along with what is asked for.
 *
 * For rbac alone. */
#ifndef RBAC_POLICY_VERDICT_H
#define RBAC_POLICY_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct policy_allowance;
struct policy_question;

/* What is looked at has an order, and a refusal the reason of its stage. */
struct policy_verdict {
	bool allowed;
	bool existing_identity; /* the policy names the ServiceAccount as one that exists */
	size_t stage;           /* of the first thing that is not allowed ... */
	size_t item;            /* ... and which of its kind that is */
	const char *reason;
};

/* What ALLOWANCE says of QUESTION. Who asks and for which ClusterProfile was looked at before. */
struct policy_verdict policy_verdict_find(const struct policy_allowance *allowance,
					  const struct policy_question *question);

/* True when ALLOWANCE lets the ServiceAccount be an existing one. */
bool policy_verdict_names_existing(const struct policy_allowance *allowance,
				   const struct policy_question *question);

/* A refusal that policy_verdict_find() gave, in words (ERROR_DENIED). */
void policy_verdict_tell(const struct policy_verdict *verdict,
			 const struct policy_allowance *allowance,
			 const struct policy_question *question, struct error *err);

/* What one policy says whose subjects, or whose clusterProfiles, match nothing of QUESTION: for
 * those who may read policies. */
void policy_verdict_tell_subjects(const struct policy_question *question, struct error *err);
void policy_verdict_tell_targets(const struct policy_question *question, struct error *err);

/* What is said when no policy is for who asks, or none for the ClusterProfile: which of both, and
 * whether the ClusterProfile is there, cannot be told from it. */
void policy_verdict_tell_missing(const struct policy_question *question, struct error *err);

/* The field of spec.allow that decides at a refusal's stage, and the one before it, NULL at the
 * first stage. Static. */
const char *policy_verdict_field(const struct policy_verdict *verdict);
const char *policy_verdict_field_before(const struct policy_verdict *verdict);

/* True when A got further than B. */
bool policy_verdict_is_further(const struct policy_verdict *a, const struct policy_verdict *b);

#endif
