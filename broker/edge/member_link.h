/* member_link.h - our line to one member: a client, and who answers there.
 *
 * Asks the member for its identity before it is used, again after a minute, and after every lost
 * call; tries again by itself while somebody wants it. */
#ifndef EDGE_MEMBER_LINK_H
#define EDGE_MEMBER_LINK_H

#include <stdbool.h>

#include "core/access_executor.h"
#include "delivery/cluster_facts.h"

struct error;
struct http_client;
struct loop;
struct member_access;
struct member_link;

struct member_link_config {
	struct http_client *http;
	struct loop *loop;
	bool loopback_allowed;
	/* The link's state became another. */
	void (*changed)(void *context, const char *profile_key);
	/* The access that leads to the member came, went, or is another. */
	void (*replaced)(void *context, const char *profile_key);
	/* The member does not take our identity; not told of a link that was retired. */
	void (*refused)(void *context, const char *profile_key);
	/* A link that was retired ends now. */
	void (*ended)(void *context, const struct member_link *link);
	void *context;
};

/* Copies what it needs of ACCESS. NULL with ERR set when no client can be made of it. */
struct member_link *member_link_new(const struct member_link_config *config,
				    const struct member_access *access, struct error *err);

/* The link ends when the last call in flight has ended; it tells nobody any more. */
void member_link_retire(struct member_link *link);
/* At once: calls in flight are dropped, and their DONE is never called. NULL is fine. */
void member_link_free(struct member_link *link);

/* What is known; asking makes the link find out. Borrowed until the next turn of the loop. */
struct member_facts member_link_facts(struct member_link *link);
/* Without asking: whether it answered last, and by how much its clock is ahead; false: not known.
 */
bool member_link_is_up(const struct member_link *link);
bool member_link_skew_ms(const struct member_link *link, int64_t *ret_ms);
const struct cluster_facts *member_link_cluster(const struct member_link *link);

void member_link_start(struct member_link *link, const struct kube_request *request,
		       kube_done *done, void *done_context);

#endif
