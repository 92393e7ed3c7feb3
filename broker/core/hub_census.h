/* hub_census.h - asks the hub itself which requests and which records there are.
 *
 * What watches show may be old; what is about to be deleted on a member is held against this. */
#ifndef CORE_HUB_CENSUS_H
#define CORE_HUB_CENSUS_H

#include <stdbool.h>

#include "core/kube_call.h"

struct hub_census;
struct hub_state;

/* ENDED is called once, never before this returns, with WHOLE: both lists were read to their end.
 * NAMESPACE, of the records, is borrowed. The caller's. */
struct hub_census *hub_census_start(const struct kube_port *hub, const char *namespace,
				    void (*ended)(void *context, bool whole), void *context);
/* No call may be in flight any more. NULL is fine. */
void hub_census_free(struct hub_census *census);

/* There is a request of this UID, or a record of it. */
bool hub_census_knows(const struct hub_census *census, const char *request_uid);

/* False when SEEN, what watches show, has a request or a record that CENSUS lacks: then one of them
 * is short. */
bool hub_census_covers(const struct hub_census *census, const struct hub_state *seen);

#endif
