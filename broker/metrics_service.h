/* metrics_service.h - serves /metrics for Prometheus over plain HTTP.
 *
 * For whoever reaches the port: the names of ClusterProfiles are told, and no names of requests.
 * All numbers are at hand; nobody is called to answer. */
#ifndef BROKER_METRICS_SERVICE_H
#define BROKER_METRICS_SERVICE_H

struct access_controller;
struct error;
struct loop;
struct metrics_service;
struct push_executor;

/* EXECUTOR may be used until it is freed. */
struct metrics_service *metrics_service_new(struct loop *loop, struct push_executor *executor,
					    const char *address, struct error *err);
/* NULL is fine. */
void metrics_service_free(struct metrics_service *service);

/* CONTROLLER may be used from now on. Nothing happens when SERVICE is NULL. */
void metrics_service_watch(struct metrics_service *service, struct access_controller *controller);

#endif
