/* http_server.h - answers small questions over plain HTTP, on the loop.
 *
 * http_server.c is the only file that includes libmicrohttpd. For probes and metrics: GET and HEAD
 * without a body, one for each connection, which is closed after it and in any case 10 s after it
 * was opened; few connections, fewer from one address. Nothing secret may be answered here: nobody
 * is asked who they are. */
#ifndef EDGE_HTTP_SERVER_H
#define EDGE_HTTP_SERVER_H

#include <stdbool.h>

struct error;
struct http_server;
struct loop;

/* The answer to PATH as text, the caller's, and its *RET_STATUS; NULL: there is nothing. VERBOSE:
 * the query has that word. */
typedef char *http_server_answer(void *context, const char *path, bool verbose, int *ret_status);

/* Listens at ADDRESS (http_listener.h). */
struct http_server *http_server_new(struct loop *loop, const char *address,
				    http_server_answer *answer, void *context, struct error *err);
/* Closes every connection. NULL is fine. */
void http_server_free(struct http_server *server);

/* Where it listens, in numbers. Borrowed. */
const char *http_server_address(const struct http_server *server);

#endif
