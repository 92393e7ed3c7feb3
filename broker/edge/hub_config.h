/* hub_config.h - how this process reaches the hub: a kubeconfig file, or the pod's own identity.
 *
 * Reads files that the operator named; nothing here ever comes from a tenant or a member. */
#ifndef EDGE_HUB_CONFIG_H
#define EDGE_HUB_CONFIG_H

#include <stdbool.h>

#include "core/kubeconfig.h"

struct clock;
struct error;
struct hub_token;

#define HUB_CONFIG_POD_DIRECTORY "/var/run/secrets/kubernetes.io/serviceaccount"

/* From a kubeconfig FILE. ERROR_INVALID says which file or field, and what to write instead. */
bool hub_config_read_file(const char *file, struct kube_endpoint *ret_endpoint, struct error *err);

/* From KUBERNETES_SERVICE_HOST and _PORT, and `token` and `ca.crt` in DIRECTORY (kube-semantics
 * K-04). */
bool hub_config_read_pod(const char *directory, struct kube_endpoint *ret_endpoint,
			 struct error *err);

/* True when DIRECTORY holds another readable CA than the one that ENDPOINT was read with. */
bool hub_config_pod_ca_changed(const char *directory, const struct kube_endpoint *endpoint);

/* The token in ENDPOINT's token file, read again each minute and when the hub refuses it; an empty
 * or unreadable file leaves the last good one in use. NULL when ENDPOINT names no token file. */
struct hub_token *hub_token_new(const struct kube_endpoint *endpoint, const struct clock *clock);
/* NULL is fine. */
void hub_token_free(struct hub_token *token);
/* Reads the file now. ERROR_INVALID names a file that cannot be read or holds no token. */
bool hub_token_read(struct hub_token *token, struct error *err);
/* As kube_client_config.token asks; CONTEXT is the struct hub_token. */
const struct secret *hub_token_current(void *context, bool expired);

#endif
