/* cluster_profile.h - a ClusterProfile as the broker sees it: that it is there, and what policies
 * and templates may ask of it. Pure. */
#ifndef CORE_CLUSTER_PROFILE_H
#define CORE_CLUSTER_PROFILE_H

struct error;
struct json;

struct cluster_profile {
	char *uid;
	char *manager;           /* spec.clusterManager.name; NULL: none */
	struct json *labels;     /* NULL: none */
	struct json *properties; /* status.properties; NULL: none */
};

/* NULL (ERROR_INVALID) without a UID. The caller's. */
struct cluster_profile *cluster_profile_read(const struct json *object, struct error *err);
/* NULL is fine. Takes void * so that it serves as a store's destructor. */
void cluster_profile_free(void *profile);

#endif
