#include "core/kube_path.h"

#include <stdio.h>
#include <string.h>

#include <base/error.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#define RBAC         "rbac.authorization.k8s.io"
#define MULTICLUSTER "multicluster.x-k8s.io"

const struct kube_resource KUBE_SECRETS = {"", "v1", "secrets", "Secret", true};
const struct kube_resource KUBE_SERVICE_ACCOUNTS = {"", "v1", "serviceaccounts", "ServiceAccount",
						    true};
const struct kube_resource KUBE_NAMESPACES = {"", "v1", "namespaces", "Namespace", false};
const struct kube_resource KUBE_ROLES = {RBAC, "v1", "roles", "Role", true};
const struct kube_resource KUBE_CLUSTER_ROLES = {RBAC, "v1", "clusterroles", "ClusterRole", false};
const struct kube_resource KUBE_ROLE_BINDINGS = {RBAC, "v1", "rolebindings", "RoleBinding", true};
const struct kube_resource KUBE_CLUSTER_ROLE_BINDINGS = {RBAC, "v1", "clusterrolebindings",
							 "ClusterRoleBinding", false};
const struct kube_resource KUBE_EVENTS = {"events.k8s.io", "v1", "events", "Event", true};
const struct kube_resource KUBE_SELF_SUBJECT_REVIEWS = {
	"authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", false};
const struct kube_resource KUBE_SELF_SUBJECT_ACCESS_REVIEWS = {
	"authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", false};
const struct kube_resource KUBE_SUBJECT_ACCESS_REVIEWS = {
	"authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", false};
const struct kube_resource KUBE_ADMISSION_POLICIES = {"admissionregistration.k8s.io", "v1",
						      "validatingadmissionpolicies",
						      "ValidatingAdmissionPolicy", false};
const struct kube_resource KUBE_ADMISSION_BINDINGS = {"admissionregistration.k8s.io", "v1",
						      "validatingadmissionpolicybindings",
						      "ValidatingAdmissionPolicyBinding", false};
const struct kube_resource KUBE_AUTH_TOKEN_REQUESTS = {
	MULTICLUSTER, "v1alpha1", "authtokenrequests", "AuthTokenRequest", true};
const struct kube_resource KUBE_CLUSTER_PROFILES = {MULTICLUSTER, "v1alpha1", "clusterprofiles",
						    "ClusterProfile", true};
const struct kube_resource KUBE_ISSUED_CREDENTIALS = {
	"credbroker.dev", "v1alpha1", "issuedcredentials", "IssuedCredential", true};
const struct kube_resource KUBE_ACCESS_POLICIES = {"credbroker.dev", "v1alpha1", "accesspolicies",
						   "AccessPolicy", false};
const struct kube_resource KUBE_RBAC_TEMPLATES = {"credbroker.dev", "v1alpha1", "rbactemplates",
						  "RBACTemplate", false};

const char *kube_resource_api_version(const struct kube_resource *resource,
				      char ret_text[KUBE_API_VERSION_SIZE])
{
	const char *slash = resource->group[0] ? "/" : "";

	snprintf(ret_text, KUBE_API_VERSION_SIZE, "%s%s%s", resource->group, slash,
		 resource->version);
	return ret_text;
}

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

static void append_escaped(struct text *text, const char *chars)
{
	for (; *chars; chars++) {
		if (is_unreserved(*chars))
			text_append_bytes(text, chars, 1);
		else
			text_appendf(text, "%%%02X", (unsigned)(unsigned char)*chars);
	}
}

/* The rules of the API server for path segments (kube-semantics B-09): an escaped slash or a dot
 * segment would be read as another path. */
static bool append_segment(struct text *path, const char *what, const char *segment,
			   struct error *err)
{
	if (text_is_empty(segment))
		return error_set(err, ERROR_INVALID, "%s is empty", what);
	if (strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0 || strpbrk(segment, "/%"))
		return error_set(err, ERROR_INVALID, "%s cannot be part of a path", what);
	text_append(path, "/");
	append_escaped(path, segment);
	return true;
}

static void append_root(struct text *path, const struct kube_resource *resource)
{
	if (resource->group[0])
		text_appendf(path, "/apis/%s/%s", resource->group, resource->version);
	else
		text_appendf(path, "/api/%s", resource->version);
}

/* ".../namespaces/NAMESPACE/PLURAL" or ".../PLURAL". */
static bool append_collection(struct text *path, const struct kube_resource *resource,
			      const char *namespace, struct error *err)
{
	append_root(path, resource);
	if (resource->namespaced) {
		text_append(path, "/namespaces");
		if (!append_segment(path, "namespace", namespace, err))
			return false;
	} else if (!text_is_empty(namespace)) {
		return error_set(err, ERROR_INVALID, "%s has no namespace", resource->kind);
	}
	text_appendf(path, "/%s", resource->plural);
	return true;
}

static bool hand_over(struct text *path, char **ret_path, struct error *err)
{
	if (!text_ok(path, "path", err))
		return false;
	*ret_path = text_take(path);
	return true;
}

bool kube_path_object(const struct kube_resource *resource, const char *namespace, const char *name,
		      const char *subresource, char **ret_path, struct error *err)
{
	cleanup_text struct text path = text_with_max(HTTP_PATH_MAX);

	return append_collection(&path, resource, namespace, err) &&
	       append_segment(&path, "name", name, err) &&
	       (!subresource || append_segment(&path, "subresource", subresource, err)) &&
	       hand_over(&path, ret_path, err);
}

bool kube_path_list(const struct kube_resource *resource, const char *namespace, char **ret_path,
		    struct error *err)
{
	cleanup_text struct text path = text_with_max(HTTP_PATH_MAX);

	if (namespace)
		return kube_path_create(resource, namespace, ret_path, err);
	append_root(&path, resource);
	text_appendf(&path, "/%s", resource->plural);
	return hand_over(&path, ret_path, err);
}

bool kube_path_create(const struct kube_resource *resource, const char *namespace, char **ret_path,
		      struct error *err)
{
	cleanup_text struct text path = text_with_max(HTTP_PATH_MAX);

	return append_collection(&path, resource, namespace, err) &&
	       hand_over(&path, ret_path, err);
}

bool kube_path_add_query(char **path, const char *key, const char *value, struct error *err)
{
	cleanup_text struct text longer = text_with_max(HTTP_PATH_MAX);
	char *result;

	text_append(&longer, *path);
	text_append(&longer, strchr(*path, '?') ? "&" : "?");
	append_escaped(&longer, key);
	text_append(&longer, "=");
	append_escaped(&longer, value);
	if (!hand_over(&longer, &result, err))
		return false;
	memory_free(*path);
	*path = result;
	return true;
}
