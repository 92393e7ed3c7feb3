/* explanation.h - what would be decided on a request, and made for it on its member.
 *
 * Pure, and by the same functions as the controller. It tells how far each policy goes along, so it
 * is for those who may read policies. What nobody can know before the request is served stands
 * there as a fixed value, and a note says so. */
#ifndef CORE_EXPLANATION_H
#define CORE_EXPLANATION_H

#include <stddef.h>

struct access_settings;
struct error;
struct hub_state;
struct json;

/* In place of the UID that a request gets when it is created. */
#define EXPLANATION_NO_UID "00000000-0000-0000-0000-000000000000"
/* In place of the name of a hub that was not asked. */
#define EXPLANATION_NO_HUB_ID "hub-id-not-known"

struct explanation_basis {
	const struct hub_state *seen;
	const struct access_settings *settings;
	const char *username; /* who asks; NULL: whom the request says, or nobody */
	const char *const *groups;
	size_t group_count;
};

/* For OBJECT, an AuthTokenRequest, of which a UID may be missing:
 *
 *	{"request", "clusterProfile", "requester", "allowed", "policy", "reason", "message",
 *	 "policies": [{"name", "allowed", "agrees", "refuses", "reason", "message"}],
 *	 "objects": [...], "tokenRequest": {...}, "renewAtPercent", "notes": ["..."]}
 *
 * "allowed" means that the request would be served, as far as can be told from the hub; else
 *"reason" and "message" are those of its condition. NULL (ERROR_INVALID) without namespace or name.
 *The caller's. */
struct json *explanation_render(const struct explanation_basis *basis, const struct json *object,
				struct error *err);

#endif
