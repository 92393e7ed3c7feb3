#include "delivery/cluster_facts.h"

#include <stddef.h>

void cluster_facts_seal(struct cluster_facts *facts)
{
	const char *const fields[] = {
		"cluster",
		facts->name,
		facts->server,
		facts->ca_pem,
		facts->tls_server_name ? facts->tls_server_name : "",
		NULL,
	};

	digest_short(fields, facts->digest);
}
