/* http_socket.h - opens the socket of a connection to a peer: only towards an address that is
 * allowed, and such that a peer that died is noticed. */
#ifndef EDGE_HTTP_SOCKET_H
#define EDGE_HTTP_SOCKET_H

#include <stdbool.h>

struct error;
struct sockaddr;

/* A stream socket for ADDRESS, not connected yet; the caller's. -1 with ERROR_DENIED when the
 * address is not allowed (http_address.h), with ERROR_UNAVAILABLE when the system has none. */
int http_socket_open(const struct sockaddr *address, bool loopback_allowed, struct error *err);

#endif
