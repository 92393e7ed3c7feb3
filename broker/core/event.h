/* event.h - an events.k8s.io/v1 Event about a request, or its record, as JSON. Pure.
 *
 * Keeps to the rules by which the API server refuses Events (kube-semantics EV-01). */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include <stdint.h>

struct access_news;
struct json;

/* INSTANCE names this process; WALL_US makes the name unique. When the request is gone the Event is
 * about its record, in RECORD_NAMESPACE. The caller's. */
struct json *event_render(const struct access_news *news, const char *record_namespace,
			  const char *instance, int64_t wall_us);
/* The namespace that the Event is to be in. The caller's. */
char *event_namespace(const struct access_news *news, const char *record_namespace);

#endif
