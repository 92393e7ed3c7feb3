/* event.h - an events.k8s.io/v1 Event about a request, as JSON. Pure.
 *
 * Keeps to the rules by which the API server refuses Events (kube-semantics EV-01). */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include <stdint.h>

struct access_news;
struct json;

/* What an Event is about, and what it says. Borrowed. */
struct event_content {
	const char *api_version, *kind, *namespace, *name, *uid;
	const char *type, *action, *reason, *message;
};

/* INSTANCE names this process; WALL_US makes the name unique. When the request is gone the Event is
 * about its record, in RECORD_NAMESPACE. The caller's. */
struct json *event_render(const struct access_news *news, const char *record_namespace,
			  const char *instance, int64_t wall_us);
struct json *event_render_content(const struct event_content *content, const char *instance,
				  int64_t wall_us);

#endif
