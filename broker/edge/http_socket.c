#include "edge/http_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include <base/cleanup.h>
#include <base/error.h>

#include "edge/http_address.h"

/* Keep-alive alone misses a dead peer while bytes are under way to it; TCP_USER_TIMEOUT does not
 * (kube-semantics C-03). */
static const struct {
	int level, name, value;
} options[] = {
	{IPPROTO_TCP, TCP_NODELAY, 1},   {SOL_SOCKET, SO_KEEPALIVE, 1},
	{IPPROTO_TCP, TCP_KEEPIDLE, 30}, {IPPROTO_TCP, TCP_KEEPINTVL, 10},
	{IPPROTO_TCP, TCP_KEEPCNT, 3},   {IPPROTO_TCP, TCP_USER_TIMEOUT, 45 * 1000},
};

int http_socket_open(const struct sockaddr *address, bool loopback_allowed, struct error *err)
{
	if (!http_address_is_allowed(address, loopback_allowed)) {
		error_set(err, ERROR_DENIED, "the server's address is not allowed");
		return -1;
	}

	cleanup_close int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0) {
		error_set(err, ERROR_UNAVAILABLE, "no socket: %s", strerror(errno));
		return -1;
	}
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (setsockopt(fd, options[i].level, options[i].name, &options[i].value,
			       sizeof(options[i].value)) == 0)
			continue;
		error_set(err, ERROR_UNAVAILABLE, "a socket option: %s", strerror(errno));
		return -1;
	}

	int opened = fd;
	fd = -1;
	return opened;
}
