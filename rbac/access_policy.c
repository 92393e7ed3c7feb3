#include <rbac/access_policy.h>

#include <string.h>

#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>

#include "rbac/fields.h"
#include "rbac/policy_allowance.h"
#include "rbac/policy_json.h"
#include "rbac/policy_subject.h"
#include "rbac/policy_verdict.h"

struct access_policy {
	char *name;
	struct policy_subject *subjects;
	size_t subject_count;
	struct policy_target *targets;
	size_t target_count;
	struct policy_allowance allowance;
};

void access_policy_free(void *policy_to_free)
{
	struct access_policy *policy = policy_to_free;

	if (!policy)
		return;
	for (size_t i = 0; i < policy->subject_count; i++)
		policy_subject_done(&policy->subjects[i]);
	for (size_t i = 0; i < policy->target_count; i++)
		policy_subject_done_target(&policy->targets[i]);
	policy_allowance_done(&policy->allowance);
	memory_free(policy->subjects);
	memory_free(policy->targets);
	memory_free(policy->name);
	memory_free(policy);
}

const char *access_policy_name(const struct access_policy *policy)
{
	return policy->name;
}

const char *access_policy_identity_namespace(const struct access_policy *policy, size_t index)
{
	const struct policy_allowance *allowance = &policy->allowance;

	if (index < allowance->identity_count)
		return allowance->identities[index].namespace_name;
	index -= allowance->identity_count;
	return index < allowance->existing_identity_count
		       ? allowance->existing_identities[index].namespace_name
		       : NULL;
}

static bool read_subjects(const struct json *spec, struct access_policy *policy, struct error *err)
{
	struct policy_items subjects = {0};
	bool ok = policy_json_items(spec, "subjects", 1, POLICY_ENTRIES_MAX, policy_subject_read,
				    sizeof(struct policy_subject), &subjects, err);

	policy->subjects = subjects.items;
	policy->subject_count = subjects.count;
	if (ok && policy->subject_count == 0)
		return error_set(err, ERROR_INVALID,
				 "subjects is missing: write whose requests the policy is for");
	return ok;
}

static bool read_targets(const struct json *spec, struct access_policy *policy, struct error *err)
{
	struct policy_items targets = {0};
	bool ok = policy_json_items(spec, "clusterProfiles", 1, POLICY_ENTRIES_MAX,
				    policy_subject_read_target, sizeof(struct policy_target),
				    &targets, err);

	policy->targets = targets.items;
	policy->target_count = targets.count;
	if (ok && policy->target_count == 0)
		return error_set(err, ERROR_INVALID,
				 "clusterProfiles is missing: write which ones the policy is for");
	return ok;
}

static bool read_spec(const struct json *object, struct access_policy *policy, struct error *err)
{
	static const char *const fields[] = {"subjects", "clusterProfiles", "allow", "description",
					     NULL};
	const struct json *spec = json_find(object, "spec");
	const char *name = policy_json_name(json_find(object, "metadata"), "name", err);

	if (!name)
		return error_wrap(err, "metadata");
	policy->name = memory_text(name);
	if (!fields_are_known(spec, fields, err) || !read_subjects(spec, policy, err) ||
	    !read_targets(spec, policy, err))
		return error_wrap(err, "spec");
	return policy_allowance_read(json_find(spec, "allow"), &policy->allowance, err) ||
	       error_wrap(err, "spec.allow");
}

struct access_policy *access_policy_read(const struct json *object, struct error *err)
{
	struct access_policy *policy = memory_new(sizeof(*policy));

	if (read_spec(object, policy, err))
		return policy;
	access_policy_free(policy);
	return NULL;
}

static bool is_for_subject(const struct access_policy *policy,
			   const struct policy_question *question)
{
	for (size_t i = 0; i < policy->subject_count; i++)
		if (policy_subject_matches(&policy->subjects[i], question))
			return true;
	return false;
}

static bool is_for_target(const struct access_policy *policy,
			  const struct policy_question *question)
{
	for (size_t i = 0; i < policy->target_count; i++)
		if (policy_subject_matches_target(&policy->targets[i], question))
			return true;
	return false;
}

static bool is_for(const struct access_policy *policy, const struct policy_question *question)
{
	return is_for_subject(policy, question) && is_for_target(policy, question);
}

struct leader {
	const struct access_policy *policy; /* NULL: no policy is for those who ask */
	struct policy_verdict verdict;
};

/* Once one allows, another counts only for its name, or for the existing identity that it names. */
static bool cannot_lead(const struct access_policy *policy, const struct policy_question *question,
			const struct leader *leader)
{
	return leader->verdict.allowed && strcmp(policy->name, leader->policy->name) > 0 &&
	       (leader->verdict.existing_identity ||
		!policy_verdict_names_existing(&policy->allowance, question));
}

static bool comes_before(const struct access_policy *policy, const struct policy_verdict *verdict,
			 const struct leader *leader)
{
	if (!leader->policy)
		return true;
	if (verdict->allowed != leader->verdict.allowed)
		return verdict->allowed;
	if (verdict->existing_identity != leader->verdict.existing_identity)
		return verdict->existing_identity;
	if (policy_verdict_is_further(verdict, &leader->verdict))
		return true;
	return !policy_verdict_is_further(&leader->verdict, verdict) &&
	       strcmp(policy->name, leader->policy->name) < 0;
}

static void tell(const struct leader *leader, const struct policy_question *question,
		 struct policy_decision *decision)
{
	struct error refusal = {0};

	if (leader->policy) {
		decision->reason = leader->verdict.reason;
		policy_verdict_tell(&leader->verdict, &leader->policy->allowance, question,
				    &refusal);
	} else {
		decision->reason = "PolicyMissing";
		policy_verdict_tell_missing(question, &refusal);
	}
	memcpy(decision->text, refusal.text, sizeof(decision->text));
}

bool access_policies_decide(const struct access_policy *const *policies, size_t count,
			    const struct policy_question *question,
			    struct policy_decision *ret_decision)
{
	struct leader leader = {0};

	for (size_t i = 0; i < count; i++) {
		if (cannot_lead(policies[i], question, &leader) || !is_for(policies[i], question))
			continue;
		struct policy_verdict verdict =
			policy_verdict_find(&policies[i]->allowance, question);

		if (comes_before(policies[i], &verdict, &leader))
			leader = (struct leader){policies[i], verdict};
	}
	*ret_decision = (struct policy_decision){0};
	ret_decision->existing_identity = leader.verdict.existing_identity;
	if (!leader.verdict.allowed) {
		tell(&leader, question, ret_decision);
		return false;
	}
	ret_decision->policy = leader.policy->name;
	ret_decision->renew_at_percent = leader.policy->allowance.renew_at_percent;
	return true;
}

bool access_policies_are_for(const struct access_policy *const *policies, size_t count,
			     const struct policy_question *question,
			     struct policy_decision *ret_decision)
{
	*ret_decision = (struct policy_decision){0};
	for (size_t i = 0; i < count; i++)
		if (is_for(policies[i], question))
			return true;
	tell(&(struct leader){0}, question, ret_decision);
	return false;
}

static void judge_allowance(const struct access_policy *policy,
			    const struct policy_question *question, struct policy_opinion *opinion,
			    struct error *refusal)
{
	struct policy_verdict verdict = policy_verdict_find(&policy->allowance, question);
	const char *before = policy_verdict_field_before(&verdict);

	opinion->allowed = verdict.allowed;
	opinion->agreed = before ? before : "clusterProfiles";
	if (verdict.allowed)
		return;
	opinion->refused = policy_verdict_field(&verdict);
	opinion->reason = verdict.reason;
	policy_verdict_tell(&verdict, &policy->allowance, question, refusal);
}

void access_policy_judge(const struct access_policy *policy, const struct policy_question *question,
			 struct policy_opinion *ret_opinion)
{
	struct policy_opinion opinion = {.reason = "PolicyMissing"};
	struct error refusal = {0};

	if (!is_for_subject(policy, question)) {
		opinion.refused = "subjects";
		policy_verdict_tell_subjects(question, &refusal);
	} else if (!is_for_target(policy, question)) {
		opinion.agreed = "subjects";
		opinion.refused = "clusterProfiles";
		policy_verdict_tell_targets(question, &refusal);
	} else {
		opinion.reason = NULL;
		judge_allowance(policy, question, &opinion, &refusal);
	}
	memcpy(opinion.text, refusal.text, sizeof(opinion.text));
	*ret_opinion = opinion;
}
