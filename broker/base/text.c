#include <base/text.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <base/error.h>
#include <base/memory.h>

enum { CAPACITY_FIRST = 64 };

/* Makes room for SIZE more bytes and a NUL; false when the cap forbids it. */
static bool make_room(struct text *text, size_t size)
{
	if (text->overflown || size > text->size_max - text->size) {
		text->overflown = true;
		return false;
	}

	size_t needed = text->size + size + 1;
	if (needed <= text->capacity)
		return true;
	size_t capacity = text->capacity > 0 ? text->capacity : CAPACITY_FIRST;
	while (capacity < needed)
		capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
	if (capacity > text->size_max + 1)
		capacity = text->size_max + 1;
	text->chars = memory_resize(text->chars, capacity, 1);
	text->capacity = capacity;
	return true;
}

struct text text_with_max(size_t size_max)
{
	/* One byte less than everything: there is always a NUL to count. */
	return (struct text){.size_max = size_max < SIZE_MAX ? size_max : SIZE_MAX - 1};
}

void text_done(struct text *text)
{
	memory_free(text->chars);
	*text = text_with_max(text->size_max);
}

void text_append(struct text *text, const char *chars)
{
	text_append_bytes(text, chars, strlen(chars));
}

void text_append_bytes(struct text *text, const char *bytes, size_t size)
{
	if (!make_room(text, size))
		return;
	if (size > 0)
		memcpy(text->chars + text->size, bytes, size);
	text->size += size;
	text->chars[text->size] = '\0';
}

void text_appendf(struct text *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	int size = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (size < 0) {
		text->overflown = true;
		return;
	}
	if (!make_room(text, (size_t)size))
		return;

	va_start(arguments, format);
	vsnprintf(text->chars + text->size, (size_t)size + 1, format, arguments);
	va_end(arguments);
	text->size += (size_t)size;
}

bool text_ok(const struct text *text, const char *what, struct error *err)
{
	if (text->overflown)
		return error_set(err, ERROR_INVALID, "%s is longer than %zu bytes", what,
				 text->size_max);
	return true;
}

const char *text_chars(const struct text *text)
{
	return text->chars ? text->chars : "";
}

char *text_take(struct text *text)
{
	char *chars = text->chars ? text->chars : memory_bytes("", 0);

	*text = text_with_max(text->size_max);
	return chars;
}

bool text_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool text_is_empty(const char *text)
{
	return !text || text[0] == '\0';
}

/* How long the sequence is that starts with LEAD; 1 for what starts none. */
static size_t sequence_size(unsigned char lead)
{
	if (lead >= 0xf0)
		return 4;
	if (lead >= 0xe0)
		return 3;
	return lead >= 0xc0 ? 2 : 1;
}

size_t text_utf8_cut(const char *chars, size_t size)
{
	size_t tail = 0; /* continuation bytes at the end */

	while (tail < size && tail < 3 && ((unsigned char)chars[size - 1 - tail] & 0xc0) == 0x80)
		tail++;
	if (tail == size)
		return size;
	size_t lead_at = size - 1 - tail;
	return sequence_size((unsigned char)chars[lead_at]) > tail + 1 ? lead_at : size;
}
