/* watch_stream.h - cuts the bytes of a watch into events. Pure.
 *
 * Finds where each JSON object ends, at any split of the bytes, and judges nothing inside it. */
#ifndef CORE_WATCH_STREAM_H
#define CORE_WATCH_STREAM_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct watch_stream;

/* Gets one JSON object; BYTES are borrowed for the call and have no NUL behind them. Must not
 * feed or free the stream. False, with ERR set, stops the feeding. */
typedef bool watch_event(void *context, const char *bytes, size_t size, struct error *err);

/* EVENT_MAX is the cap of one event in bytes (WATCH_EVENT_MAX outside tests). */
struct watch_stream *watch_stream_new(size_t event_max);
/* NULL is fine. */
void watch_stream_free(struct watch_stream *stream);

/* Calls EVENT for each object that ends within these bytes, in order. ERROR_INVALID for anything
 * but white space between objects and for an event over the cap; EVENT's own error otherwise.
 * After a failure the stream refuses all further bytes. */
bool watch_stream_feed(struct watch_stream *stream, const char *bytes, size_t size,
		       watch_event *event, void *context, struct error *err);

#endif
