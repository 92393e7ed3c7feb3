/* cluster_facts.h - where applications find a member, and whom they trust there. */
#ifndef DELIVERY_CLUSTER_FACTS_H
#define DELIVERY_CLUSTER_FACTS_H

struct cluster_facts {
	const char *name;   /* for people: the ClusterProfile's */
	const char *server; /* https://host[:port][/prefix] */
	const char *ca_pem;
	const char *tls_server_name; /* NULL: the server's host */
};

#endif
