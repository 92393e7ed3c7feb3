/* event_recorder.h - posts Events on the hub, as far as that is possible.
 *
 * Best effort: never delays anything, drops what does not fit, and gives up on what is refused. */
#ifndef EDGE_EVENT_RECORDER_H
#define EDGE_EVENT_RECORDER_H

struct access_news;
struct clock;
struct event_recorder;
struct kube_client;
struct own_news;

/* CLIENT is the recorder's only user besides its own owner and must outlive it, as must
 * RECORD_NAMESPACE, where the records of requests are. */
struct event_recorder *event_recorder_new(struct kube_client *client, const struct clock *clock,
					  const char *record_namespace);
/* Events in flight are forgotten; the client must be freed first. NULL is fine. */
void event_recorder_free(struct event_recorder *recorder);

void event_recorder_post(struct event_recorder *recorder, const struct access_news *news);
/* About the member access Secret in NAMESPACE that NEWS names. */
void event_recorder_post_own(struct event_recorder *recorder, const char *namespace,
			     const struct own_news *news);

#endif
