/* http_listener.h - a socket that waits for connections at an address that the operator wrote.
 *
 * Numbers only: no name is looked up. */
#ifndef EDGE_HTTP_LISTENER_H
#define EDGE_HTTP_LISTENER_H

#include <stdbool.h>

struct error;

/* ADDRESS is "127.0.0.1:8081", "[::1]:8081", or ":8081" for all addresses of the machine; port 0 is
 * any that is free. ERROR_INVALID says what to write instead. */
bool http_listener_check(const char *address, struct error *err);

/* The listening descriptor, not blocking, or -1; the caller's. *RET_ADDRESS, the caller's, says in
 * numbers where that is. */
int http_listener_open(const char *address, char **ret_address, struct error *err);

#endif
