/* kubeconfig.h - where an API server is and how we show who we are, out of a kubeconfig. Pure.
 *
 * Takes YAML and JSON. A kubeconfig can run programs, read files and point anywhere; whatever is
 * not served is refused with a text that names the field, never passed over. */
#ifndef CORE_KUBECONFIG_H
#define CORE_KUBECONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include <base/secret.h>

struct error;

struct kube_endpoint {
	char *server; /* https://HOST[:PORT][/PREFIX], no slash at its end */
	char *ca_pem; /* the only authorities to trust */
	struct secret token;
	char *token_file; /* to be read again and again; wins over TOKEN. NULL: none */
	struct secret client_cert_pem, client_key_pem; /* both or none */
	char *tls_server_name;                         /* NULL: the host of SERVER */
};

/* Fine when empty and twice. */
void kube_endpoint_done(struct kube_endpoint *endpoint);

/* The current context of a kubeconfig that came through an API: inline data only. ERROR_INVALID
 * for everything else, including a missing CA and a missing credential. */
bool kubeconfig_read_inline(const char *bytes, size_t size, struct kube_endpoint *ret_endpoint,
			    struct error *err);

/* Reads one file, with a cap of its own. */
typedef bool kubeconfig_read_file(void *context, const char *path, struct secret *ret_bytes,
				  struct error *err);

/* The current context of a kubeconfig that the operator gave: files may be named too, relative to
 * DIRECTORY, and are read through READ_FILE; inline data wins over a file. A tokenFile is not
 * read but named in the result. */
bool kubeconfig_read_local(const char *bytes, size_t size, const char *directory,
			   kubeconfig_read_file *read_file, void *context,
			   struct kube_endpoint *ret_endpoint, struct error *err);

#endif
