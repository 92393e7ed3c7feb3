/* health_service.h - what probes of a kubelet ask: /livez and /readyz.
 *
 * Plain HTTP for whoever reaches the port. Asks the hub every 10 s for its version, so that an idle
 * process, too, knows whether the hub is there. */
#ifndef BROKER_HEALTH_SERVICE_H
#define BROKER_HEALTH_SERVICE_H

#include <stdbool.h>

struct error;
struct health_service;
struct kube_client;
struct loop;

/* HUB may be used until it is freed. */
struct health_service *health_service_new(struct loop *loop, struct kube_client *hub,
					  const char *address, struct error *err);
/* Before the hub's client. NULL is fine. */
void health_service_free(struct health_service *service);

/* LOOK is called before each answer, to set what the time decides. Here and below nothing happens
 * when SERVICE is NULL: nobody asks. */
void health_service_on_look(struct health_service *service, void (*look)(void *context),
			    void *context);

/* Set a check that /readyz, or both, look at; see health_set(). */
void health_service_set_ready(struct health_service *service, const char *name, bool ok,
			      const char *reason);
void health_service_set_live(struct health_service *service, const char *name, bool ok,
			     const char *reason);
/* See health_remark(). */
void health_service_remark(struct health_service *service, const char *name, const char *remark);

#endif
