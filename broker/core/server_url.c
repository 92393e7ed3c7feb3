#include "core/server_url.h"

#include <stddef.h>
#include <string.h>

#include <base/error.h>
#include <base/limits.h>
#include <base/memory.h>

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

enum {
	HOST_MAX = 253, /* RFC 1035 */
	LABEL_MAX = 63,
	IPV6_MAX = 45, /* with an IPv4 address at its end */
	PORT_DIGITS_MAX = 5,
	PORT_MAX = 65535,
};

/* Labels of letters, digits and inner dashes; also every IPv4 address in decimal. */
static bool is_dns_name(const char *text, size_t size)
{
	size_t label = 0;

	for (size_t i = 0; i <= size; i++) {
		if (i == size || text[i] == '.') {
			if (label == 0 || label > LABEL_MAX || text[i - 1] == '-')
				return false;
			label = 0;
		} else if (!strchr(DIGITS LETTERS "-", text[i]) || (text[i] == '-' && label == 0)) {
			return false;
		} else {
			label++;
		}
	}
	return size <= HOST_MAX;
}

/* The alphabet only; the resolver knows the rest. No zone: it would name an interface of ours. */
static bool is_ipv6_address(const char *text, size_t size)
{
	size_t colons = 0;

	for (size_t i = 0; i < size; i++) {
		if (!strchr(DIGITS "abcdefABCDEF:.", text[i]))
			return false;
		colons += text[i] == ':';
	}
	return colons >= 2 && size <= IPV6_MAX;
}

bool server_url_is_host(const char *text)
{
	size_t size = strlen(text);

	return size > 0 && (is_dns_name(text, size) || is_ipv6_address(text, size));
}

static bool take_host(const char **at)
{
	const char *text = *at;
	size_t size;

	if (*text == '[') {
		size = strcspn(text + 1, "]");
		*at += size + 2;
		return text[size + 1] == ']' && is_ipv6_address(text + 1, size);
	}
	size = strcspn(text, ":/");
	*at += size;
	return size > 0 && is_dns_name(text, size);
}

/* ":PORT", or nothing. */
static bool take_port(const char **at)
{
	int port = 0;

	if (**at != ':')
		return true;
	size_t size = strspn(++*at, DIGITS);
	if (size == 0 || size > PORT_DIGITS_MAX)
		return false;
	for (; size > 0; size--)
		port = port * 10 + (*(*at)++ - '0');
	return port >= 1 && port <= PORT_MAX;
}

/* Segments of unreserved characters and ":"; none is empty or consists of dots, because servers
 * and proxies resolve such paths in their own ways. */
static bool is_prefix(const char *text)
{
	while (*text == '/') {
		size_t size = strspn(++text, DIGITS LETTERS "-._~:");
		if (size == 0 && *text != '\0')
			return false;
		if (size > 0 && strspn(text, ".") == size)
			return false;
		text += size;
	}
	return *text == '\0';
}

bool server_url_read(const char *text, char **ret_url, struct error *err)
{
	static const char scheme[] = "https://";
	const char *at = text + sizeof(scheme) - 1;
	size_t size = strlen(text);

	if (size > SERVER_URL_MAX)
		return error_set(err, ERROR_INVALID, "is longer than %d bytes", SERVER_URL_MAX);
	if (strncmp(text, scheme, sizeof(scheme) - 1) != 0)
		return error_set(err, ERROR_INVALID, "does not begin with https://");
	if (!take_host(&at))
		return error_set(err, ERROR_INVALID, "has no plain host name or address");
	if (!take_port(&at))
		return error_set(err, ERROR_INVALID,
				 "has no port from 1 to 65535 behind its colon");
	if (!is_prefix(at))
		return error_set(err, ERROR_INVALID,
				 "has something other than a plain path behind its host");
	if (text[size - 1] == '/')
		size--;
	*ret_url = memory_bytes(text, size);
	return true;
}
