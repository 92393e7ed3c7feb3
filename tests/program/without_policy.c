/* Linked into one test program in place of the decision of access policies: everything is allowed,
 * so that what refuses is what stands behind policies. */
#include <stdbool.h>
#include <stddef.h>

#include <rbac/access_policy.h>

bool __wrap_access_policies_decide(const struct access_policy *const *policies, size_t count,
				   const struct policy_question *question,
				   struct policy_decision *ret_decision);

bool __wrap_access_policies_decide(const struct access_policy *const *policies, size_t count,
				   const struct policy_question *question,
				   struct policy_decision *ret_decision)
{
	(void)policies;
	(void)count;
	(void)question;
	*ret_decision = (struct policy_decision){.policy = "credbroker-without-policy"};
	return true;
}
