/* http_origin.h - where a server is and by which name its certificate must know it. Pure. */
#ifndef EDGE_HTTP_ORIGIN_H
#define EDGE_HTTP_ORIGIN_H

#include <stdbool.h>

struct error;

struct http_origin {
	char *name;       /* host:port that is connected to; for people */
	char *base_url;   /* what a path is put behind; its host is the one in the certificate */
	char *connect_to; /* libcurl's "::host:port"; NULL when the URL says it already */
};

/* Splits SERVER, https://host[:port][/prefix]. With TLS_SERVER_NAME (may be NULL) that name stands
 * in the URL, so that SNI, verification and Host agree (kube-semantics C-14). ERROR_INVALID for
 * anything else: user names, queries, fragments, other schemes, port 0. */
bool http_origin_parse(const char *server, const char *tls_server_name,
		       struct http_origin *ret_origin, struct error *err);
void http_origin_done(struct http_origin *origin);

#endif
