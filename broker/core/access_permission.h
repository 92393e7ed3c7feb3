/* access_permission.h - keeps what the policies say of an access up to date.
 *
 * Pure. Decides anew only when something changed that a decision rests on. */
#ifndef CORE_ACCESS_PERMISSION_H
#define CORE_ACCESS_PERMISSION_H

#include <stdint.h>

struct access;
struct access_settings;
struct hub_state;
struct request;

/* ROUND is another number whenever a policy, a namespace or a ClusterProfile changed. An access
 * that was undone for want of a permission starts over when it has one again. */
void access_permission_update(struct access *access, const struct request *request,
			      const struct hub_state *seen, const struct access_settings *settings,
			      uint64_t round);

#endif
