/* lease_object.h - the Lease by which brokers agree who works: what it says, and what is written.
 *
 * Pure. Its times are texts that are compared and never read: whose clock wrote them is not known.
 * Whatever else others keep in it stays. */
#ifndef CORE_LEASE_OBJECT_H
#define CORE_LEASE_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

struct json;

#define LEASE_NAME "credbroker"

struct lease_terms {
	const char *holder; /* "": nobody */
	int64_t duration_s;
	int64_t transitions; /* how often the holder was another one */
	bool taken;          /* the holder has it from now on */
};

/* Nobody: "". Borrowed. LEASE may be NULL, here and below. */
const char *lease_object_holder(const struct json *lease);
/* As it says itself, between a second and an hour; DEFAULT_MS when it does not say. */
int64_t lease_object_duration_ms(const struct json *lease, int64_t default_ms);
int64_t lease_object_transitions(const struct json *lease);
/* True when nobody has written its spec in between. */
bool lease_object_is_unchanged(const struct json *before, const struct json *lease);

/* LEASE (NULL: a new one in NAMESPACE) as it is to be written at NOW_US, wall time. The caller's.
 */
struct json *lease_object_render(const struct json *lease, const char *namespace,
				 const struct lease_terms *terms, int64_t now_us);

#endif
