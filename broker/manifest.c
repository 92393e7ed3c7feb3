#include "manifest.h"

#include <stdio.h>
#include <string.h>

#include "core/admission_canary.h"
#include "core/lease_object.h"
#include "options.h"
#include "template_manifest.h"

/* Who the rights are for. */
struct subject {
	int namespace_size;
	const char *namespace; /* not ended by a NUL */
	const char *name;
};

static struct subject subject_of(const struct options *options)
{
	const char *slash = strchr(options->service_account, '/');

	return (struct subject){(int)(slash - options->service_account), options->service_account,
				slash + 1};
}

static void print_service_account(const struct subject *subject)
{
	printf("apiVersion: v1\n"
	       "kind: ServiceAccount\n"
	       "metadata:\n"
	       "  name: %s\n"
	       "  namespace: %.*s\n",
	       subject->name, subject->namespace_size, subject->namespace);
}

static void print_head(const char *kind, const char *name, const char *namespace)
{
	printf("---\n"
	       "apiVersion: rbac.authorization.k8s.io/v1\n"
	       "kind: %s\n"
	       "metadata:\n"
	       "  name: \"%s\"\n",
	       kind, name);
	if (namespace)
		printf("  namespace: %s\n", namespace);
	printf("  labels: {app.kubernetes.io/part-of: credbroker}\n");
}

static void print_binding(const char *name, const char *namespace, const char *role_kind,
			  const char *role, const struct subject *subject)
{
	print_head(namespace ? "RoleBinding" : "ClusterRoleBinding", name, namespace);
	printf("roleRef: {apiGroup: rbac.authorization.k8s.io, kind: %s, name: \"%s\"}\n"
	       "subjects:\n"
	       "- {kind: ServiceAccount, name: %s, namespace: %.*s}\n",
	       role_kind, role, subject->name, subject->namespace_size, subject->namespace);
}

static void print_bind_rule(const char *resource, const char *role)
{
	printf("- apiGroups: [rbac.authorization.k8s.io]\n"
	       "  resources: [%s]\n"
	       "  verbs: [bind]\n"
	       "  resourceNames: [\"%s\"]\n",
	       resource, role);
}

static void print_member_role(const struct options *options)
{
	print_head("ClusterRole", "credbroker-member", NULL);
	printf("rules:\n"
	       "# which cluster this is\n"
	       "- {apiGroups: [\"\"], resources: [namespaces], resourceNames: [kube-system], "
	       "verbs: [get]}\n"
	       "# roles and bindings of requests; the API server grants no more than we hold or "
	       "may bind.\n"
	       "# list and patch: the rules of templates change, and hand edits are put back\n"
	       "- apiGroups: [rbac.authorization.k8s.io]\n"
	       "  resources: [roles, rolebindings, clusterroles, clusterrolebindings]\n"
	       "  verbs: [get, list, create, patch, delete]\n");
	for (size_t i = 0; i < options->may_bind.count; i++)
		if (!strchr(options->may_bind.items[i], '/'))
			print_bind_rule("clusterroles", options->may_bind.items[i]);
}

/* A Role that may be bound in its namespace. */
static void print_may_bind(const char *role, const struct subject *subject)
{
	const char *slash = strchr(role, '/');
	char namespace[64];
	char name[300];

	snprintf(namespace, sizeof(namespace), "%.*s", (int)(slash - role), role);
	snprintf(name, sizeof(name), "credbroker-may-bind:%s", slash + 1);
	print_head("Role", name, namespace);
	printf("rules:\n");
	print_bind_rule("roles", slash + 1);
	print_binding(name, namespace, "Role", name, subject);
}

static void print_identity_namespace(const char *namespace, const struct subject *subject)
{
	print_head("Role", "credbroker-identities", namespace);
	printf("rules:\n"
	       "- {apiGroups: [\"\"], resources: [serviceaccounts], verbs: [get, list, "
	       "create, patch, delete]}\n"
	       "- {apiGroups: [\"\"], resources: [serviceaccounts/token], verbs: [create]}\n"
	       "# the anchors that tokens are bound to; they hold no data and are never read\n"
	       "- {apiGroups: [\"\"], resources: [secrets], verbs: [create, delete]}\n");
	print_binding("credbroker-identities", namespace, "Role", "credbroker-identities", subject);
}

/* A ServiceAccount that is not ours. Anchors have names that nobody knows before. */
static void print_existing_account(const char *account, const struct subject *subject)
{
	const char *slash = strchr(account, '/');
	char namespace[64];
	char name[300];

	snprintf(namespace, sizeof(namespace), "%.*s", (int)(slash - account), account);
	snprintf(name, sizeof(name), "credbroker-existing:%s", slash + 1);
	print_head("Role", name, namespace);
	printf("rules:\n"
	       "- {apiGroups: [\"\"], resources: [serviceaccounts], resourceNames: [\"%s\"], "
	       "verbs: [get]}\n"
	       "- {apiGroups: [\"\"], resources: [serviceaccounts/token], resourceNames: [\"%s\"], "
	       "verbs: [create]}\n"
	       "# the anchors that tokens are bound to; they hold no data and are never read\n"
	       "- {apiGroups: [\"\"], resources: [secrets], verbs: [create, delete]}\n",
	       slash + 1, slash + 1);
	print_binding(name, namespace, "Role", name, subject);
}

/* Its own tokens, so that a kubeconfig that was made by hand is used once. */
static void print_own_credential(const struct subject *subject)
{
	char namespace[64];

	snprintf(namespace, sizeof(namespace), "%.*s", subject->namespace_size, subject->namespace);
	print_head("Role", "credbroker-own", namespace);
	printf("rules:\n"
	       "- {apiGroups: [\"\"], resources: [serviceaccounts/token], resourceNames: [\"%s\"], "
	       "verbs: [create]}\n"
	       "# the anchors that they are bound to; they hold no data and are never read\n"
	       "- {apiGroups: [\"\"], resources: [secrets], verbs: [create, delete]}\n",
	       subject->name);
	print_binding("credbroker-own", namespace, "Role", "credbroker-own", subject);
}

static void print_member(const struct options *options)
{
	struct subject subject = subject_of(options);

	print_service_account(&subject);
	print_member_role(options);
	print_binding("credbroker-member", NULL, "ClusterRole", "credbroker-member", &subject);
	print_own_credential(&subject);
	for (size_t i = 0; i < options->may_grant.count; i++) {
		char name[300];

		snprintf(name, sizeof(name), "credbroker-may-grant:%s",
			 options->may_grant.items[i]);
		print_binding(name, NULL, "ClusterRole", options->may_grant.items[i], &subject);
	}
	for (size_t i = 0; i < options->may_bind.count; i++)
		if (strchr(options->may_bind.items[i], '/'))
			print_may_bind(options->may_bind.items[i], &subject);
	for (size_t i = 0; i < options->identity_namespaces.count; i++)
		print_identity_namespace(options->identity_namespaces.items[i], &subject);
	for (size_t i = 0; i < options->existing_accounts.count; i++)
		print_existing_account(options->existing_accounts.items[i], &subject);
}

static void templates_done(struct template_manifest *templates, size_t count)
{
	for (size_t i = 0; i < count; i++)
		template_manifest_done(&templates[i]);
}

bool manifest_print_member(const struct options *options, struct error *err)
{
	struct template_manifest templates[OPTION_LIST_MAX] = {{0}};
	struct subject subject = subject_of(options);
	size_t count = 0;

	while (count < options->templates.count &&
	       template_manifest_read(options->templates.items[count], &templates[count], err))
		count++;
	if (count < options->templates.count) {
		templates_done(templates, count);
		return false;
	}
	print_member(options);
	for (size_t i = 0; i < count; i++) {
		template_manifest_print(&templates[i]);
		print_binding(templates[i].name, NULL, "ClusterRole", templates[i].name, &subject);
	}
	templates_done(templates, count);
	return true;
}

static void print_hub_role(void)
{
	print_head("ClusterRole", "credbroker-hub", NULL);
	printf("rules:\n"
	       "- apiGroups: [multicluster.x-k8s.io]\n"
	       "  resources: [authtokenrequests]\n"
	       "  verbs: [get, list, watch, patch]\n"
	       "# means: this is the broker. The admission policies ask for it\n"
	       "- {apiGroups: [multicluster.x-k8s.io], resources: [authtokenrequests], verbs: "
	       "[issue]}\n"
	       "- {apiGroups: [multicluster.x-k8s.io], resources: [authtokenrequests/status], "
	       "verbs: [patch]}\n"
	       "- {apiGroups: [multicluster.x-k8s.io], resources: [clusterprofiles], verbs: [get, "
	       "list, watch]}\n"
	       "# what policies decide on\n"
	       "- {apiGroups: [credbroker.dev], resources: [accesspolicies, "
	       "rbactemplates], verbs: [get, list, watch]}\n"
	       "- {apiGroups: [\"\"], resources: [namespaces], verbs: [get, list, watch]}\n"
	       "# since when admission policies are in force, and what a requester still may\n"
	       "- apiGroups: [admissionregistration.k8s.io]\n"
	       "  resources: [validatingadmissionpolicies, validatingadmissionpolicybindings]\n"
	       "  verbs: [get]\n"
	       "  resourceNames: [" ADMISSION_POLICY ", " ADMISSION_OWN_FIELDS "]\n"
	       "- {apiGroups: [authorization.k8s.io], resources: [subjectaccessreviews], verbs: "
	       "[create]}\n"
	       "- {apiGroups: [events.k8s.io], resources: [events], verbs: [create]}\n");
}

static void print_own_namespace(const char *namespace, const struct subject *subject)
{
	print_head("Role", "credbroker-ledger", namespace);
	printf("rules:\n"
	       "- apiGroups: [credbroker.dev]\n"
	       "  resources: [issuedcredentials]\n"
	       "  verbs: [get, list, watch, create, update, delete]\n"
	       "# which of several brokers works\n"
	       "- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [create]}\n"
	       "- {apiGroups: [coordination.k8s.io], resources: [leases], resourceNames: "
	       "[" LEASE_NAME "], verbs: [get, update]}\n"
	       "# member access, and the broker's own credentials on members\n"
	       "- {apiGroups: [\"\"], resources: [secrets], verbs: [get, list, watch, create, "
	       "update, delete]}\n"
	       "# the hub id and the hub's key\n"
	       "- {apiGroups: [\"\"], resources: [configmaps], verbs: [create]}\n"
	       "- {apiGroups: [\"\"], resources: [configmaps], resourceNames: "
	       "[credbroker-hub, credbroker-hub-key], verbs: [get]}\n"
	       "# dry runs that prove the admission policies\n"
	       "- {apiGroups: [multicluster.x-k8s.io], resources: [authtokenrequests], verbs: "
	       "[create]}\n"
	       "- {apiGroups: [multicluster.x-k8s.io], resources: [clusterprofiles], "
	       "resourceNames: [" ADMISSION_PROFILE "], verbs: [request-token]}\n");
	print_binding("credbroker-ledger", namespace, "Role", "credbroker-ledger", subject);
}

static void print_delivery_namespace(const char *namespace, const struct subject *subject)
{
	print_head("Role", "credbroker-deliveries", namespace);
	printf("rules:\n"
	       "- {apiGroups: [\"\"], resources: [secrets], verbs: [get, create, patch, "
	       "delete]}\n");
	print_binding("credbroker-deliveries", namespace, "Role", "credbroker-deliveries", subject);
}

void manifest_print_hub(const struct options *options)
{
	struct subject subject = subject_of(options);
	char namespace[64];

	snprintf(namespace, sizeof(namespace), "%.*s", subject.namespace_size, subject.namespace);
	print_service_account(&subject);
	print_hub_role();
	print_binding("credbroker-hub", NULL, "ClusterRole", "credbroker-hub", &subject);
	print_own_namespace(namespace, &subject);
	for (size_t i = 0; i < options->namespaces.count; i++)
		print_delivery_namespace(options->namespaces.items[i], &subject);
}
