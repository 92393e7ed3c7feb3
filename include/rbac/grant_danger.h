/* grant_danger.h - permissions that lead to other identities, nodes or control over the cluster.
 *
 * Pure. A fixed list, each with a stable name: a policy that wants to allow one says so by that
 * name, whatever its ceiling covers. Found through wildcards too; resourceNames make none harmless,
 * since names can be those that matter. */
#ifndef RBAC_GRANT_DANGER_H
#define RBAC_GRANT_DANGER_H

#include <stdbool.h>
#include <stdint.h>

struct error;
struct rule_set;

enum grant_danger {
	GRANT_DANGER_ANY_VERB,
	GRANT_DANGER_ANY_GROUP,
	GRANT_DANGER_ANY_RESOURCE, /* and any subresource of a name: every resource before "/scale"
				    */
	GRANT_DANGER_ESCALATE,
	GRANT_DANGER_BIND,
	GRANT_DANGER_IMPERSONATE,      /* and the constrained kinds: "impersonate:user-info" */
	GRANT_DANGER_TOKENS,           /* serviceaccounts/token */
	GRANT_DANGER_LIST_ALL_SECRETS, /* cluster-wide list, watch, and deletecollection: it answers
					* with what it deleted */
	GRANT_DANGER_NODES_PROXY,
	GRANT_DANGER_EXEC_ANYWHERE, /* cluster-wide pods/exec */
	GRANT_DANGER_ATTACH_ANYWHERE,
	GRANT_DANGER_EPHEMERAL_CONTAINERS_ANYWHERE,
	GRANT_DANGER_CSR_APPROVAL,
	GRANT_DANGER_SIGNERS,
	GRANT_DANGER_ADMISSION_WRITES, /* webhooks and admission policies */
	GRANT_DANGER_RBAC_WRITES,
	GRANT_DANGER_SECRET_WRITES, /* a Secret of the type for tokens gets one of any identity
				     * there; deleting an anchor ends another's token */
	GRANT_DANGER_SERVICE_ACCOUNT_WRITES, /* a name may have bindings already */
	GRANT_DANGER_URLS, /* all but reading the API's discovery, health and version */
	GRANT_DANGER_COUNT,
};

/* The name in policies: "rbac-writes". Static. */
const char *grant_danger_name(enum grant_danger danger);

/* False when no danger has that NAME (may be NULL). */
bool grant_danger_parse(const char *name, enum grant_danger *ret_danger);

/* The dangers that WANTED contains: 1 << enum grant_danger for each. */
uint32_t grant_danger_find(const struct rule_set *wanted);

/* False (ERROR_DENIED, naming the first in the order above) when WANTED contains a danger that is
 * not in ALLOWED, which is made like grant_danger_find()'s. */
bool grant_danger_accept(const struct rule_set *wanted, uint32_t allowed, struct error *err);

#endif
