#include "bare_reader.h"

#include <jansson.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/json_text.h>
#include <base/memory.h>
#include <base/text.h>

enum { EVENT_MAX = 1 << 20 };

bool bare_reader_parse(const char *bytes, size_t size)
{
	size_t left_size = size;
	cleanup_free char *left = json_text_without_managed_fields(bytes, size, &left_size);
	json_t *tree = json_loadb(left ? left : bytes, left_size, JSON_REJECT_DUPLICATES, NULL);

	json_decref(tree);
	return tree != NULL;
}

static size_t take_events(char *bytes, size_t size, size_t count, void *context)
{
	struct text *event = context;
	const char *rest = bytes;
	size_t left = size * count;
	const char *end;

	while ((end = memchr(rest, '\n', left)) != NULL) {
		text_append_bytes(event, rest, (size_t)(end - rest));
		if (!bare_reader_parse(text_chars(event), event->size))
			return CURL_WRITEFUNC_ERROR;
		text_done(event);
		*event = text_with_max(EVENT_MAX);
		left -= (size_t)(end + 1 - rest);
		rest = end + 1;
	}
	text_append_bytes(event, rest, left);
	return size * count;
}

void bare_reader_follow(CURL *easy)
{
	struct text *event = memory_new(sizeof(*event)); /* as long as the process */

	*event = text_with_max(EVENT_MAX);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_events);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, event);
}
