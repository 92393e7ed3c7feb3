#include <base/json_text.h>

#include <stdbool.h>
#include <string.h>

#include <base/memory.h>

#define METADATA       "\"metadata\":{"
#define MANAGED_FIELDS "\"managedFields\":["

struct cutter {
	const char *bytes;
	size_t size;
	size_t copied; /* how far the text is in OUT, or left out of it */
	char *out;
	size_t out_size;
};

static bool begins_with(const struct cutter *cutter, size_t at, const char *text)
{
	size_t size = strlen(text);

	return cutter->size - at >= size && memcmp(cutter->bytes + at, text, size) == 0;
}

/* Behind the string that begins AT; the end of the text when it does not end. */
static size_t string_end(const struct cutter *cutter, size_t at)
{
	for (at++; at < cutter->size && cutter->bytes[at] != '"'; at++)
		if (cutter->bytes[at] == '\\')
			at++;
	return at < cutter->size ? at + 1 : cutter->size;
}

/* Behind the array or object that begins AT; 0 when it does not end. */
static size_t nested_end(const struct cutter *cutter, size_t at)
{
	size_t depth = 0;

	while (at < cutter->size) {
		char c = cutter->bytes[at];

		if (c == '"') {
			at = string_end(cutter, at);
			continue;
		}
		at++;
		if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && --depth == 0)
			return at;
	}
	return 0;
}

static void copy_until(struct cutter *cutter, size_t end)
{
	if (!cutter->out)
		cutter->out = memory_resize(NULL, cutter->size + 1, 1);
	memcpy(cutter->out + cutter->out_size, cutter->bytes + cutter->copied,
	       end - cutter->copied);
	cutter->out_size += end - cutter->copied;
	cutter->copied = end;
}

/* Leaves out what is between BEGIN and END, and one of the commas around it. */
static void cut(struct cutter *cutter, size_t begin, size_t end)
{
	bool last = end == cutter->size || cutter->bytes[end] != ',';

	copy_until(cutter, begin);
	if (!last)
		end++;
	else if (cutter->out[cutter->out_size - 1] == ',')
		cutter->out_size--;
	cutter->copied = end;
}

/* Goes through the object whose bracket is before AT, until it is behind its end. */
static size_t cut_in_metadata(struct cutter *cutter, size_t at)
{
	size_t depth = 1;

	while (at < cutter->size && depth > 0) {
		char c = cutter->bytes[at];

		if (c == '"' && depth == 1 && begins_with(cutter, at, MANAGED_FIELDS)) {
			size_t end = nested_end(cutter, at + strlen(MANAGED_FIELDS) - 1);
			if (end == 0)
				return cutter->size;
			cut(cutter, at, end);
			at = cutter->copied;
			continue;
		}
		if (c == '"') {
			at = string_end(cutter, at);
			continue;
		}
		at++;
		depth += c == '{' || c == '[';
		depth -= c == '}' || c == ']';
	}
	return at;
}

char *json_text_without_managed_fields(const char *bytes, size_t size, size_t *ret_size)
{
	struct cutter cutter = {.bytes = bytes, .size = size};
	size_t at = 0;

	while (at < size) {
		if (bytes[at] != '"')
			at++;
		else if (begins_with(&cutter, at, METADATA))
			at = cut_in_metadata(&cutter, at + strlen(METADATA));
		else
			at = string_end(&cutter, at);
	}
	if (!cutter.out)
		return NULL;
	copy_until(&cutter, size);
	*ret_size = cutter.out_size;
	return cutter.out;
}
