/* kube_client.h - Kubernetes verbs against one API server with one identity.
 *
 * Turns a reply into an error kind in one place and repeats what is safe to repeat, where the
 * server said when: any verb after 429, reads after 5xx, at most 10 tries. A lost connection is
 * repeated for GET only, twice (kube-semantics R-05). A write that may have been done is never
 * repeated here; its owner is told that the outcome is unknown. Never logs a body, never copies a
 * server's message into an error text. */
#ifndef EDGE_KUBE_CLIENT_H
#define EDGE_KUBE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kube_call.h"
#include "edge/http_client.h"

struct error;
struct kube_client;
struct kube_endpoint;
struct loop;
struct secret;

struct kube_client_config {
	const struct kube_endpoint *endpoint; /* copied */
	unsigned calls_max;
	size_t body_max;
	bool loopback_allowed;
	bool beyond_fence; /* see http_client.h */
	/* Asked for the bearer token at each call and, with EXPIRED true, once after a 401 before
	 * the call is repeated once; NULL: the endpoint's own token, and no repetition. */
	const struct secret *(*token)(void *context, bool expired);
	void *token_context;
};

struct kube_client *kube_client_new(struct http_client *http, struct loop *loop,
				    const struct kube_client_config *config, struct error *err);
/* Cancels every call in flight without calling its DONE. NULL is fine. */
void kube_client_free(struct kube_client *client);

/* Never fails by itself: what goes wrong comes through DONE. The handle is dead once DONE runs. */
struct kube_call *kube_client_start(struct kube_client *client, const struct kube_request *request,
				    kube_done *done, void *context);
/* NULL is fine. */
void kube_call_cancel(struct kube_call *call);

/* A watch stream: raw bytes of a 200 body; everything else is answered through DONE. */
struct kube_call *kube_client_stream(struct kube_client *client, const char *path,
				     int64_t timeout_ms, int64_t idle_ms, http_open *open,
				     http_piece *piece, kube_done *done, void *context);

#endif
