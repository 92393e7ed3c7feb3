#include "hub_connection.h"

#include <base/error.h>
#include <base/limits.h>

#include "edge/hub_config.h"
#include "edge/kube_client.h"
#include "edge/loop.h"
#include "options.h"

enum { CALLS_MAX = 16, LEASE_CALLS_MAX = 2 };

static bool read_endpoint(struct hub_connection *connection, const struct options *options,
			  struct error *err)
{
	if (options->kubeconfig)
		return hub_config_read_file(options->kubeconfig, &connection->endpoint, err);
	return hub_config_read_pod(options->pod_directory, &connection->endpoint, err);
}

static struct kube_client *open_client(const struct hub_connection *connection,
				       struct http_client *http, struct loop *loop, bool for_lease,
				       struct error *err)
{
	return kube_client_new(http, loop,
			       &(struct kube_client_config){
				       .endpoint = &connection->endpoint,
				       .calls_max = for_lease ? LEASE_CALLS_MAX : CALLS_MAX,
				       .body_max = HTTP_BODY_MAX,
				       .loopback_allowed = true,
				       .beyond_fence = for_lease,
				       .token = connection->token ? hub_token_current : NULL,
				       .token_context = connection->token,
			       },
			       err);
}

bool hub_connection_open(struct hub_connection *connection, const struct options *options,
			 struct http_client *http, struct loop *loop, struct error *err)
{
	if (!read_endpoint(connection, options, err))
		return false;
	connection->token = hub_token_new(&connection->endpoint, loop_clock(loop));
	if (connection->token && !hub_token_read(connection->token, err))
		return false;
	connection->client = open_client(connection, http, loop, false, err);
	if (connection->client)
		connection->lease_client = open_client(connection, http, loop, true, err);
	return connection->lease_client != NULL;
}

void hub_connection_close(struct hub_connection *connection)
{
	kube_client_free(connection->lease_client);
	kube_client_free(connection->client);
	hub_token_free(connection->token);
	kube_endpoint_done(&connection->endpoint);
	*connection = (struct hub_connection){0};
}
