#include "edge/http_listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/memory.h>
#include <base/text.h>

enum { BACKLOG = 64, PORT_DIGITS_MAX = 5, ADDRESS_MAX = 128 };

/* Splits ADDRESS at its last colon. *RET_HOST is NULL for all addresses. Both are the caller's. */
static bool split(const char *address, char **ret_host, char **ret_port, struct error *err)
{
	const char *colon = strrchr(address, ':');
	size_t size = colon ? (size_t)(colon - address) : 0;
	bool bracketed = size > 2 && address[0] == '[' && address[size - 1] == ']';
	size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;

	if (!colon || digits == 0 || digits > PORT_DIGITS_MAX || colon[1 + digits] ||
	    (!bracketed && memchr(address, ':', size)))
		return error_set(err, ERROR_INVALID,
				 "\"%.80s\" is not like 127.0.0.1:8081, [::1]:8081 or :8081",
				 address);
	*ret_port = memory_text(colon + 1);
	if (bracketed)
		*ret_host = memory_bytes(address + 1, size - 2);
	else
		*ret_host = size > 0 ? memory_bytes(address, size) : NULL;
	return true;
}

/* FAMILY is for the case that there is no host. */
static struct addrinfo *resolve(const char *address, int family, struct error *err)
{
	const struct addrinfo hints = {
		.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_family = family,
		.ai_socktype = SOCK_STREAM,
	};
	cleanup_free char *host = NULL;
	cleanup_free char *port = NULL;
	struct addrinfo *found = NULL;

	if (!split(address, &host, &port, err) || !port)
		return NULL;
	if (strtol(port, NULL, 10) > UINT16_MAX || getaddrinfo(host, port, &hints, &found) != 0)
		error_set(err, ERROR_INVALID,
			  "\"%.80s\" is not like 127.0.0.1:8081, [::1]:8081 or :8081", address);
	return found;
}

bool http_listener_check(const char *address, struct error *err)
{
	int family = address[0] == ':' ? AF_INET : AF_UNSPEC;
	struct addrinfo *found = resolve(address, family, err);

	if (found)
		freeaddrinfo(found);
	return found != NULL;
}

static char *name_of(int fd)
{
	struct sockaddr_storage bound = {0};
	socklen_t size = sizeof(bound);
	char host[ADDRESS_MAX] = "?";
	char port[16] = "?";
	struct text text = text_with_max(2 * ADDRESS_MAX);

	if (getsockname(fd, (struct sockaddr *)&bound, &size) == 0)
		getnameinfo((struct sockaddr *)&bound, size, host, sizeof(host), port, sizeof(port),
			    NI_NUMERICHOST | NI_NUMERICSERV);
	text_appendf(&text, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
	return text_take(&text);
}

static int listen_at(const struct addrinfo *at)
{
	const int on = 1;
	const int off = 0;
	cleanup_close int fd =
		socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	int opened = fd;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
		return -1;
	/* Else [::] would not be all addresses where the system's default is another. */
	if (at->ai_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0)
		return -1;
	if (bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)
		return -1;
	fd = -1;
	return opened;
}

static int open_family(const char *address, int family, struct error *err)
{
	struct addrinfo *found = resolve(address, family, err);
	int fd;

	if (!found)
		return -1;
	fd = listen_at(found);
	if (fd < 0)
		error_set(err, ERROR_UNAVAILABLE, "listen at %.80s: %s", address, strerror(errno));
	freeaddrinfo(found);
	return fd;
}

int http_listener_open(const char *address, char **ret_address, struct error *err)
{
	bool all = address[0] == ':';
	struct error ignored = {0};
	int fd = all ? open_family(address, AF_INET6, &ignored) : -1;

	if (fd < 0) /* a machine may have no IPv6 */
		fd = open_family(address, all ? AF_INET : AF_UNSPEC, err);
	if (fd >= 0)
		*ret_address = name_of(fd);
	return fd;
}
