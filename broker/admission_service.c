#include "admission_service.h"

#include <base/memory.h>

#include "core/admission_canary.h"
#include "edge/log.h"
#include "edge/loop.h"
#include "health_service.h"

struct admission_service {
	struct admission_service_config config;
	struct admission_canary *canary;
	struct loop_timer timer;
	bool asked;
	bool ready;
};

static void ask(void *context)
{
	admission_canary_start(((struct admission_service *)context)->canary);
}

static void tell(const struct admission_proof *proof, bool was_ready, bool first)
{
	if (proof->ready && (first || !was_ready))
		log_event(LOG_LEVEL_INFO, "the hub enforces its admission policies", NULL);
	else if (!proof->ready && (first || was_ready))
		log_event(LOG_LEVEL_WARNING, "nothing new is issued: admission is not proven",
			  "reason", "AdmissionNotProven", "error", proof->text, NULL);
}

static void tell_ready(const struct admission_service *service)
{
	health_service_set_ready(service->config.health, "admission", service->ready,
				 "the hub's admission policies are not proven");
}

static void answered(void *context)
{
	struct admission_service *service = context;
	const struct admission_proof *proof = admission_canary_proof(service->canary);
	bool first = !service->asked;

	tell(proof, service->ready, first);
	service->asked = true;
	service->ready = proof->ready;
	tell_ready(service);
	loop_timer_set(service->config.loop, &service->timer,
		       admission_canary_delay_ms(service->canary), ask, service);
	service->config.answered(service->config.context, proof, first);
}

struct admission_service *admission_service_new(const struct admission_service_config *config)
{
	struct admission_service *service = memory_new(sizeof(*service));

	service->config = *config;
	service->canary = admission_canary_new(&(struct admission_canary_config){
		.hub = config->hub,
		.namespace = config->namespace,
		.ended = answered,
		.context = service,
	});
	tell_ready(service);
	ask(service);
	return service;
}

void admission_service_free(struct admission_service *service)
{
	if (!service)
		return;
	loop_timer_clear(&service->timer);
	admission_canary_free(service->canary);
	memory_free(service);
}
