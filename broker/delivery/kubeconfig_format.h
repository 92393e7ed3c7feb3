/* kubeconfig_format.h - a credential as a kubeconfig: the one profile that every reader accepts.
 *
 * Pure: the same input gives the same bytes. Written as JSON, which is YAML, so that no value can
 * break out of its place. Inline CA and inline token only, as Kueue and Argo CD demand. */
#ifndef DELIVERY_KUBECONFIG_FORMAT_H
#define DELIVERY_KUBECONFIG_FORMAT_H

struct cluster_facts;
struct secret;

/* The caller's, released with secret_done(). */
struct secret kubeconfig_format(const struct cluster_facts *cluster, const struct secret *token);

#endif
