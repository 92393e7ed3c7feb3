#include <base/error.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <base/text.h>

static const char *const kind_names[] = {
	[ERROR_NONE] = "none",         [ERROR_INVALID] = "invalid",
	[ERROR_DENIED] = "denied",     [ERROR_NOT_FOUND] = "not found",
	[ERROR_CONFLICT] = "conflict", [ERROR_UNAVAILABLE] = "unavailable",
	[ERROR_INTERNAL] = "internal",
};
_Static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == ERROR_INTERNAL + 1,
	       "every kind has a name");

static void write_text(struct error *err, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));

/* Formats into a buffer of its own first: an argument may point into err->text. */
static void write_text(struct error *err, const char *format, va_list arguments)
{
	char text[ERROR_TEXT_MAX];

	int size = vsnprintf(text, sizeof(text), format, arguments);
	if (size < 0)
		text[0] = '\0';
	else if ((size_t)size >= sizeof(text))
		text[text_utf8_cut(text, sizeof(text) - 1)] = '\0';
	memcpy(err->text, text, sizeof(text));
}

bool error_set(struct error *err, enum error_kind kind, const char *format, ...)
{
	if (err->kind != ERROR_NONE)
		return false;

	va_list arguments;
	va_start(arguments, format);
	write_text(err, format, arguments);
	va_end(arguments);
	err->kind = kind;
	return false;
}

static void write_textf(struct error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void write_textf(struct error *err, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	write_text(err, format, arguments);
	va_end(arguments);
}

bool error_wrap(struct error *err, const char *format, ...)
{
	struct error context = {0};

	va_list arguments;
	va_start(arguments, format);
	write_text(&context, format, arguments);
	va_end(arguments);

	/* Somebody failed without saying why: that is a bug, and must not pass for success. */
	if (err->kind == ERROR_NONE)
		return error_set(err, ERROR_INTERNAL, "%s", context.text);
	write_textf(err, "%s: %s", context.text, err->text);
	return false;
}

const char *error_kind_name(enum error_kind kind)
{
	size_t index = (size_t)kind;

	return index < sizeof(kind_names) / sizeof(kind_names[0]) ? kind_names[index] : "internal";
}
