/* hub_connection.h - the client for the hub that the command line names. */
#ifndef BROKER_HUB_CONNECTION_H
#define BROKER_HUB_CONNECTION_H

#include <stdbool.h>

#include "core/kubeconfig.h"

struct error;
struct http_client;
struct hub_token;
struct kube_client;
struct loop;
struct options;

struct hub_connection {
	struct kube_endpoint endpoint;
	struct hub_token *token;
	struct kube_client *client;
	struct kube_client *lease_client; /* for the Lease alone: its calls wait for no others */
};

/* Reads the files and calls nobody. CONNECTION is zeroed, must stay where it is, and is to be
 * closed in any case. */
bool hub_connection_open(struct hub_connection *connection, const struct options *options,
			 struct http_client *http, struct loop *loop, struct error *err);
/* Fine when zeroed. Calls in flight end without an answer. */
void hub_connection_close(struct hub_connection *connection);

#endif
