/* destinations.h - in which hub namespaces we may write Secrets, as far as asked.
 *
 * Nothing tells when RBAC changes, so an answer is believed for a time only. Many requests of a
 * namespace come at the same time: one of them asks, the others wait for its answer. */
#ifndef CORE_DESTINATIONS_H
#define CORE_DESTINATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/access_facts.h"

struct access;
struct destinations;

struct destinations *destinations_new(void);
/* NULL is fine. */
void destinations_free(struct destinations *destinations);

enum destination_state destinations_state(const struct destinations *destinations,
					  const char *namespace, int64_t now_ms);
void destinations_learn(struct destinations *destinations, const char *namespace, bool open,
			int64_t now_ms);

/* True when nobody is asking about the namespace: ACCESS is to do it, and to end the question
 * whatever comes of it. Else ACCESS, which is borrowed, waits until then. */
bool destinations_begin_question(struct destinations *destinations, const char *namespace,
				 struct access *access);

/* Who waited, one with each call; NULL when that was all, and the next one asks anew. */
struct access *destinations_end_question(struct destinations *destinations, const char *namespace);

#endif
