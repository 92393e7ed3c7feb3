#include <base/base64.h>

#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/memory.h>
#include <base/secret.h>

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *base64_encode(const char *bytes, size_t size)
{
	char *text = memory_new_array(size / 3 + 2, 4);
	char *out = text;

	for (size_t i = 0; i < size; i += 3) {
		size_t left = size - i;
		unsigned group = (unsigned)(unsigned char)bytes[i] << 16;
		group |= left > 1 ? (unsigned)(unsigned char)bytes[i + 1] << 8 : 0;
		group |= left > 2 ? (unsigned)(unsigned char)bytes[i + 2] : 0;
		*out++ = standard[group >> 18];
		*out++ = standard[group >> 12 & 63];
		*out++ = left > 1 ? standard[group >> 6 & 63] : '=';
		*out++ = left > 2 ? standard[group & 63] : '=';
	}
	return text;
}

/* Six bits at a time in, bytes out. */
struct decoding {
	const char *alphabet;
	char *bytes;
	size_t size;
	size_t digits;
	unsigned bits; /* the bits that do not fill a byte yet, lowest first */
};

static bool take_digit(struct decoding *decoding, char digit)
{
	const char *found = digit ? strchr(decoding->alphabet, digit) : NULL;

	if (!found)
		return false;
	decoding->bits = decoding->bits << 6 | (unsigned)(found - decoding->alphabet);
	decoding->digits++;
	if (decoding->digits % 4 != 1) {
		unsigned rest = (unsigned)(8 - 2 * (decoding->digits % 4)) % 8;
		decoding->bytes[decoding->size++] = (char)(decoding->bits >> rest & 0xff);
		decoding->bits &= (1u << rest) - 1;
	}
	return true;
}

/* A lone digit holds no byte; bits behind the last byte must be zero, so that every value has
 * one spelling only. */
static bool ends_well(const struct decoding *decoding)
{
	return decoding->digits % 4 != 1 && decoding->bits == 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool decode_padded(struct decoding *decoding, const char *text)
{
	size_t padding = 0;

	for (; *text; text++) {
		if (is_space(*text))
			continue;
		if (*text == '=')
			padding++;
		else if (padding > 0 || !take_digit(decoding, *text))
			return false;
	}
	return ends_well(decoding) && padding == (4 - decoding->digits % 4) % 4;
}

static bool decode_bare(struct decoding *decoding, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!take_digit(decoding, text[i]))
			return false;
	return ends_well(decoding);
}

bool base64_decode(const char *text, struct secret *ret_bytes, struct error *err)
{
	cleanup_free char *bytes = memory_new(strlen(text) / 4 * 3 + 4);
	struct decoding decoding = {.alphabet = standard, .bytes = bytes};

	if (!decode_padded(&decoding, text))
		return error_set(err, ERROR_INVALID, "not base64");
	*ret_bytes = secret_take(TAKE_PTR(bytes), decoding.size);
	return true;
}

bool base64url_decode(const char *text, size_t size, struct secret *ret_bytes, struct error *err)
{
	cleanup_free char *bytes = memory_new(size / 4 * 3 + 4);
	struct decoding decoding = {.alphabet = url_safe, .bytes = bytes};

	if (!decode_bare(&decoding, text, size))
		return error_set(err, ERROR_INVALID, "not base64url");
	*ret_bytes = secret_take(TAKE_PTR(bytes), decoding.size);
	return true;
}
