/* destinations.h - in which hub namespaces we may write Secrets, as far as asked.
 *
 * Nothing tells when RBAC changes, so an answer is believed for a time only. */
#ifndef CORE_DESTINATIONS_H
#define CORE_DESTINATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/access_facts.h"

struct destinations;

struct destinations *destinations_new(void);
/* NULL is fine. */
void destinations_free(struct destinations *destinations);

enum destination_state destinations_state(const struct destinations *destinations,
					  const char *namespace, int64_t now_ms);
void destinations_learn(struct destinations *destinations, const char *namespace, bool open,
			int64_t now_ms);

#endif
