/* grant_policy.h - is every right that is wanted within a ceiling?
 *
 * Pure. The answer is that of the escalation check of Kubernetes 1.36, for a user who holds the
 * ceiling and neither `escalate` nor system:masters: one right is one group, resource, verb and
 * name (or URL and verb), and one rule of the ceiling must cover it alone, though different rules
 * may cover different rights of one rule.
 *
 * - "*" as a verb or group is covered by "*" only, however much is written out.
 * - The resource "*" covers subresources too; "*" before a slash covers that subresource of every
 *   resource. "pods" covers no subresource of pods and "pods/..." covers no pods.
 * - No resourceNames means every name, so that a ceiling with names never covers a rule without.
 * - A URL that ends in "*" covers every URL, written with "*" or not, that begins with what is
 *   before its trailing stars.
 * - Rules for the whole cluster cover wants in a namespace; rules for a namespace cover wants in
 *   that namespace alone.
 *
 * What the authorizer would do comes to the same or is wider: it sees requests, for which all
 * verbs written out are as good as "*".
 *
 * Cost: each word of the wanted set is looked up once (by bisection; URLs one by one) in the rules
 * of the ceiling that cover some of the words before it, the group first, so in few. Then each
 * right costs RULE_SET_RULES_MAX / 64 machine words. With the caps of base/limits.h that is at most
 * 4096 * 256 lookups or 4096 * 4096 comparisons of URLs, and 65536 * 4 words. */
#ifndef RBAC_GRANT_POLICY_H
#define RBAC_GRANT_POLICY_H

#include <stdbool.h>

struct error;
struct rule_set;

/* One right; borrowed from the set that it was found in. A resource right has no url and the other
 * way round; no name means every name, no namespace_name the whole cluster. */
struct grant_right {
	const char *namespace_name;
	const char *group;
	const char *resource;
	const char *name;
	const char *url;
	const char *verb;
};

/* True when CEILING leaves a right of WANTED uncovered: the first in the order of its rules, within
 * a rule by group, resource, name and verb, each in the order of bytes. */
bool grant_policy_find_gap(const struct rule_set *ceiling, const struct rule_set *wanted,
			   struct grant_right *ret_gap);

/* False (ERROR_DENIED) when there is a gap, in words: "verbs [create delete] on
 * clusterroles.rbac.authorization.k8s.io in the whole cluster", with all uncovered verbs there. */
bool grant_policy_covers(const struct rule_set *ceiling, const struct rule_set *wanted,
			 struct error *err);

#endif
