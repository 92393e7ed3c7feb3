/* server_url.h - the address of an API server, as kubeconfigs hold it. Pure.
 *
 * Takes https://HOST[:PORT][/PREFIX] and nothing that two readers could understand differently.
 * Where a host name leads is for the connection to check. */
#ifndef CORE_SERVER_URL_H
#define CORE_SERVER_URL_H

#include <stdbool.h>

struct error;

/* The URL without slashes at its end, so that a path can follow; the caller's. ERROR_INVALID says
 * which part is wrong and quotes nothing. */
bool server_url_read(const char *text, char **ret_url, struct error *err);

/* True for a DNS name or an IP address as it stands in a certificate, without brackets. */
bool server_url_is_host(const char *text);

#endif
