#include "metrics_service.h"

#include <string.h>

#include <base/memory.h>

#include "core/access_controller.h"
#include "core/access_tally.h"
#include "core/metrics.h"
#include "edge/http_server.h"
#include "edge/log.h"
#include "edge/push_executor.h"

enum { STATUS_OK = 200 };

struct metrics_service {
	struct http_server *server;
	struct push_executor *executor;
	struct access_controller *controller; /* NULL: there is none yet */
};

static void add_member(void *context, const struct member_sight *member)
{
	struct metrics *page = context;

	metrics_add(page, METRIC_MEMBER_UP, member->profile_key, member->up);
	if (member->clock_known)
		metrics_add(page, METRIC_MEMBER_CLOCK_SKEW, member->profile_key,
			    (double)member->skew_ms / 1000);
}

static void add_requests(struct metrics *page, struct access_controller *controller)
{
	const struct access_tally *tally = access_controller_tally(controller);

	metrics_add(page, METRIC_MINTS, NULL, (double)tally->mints);
	metrics_add(page, METRIC_REVOCATIONS, NULL, (double)tally->revocations);
	metrics_add(page, METRIC_REVOCATIONS_PENDING, NULL, (double)tally->pending);
	metrics_add(page, METRIC_REQUESTS, "issued", (double)tally->issued);
	metrics_add(page, METRIC_REQUESTS, "waiting", (double)tally->waiting);
	metrics_add(page, METRIC_REQUESTS, "ending", (double)tally->ending);
}

static char *answer(void *context, const char *path, bool verbose, int *ret_status)
{
	struct metrics_service *service = context;
	struct metrics *page;
	char *text;

	(void)verbose;
	if (strcmp(path, "/metrics") != 0)
		return NULL;
	page = metrics_new();
	metrics_add(page, METRIC_BUILD_INFO, CREDBROKER_VERSION, 1);
	push_executor_look(service->executor, add_member, page);
	if (service->controller)
		add_requests(page, service->controller);
	text = metrics_render(page);
	metrics_free(page);
	*ret_status = STATUS_OK;
	return text;
}

struct metrics_service *metrics_service_new(struct loop *loop, struct push_executor *executor,
					    const char *address, struct error *err)
{
	struct metrics_service *service = memory_new(sizeof(*service));

	service->executor = executor;
	service->server = http_server_new(loop, address, answer, service, err);
	if (!service->server) {
		metrics_service_free(service);
		return NULL;
	}
	log_event(LOG_LEVEL_INFO, "listening for metrics", "address",
		  http_server_address(service->server), NULL);
	return service;
}

void metrics_service_free(struct metrics_service *service)
{
	if (!service)
		return;
	http_server_free(service->server);
	memory_free(service);
}

void metrics_service_watch(struct metrics_service *service, struct access_controller *controller)
{
	if (service)
		service->controller = controller;
}
