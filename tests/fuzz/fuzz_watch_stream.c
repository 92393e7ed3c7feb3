/* The same events come out however the bytes are split. The first byte chooses the split. */
#include <base/error.h>
#include <base/text.h>

#include "broker/core/watch_stream.h"
#include "tests/fuzz/fuzz.h"

enum { EVENT_MAX = 200, SEEN_MAX = 1 << 20 };

struct seen {
	struct text events; /* each with a separator behind it */
	size_t count;
};

static bool keep(void *context, const char *bytes, size_t size, struct error *err)
{
	struct seen *seen = context;

	(void)err;
	require(size >= 2 && size <= EVENT_MAX && bytes[0] == '{');
	text_append_bytes(&seen->events, bytes, size);
	text_append_bytes(&seen->events, "", 1);
	seen->count++;
	return true;
}

static bool feed_in_pieces(const char *bytes, size_t size, size_t piece, struct seen *seen)
{
	struct watch_stream *stream = watch_stream_new(EVENT_MAX);
	struct error err = {0};
	bool ok = true;

	for (size_t at = 0; ok && at < size; at += piece)
		ok = watch_stream_feed(stream, bytes + at, piece < size - at ? piece : size - at,
				       keep, seen, &err);
	require(ok == (err.kind == ERROR_NONE));
	watch_stream_free(stream);
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole = {.events = text_with_max(SEEN_MAX)};
	struct seen pieces = {.events = text_with_max(SEEN_MAX)};

	if (size < 2)
		return 0;
	const char *bytes = (const char *)data + 1;
	bool ok = feed_in_pieces(bytes, size - 1, size, &whole);
	require(feed_in_pieces(bytes, size - 1, (size_t)data[0] + 1, &pieces) == ok);
	require(whole.count == pieces.count);
	require(text_same(text_chars(&whole.events), text_chars(&pieces.events)));
	text_done(&whole.events);
	text_done(&pieces.events);
	return 0;
}
