/* cluster_facts.h - where applications find a member, and whom they trust there. */
#ifndef DELIVERY_CLUSTER_FACTS_H
#define DELIVERY_CLUSTER_FACTS_H

#include <base/digest.h>

struct cluster_facts {
	const char *name;   /* for people: the ClusterProfile's */
	const char *server; /* https://host[:port][/prefix] */
	const char *ca_pem;
	const char *tls_server_name;    /* NULL: the server's host */
	char digest[DIGEST_SHORT_SIZE]; /* of all of these, by cluster_facts_seal() */
};

/* Computes the digest: once, because it is looked at often. */
void cluster_facts_seal(struct cluster_facts *facts);

#endif
