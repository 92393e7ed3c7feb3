#include "core/pem.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <base/base64.h>
#include <base/cleanup.h>
#include <base/error.h>
#include <base/secret.h>

/* Labels that are counted, and labels that may stand beside them. */
static const struct {
	const char *counted[4], *beside[2];
	size_t count_max;
} kinds[] = {
	[PEM_CERTIFICATES] = {{"CERTIFICATE"}, {NULL}, SIZE_MAX},
	[PEM_PRIVATE_KEY] = {{"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"},
			     {"EC PARAMETERS"},
			     1},
};

static bool take(const char **at, const char *expected)
{
	size_t size = strlen(expected);

	if (strncmp(*at, expected, size) != 0)
		return false;
	*at += size;
	return true;
}

static bool take_line_end(const char **at)
{
	*at += strspn(*at, " \t");
	return take(at, "\r\n") || take(at, "\n") || **at == '\0';
}

static bool take_base64(const char **at)
{
	const char *end = strchr(*at, '-');
	cleanup_secret struct secret text = {0};
	cleanup_secret struct secret bytes = {0};

	if (!end)
		return false;
	text = secret_from_bytes(*at, (size_t)(end - *at));
	*at = end;
	return base64_decode(secret_expose(&text), &bytes, &(struct error){0}) &&
	       !secret_is_empty(&bytes);
}

/* One whole block of this label. */
static bool take_block(const char **at, const char *label)
{
	return take(at, "-----BEGIN ") && take(at, label) && take(at, "-----") &&
	       take_line_end(at) && take_base64(at) && take(at, "-----END ") && take(at, label) &&
	       take(at, "-----") && take_line_end(at);
}

static bool take_one_of(const char **at, const char *const *labels, size_t count)
{
	for (size_t i = 0; i < count && labels[i]; i++) {
		const char *ahead = *at;
		if (!take_block(&ahead, labels[i]))
			continue;
		*at = ahead;
		return true;
	}
	return false;
}

bool pem_is(enum pem_kind kind, const struct secret *text)
{
	const char *at = secret_expose(text);
	size_t counted = 0;

	if (strlen(at) != text->size)
		return false;
	for (;;) {
		at += strspn(at, " \t\r\n");
		if (*at == '\0')
			return counted > 0 && counted <= kinds[kind].count_max;
		if (take_one_of(&at, kinds[kind].counted, 4))
			counted++;
		else if (!take_one_of(&at, kinds[kind].beside, 2))
			return false;
	}
}
