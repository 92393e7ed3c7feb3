/* template_manifest.h - the rights that the broker has to hold on a member to give what an
 * RBACTemplate says, as a manifest.
 *
 * A member's API server lets the broker grant what it holds. Values of parameters are not known
 * here: where they name objects or namespaces, the rights for all of them are printed. */
#ifndef BROKER_TEMPLATE_MANIFEST_H
#define BROKER_TEMPLATE_MANIFEST_H

#include <stdbool.h>

struct error;
struct json;

struct template_manifest {
	struct json *object; /* the RBACTemplate */
	char *name;          /* of the ClusterRole */
};

/* Reads FILE. ERROR_INVALID for what is no RBACTemplate, and for one that leaves groups, resources,
 * verbs or the names of existing roles to its parameters, or gives "*", escalate or impersonate,
 * which the broker never holds on a member. The caller's. */
bool template_manifest_read(const char *file, struct template_manifest *ret_manifest,
			    struct error *err);
void template_manifest_done(struct template_manifest *manifest);

/* Prints the ClusterRole on standard output. */
void template_manifest_print(const struct template_manifest *manifest);

#endif
