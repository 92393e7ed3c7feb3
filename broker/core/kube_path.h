/* kube_path.h - which URL path an object, a list or a create has.
 *
 * Every part that comes from outside is escaped, or refused where the API server would read it
 * as another path. Pure; knows no server. */
#ifndef CORE_KUBE_PATH_H
#define CORE_KUBE_PATH_H

#include <stdbool.h>

struct error;

struct kube_resource {
	const char *group; /* "" for the core group */
	const char *version, *plural, *kind;
	bool namespaced;
};

extern const struct kube_resource KUBE_SECRETS;
extern const struct kube_resource KUBE_SERVICE_ACCOUNTS;
extern const struct kube_resource KUBE_NAMESPACES;
extern const struct kube_resource KUBE_ROLES;
extern const struct kube_resource KUBE_CLUSTER_ROLES;
extern const struct kube_resource KUBE_ROLE_BINDINGS;
extern const struct kube_resource KUBE_CLUSTER_ROLE_BINDINGS;
extern const struct kube_resource KUBE_EVENTS;
extern const struct kube_resource KUBE_SELF_SUBJECT_REVIEWS;
extern const struct kube_resource KUBE_SELF_SUBJECT_ACCESS_REVIEWS;
extern const struct kube_resource KUBE_SUBJECT_ACCESS_REVIEWS;
extern const struct kube_resource KUBE_ADMISSION_POLICIES;
extern const struct kube_resource KUBE_ADMISSION_BINDINGS;
extern const struct kube_resource KUBE_AUTH_TOKEN_REQUESTS;
extern const struct kube_resource KUBE_CLUSTER_PROFILES;
extern const struct kube_resource KUBE_ISSUED_CREDENTIALS;
extern const struct kube_resource KUBE_ACCESS_POLICIES;
extern const struct kube_resource KUBE_RBAC_TEMPLATES;

enum { KUBE_API_VERSION_SIZE = 64 };

/* "v1" or "group/version", as apiVersion fields say it. Returns RET_TEXT. */
const char *kube_resource_api_version(const struct kube_resource *resource,
				      char ret_text[KUBE_API_VERSION_SIZE]);

/* One object, or one of its subresources (SUBRESOURCE may be NULL). NAMESPACE is given for
 * namespaced kinds and is NULL or empty for the others. ERROR_INVALID for a name that is no path
 * segment and for a missing namespace. The path is the caller's. */
bool kube_path_object(const struct kube_resource *resource, const char *namespace, const char *name,
		      const char *subresource, char **ret_path, struct error *err);

/* All objects of one namespace; NULL, and never an empty text, means those of all namespaces. */
bool kube_path_list(const struct kube_resource *resource, const char *namespace, char **ret_path,
		    struct error *err);

/* Where an object is posted to; a namespaced kind needs its namespace. */
bool kube_path_create(const struct kube_resource *resource, const char *namespace, char **ret_path,
		      struct error *err);

/* Adds one query parameter, escaped. *PATH is replaced on success and as it was on failure. */
bool kube_path_add_query(char **path, const char *key, const char *value, struct error *err);

#endif
