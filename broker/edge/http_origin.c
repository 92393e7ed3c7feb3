#include "edge/http_origin.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/server_url.h"

enum { HOST_MAX = 255, PORT_MAX = 65535 };

#define LETTERS_AND_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static const char scheme[] = "https://";
static const char name_chars[] = LETTERS_AND_DIGITS "-._";
static const char ip6_chars[] = "0123456789abcdefABCDEF:.";
static const char prefix_chars[] = LETTERS_AND_DIGITS "-._~/:@!$&'()*+,;=%";

/* The bytes of the host at CHARS, brackets of an IPv6 address included; 0 when there is none. */
static size_t host_size(const char *chars)
{
	size_t size;

	if (chars[0] != '[') {
		size = strspn(chars, name_chars);
		return size <= HOST_MAX ? size : 0;
	}
	size = strspn(chars + 1, ip6_chars);
	return size >= 2 && size <= HOST_MAX && chars[1 + size] == ']' ? size + 2 : 0;
}

/* *CHARS stands behind the host and is moved behind the port. */
static bool read_port(const char **chars, unsigned *ret_port)
{
	unsigned port = 0;

	if (**chars != ':') {
		*ret_port = 443;
		return true;
	}
	for ((*chars)++; **chars >= '0' && **chars <= '9' && port <= PORT_MAX; (*chars)++)
		port = 10 * port + (unsigned)(**chars - '0');
	*ret_port = port;
	return port > 0 && port <= PORT_MAX;
}

/* The bytes of the path prefix at CHARS, without slashes at its end. */
static bool read_prefix(const char *chars, size_t *ret_size)
{
	size_t size = strspn(chars, prefix_chars);

	if (chars[size] != '\0' || (size > 0 && chars[0] != '/') || size > HTTP_PATH_MAX)
		return false;
	while (size > 0 && chars[size - 1] == '/')
		size--;
	*ret_size = size;
	return true;
}

/* An IPv6 address stands in brackets in a URL, and without them in a certificate. */
static void append_host(struct text *url, const char *name)
{
	bool is_ip6 = strchr(name, ':') != NULL;

	text_append(url, is_ip6 ? "[" : "");
	text_append(url, name);
	text_append(url, is_ip6 ? "]" : "");
}

bool http_origin_parse(const char *server, const char *tls_server_name,
		       struct http_origin *ret_origin, struct error *err)
{
	static const char wanted[] = "the server is not of the form https://host[:port][/prefix]";
	const char *host = server + strlen(scheme);
	unsigned port;
	size_t prefix_size;

	if (strncasecmp(server, scheme, strlen(scheme)) != 0)
		return error_set(err, ERROR_INVALID, "%s", wanted);
	int size = (int)host_size(host);
	const char *prefix = host + size;
	if (size == 0 || !read_port(&prefix, &port) || !read_prefix(prefix, &prefix_size))
		return error_set(err, ERROR_INVALID, "%s", wanted);
	if (tls_server_name && !server_url_is_host(tls_server_name))
		return error_set(err, ERROR_INVALID, "the tls-server-name is not a host name");

	struct text name = text_with_max(HTTP_PATH_MAX);
	struct text base_url = text_with_max(2 * HTTP_PATH_MAX);
	struct text connect_to = text_with_max(HTTP_PATH_MAX);
	text_appendf(&name, "%.*s:%u", size, host, port);
	text_append(&base_url, scheme);
	if (tls_server_name)
		append_host(&base_url, tls_server_name);
	else
		text_append_bytes(&base_url, host, (size_t)size);
	text_appendf(&base_url, ":%u%.*s", port, (int)prefix_size, prefix);
	text_appendf(&connect_to, "::%.*s:%u", size, host, port);
	ret_origin->name = text_take(&name);
	ret_origin->base_url = text_take(&base_url);
	ret_origin->connect_to = tls_server_name ? text_take(&connect_to) : NULL;
	text_done(&connect_to);
	return true;
}

void http_origin_done(struct http_origin *origin)
{
	memory_free(TAKE_PTR(origin->name));
	memory_free(TAKE_PTR(origin->base_url));
	memory_free(TAKE_PTR(origin->connect_to));
}
