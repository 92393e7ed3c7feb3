/* admission_service.h - keeps asking whether the hub's admission policies are in force, and tells
 * people and probes. */
#ifndef BROKER_ADMISSION_SERVICE_H
#define BROKER_ADMISSION_SERVICE_H

#include <stdbool.h>

#include "core/kube_call.h"

struct admission_proof;
struct admission_service;
struct health_service;
struct loop;

struct admission_service_config {
	struct kube_port hub;
	struct loop *loop;
	const char *namespace;         /* for dry runs; borrowed */
	struct health_service *health; /* NULL: nobody asks */
	/* FIRST: never before. PROOF is borrowed for the call. */
	void (*answered)(void *context, const struct admission_proof *proof, bool first);
	void *context;
};

/* Asks at once. */
struct admission_service *admission_service_new(const struct admission_service_config *config);
/* No call may be in flight any more. NULL is fine. */
void admission_service_free(struct admission_service *service);

#endif
