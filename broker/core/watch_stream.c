#include "core/watch_stream.h"

#include <base/error.h>
#include <base/memory.h>
#include <base/text.h>

struct watch_stream {
	struct text begun; /* the part of an event that came with earlier bytes */
	size_t event_max;
	size_t depth; /* of brackets; 0 between events */
	bool in_string;
	bool escaped; /* the next character of the string is */
	bool broken;
};

struct watch_stream *watch_stream_new(size_t event_max)
{
	struct watch_stream *stream = memory_new(sizeof(*stream));

	stream->event_max = event_max;
	stream->begun = text_with_max(event_max);
	return stream;
}

void watch_stream_free(struct watch_stream *stream)
{
	if (!stream)
		return;
	text_done(&stream->begun);
	memory_free(stream);
}

static void step_in_string(struct watch_stream *stream, char c)
{
	if (stream->escaped)
		stream->escaped = false;
	else if (c == '\\')
		stream->escaped = true;
	else if (c == '"')
		stream->in_string = false;
}

static void step_outside_string(struct watch_stream *stream, char c)
{
	if (c == '"')
		stream->in_string = true;
	else if (c == '{' || c == '[')
		stream->depth++;
	else if (c == '}' || c == ']')
		stream->depth--;
}

/* The size of the part of BYTES up to the end of the event, or SIZE when it does not end here. */
static size_t step_to_end(struct watch_stream *stream, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (stream->in_string)
			step_in_string(stream, bytes[i]);
		else
			step_outside_string(stream, bytes[i]);
		if (stream->depth == 0)
			return i + 1;
	}
	return size;
}

static size_t skip_blanks(const char *bytes, size_t size)
{
	size_t i = 0;

	while (i < size &&
	       (bytes[i] == '\n' || bytes[i] == '\r' || bytes[i] == ' ' || bytes[i] == '\t'))
		i++;
	return i;
}

/* An event that came in one piece is not copied. */
static bool deliver(struct watch_stream *stream, const char *bytes, size_t size, watch_event *event,
		    void *context, struct error *err)
{
	if (stream->begun.size == 0)
		return size <= stream->event_max ? event(context, bytes, size, err)
						 : error_set(err, ERROR_INVALID,
							     "watch event is longer than %zu bytes",
							     stream->event_max);

	text_append_bytes(&stream->begun, bytes, size);
	if (!text_ok(&stream->begun, "watch event", err))
		return false;
	bool ok = event(context, text_chars(&stream->begun), stream->begun.size, err);
	text_done(&stream->begun);
	return ok;
}

static bool feed(struct watch_stream *stream, const char *bytes, size_t size, watch_event *event,
		 void *context, struct error *err)
{
	size_t at = 0;

	while (at < size) {
		if (stream->depth == 0) {
			at += skip_blanks(bytes + at, size - at);
			if (at == size)
				return true;
			if (bytes[at] != '{')
				return error_set(err, ERROR_INVALID,
						 "garbage between watch events");
		}

		size_t part = step_to_end(stream, bytes + at, size - at);
		if (stream->depth == 0) {
			if (!deliver(stream, bytes + at, part, event, context, err))
				return false;
		} else {
			text_append_bytes(&stream->begun, bytes + at, part);
			if (!text_ok(&stream->begun, "watch event", err))
				return false;
		}
		at += part;
	}
	return true;
}

bool watch_stream_feed(struct watch_stream *stream, const char *bytes, size_t size,
		       watch_event *event, void *context, struct error *err)
{
	if (stream->broken)
		return error_set(err, ERROR_INVALID, "watch stream is broken");
	stream->broken = !feed(stream, bytes, size, event, context, err);
	return !stream->broken;
}
