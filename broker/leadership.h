/* leadership.h - whether this process is the one that works, and what people are told of it.
 *
 * The one place that decides whether effects may go out: it is asked before each call that changes
 * something, on the hub and on members. */
#ifndef BROKER_LEADERSHIP_H
#define BROKER_LEADERSHIP_H

#include <stdbool.h>
#include <stdint.h>

struct error;
struct health_service;
struct http_client;
struct kube_client;
struct leadership;
struct loop;
struct options;

struct leadership_config {
	const struct options *options; /* borrowed */
	struct loop *loop;
	struct http_client *http;      /* is fenced */
	struct kube_client *client;    /* to the hub, beyond the fence */
	struct health_service *health; /* NULL: nobody asks */
	/* Work may begin, or go on after leadership_allows() said no. */
	void (*gained)(void *context);
	/* Nothing goes out any more: the process has to end. */
	void (*lost)(void *context, const struct error *err);
	/* What leadership_release() asked for is done. */
	void (*released)(void *context);
	void *context;
};

struct leadership *leadership_new(const struct leadership_config *config);
/* Before its client. NULL is fine. */
void leadership_free(struct leadership *leadership);

/* The stores are filled: it leads as soon as it may. */
void leadership_want(struct leadership *leadership);
/* Whether there is something to give back. */
bool leadership_is_held(const struct leadership *leadership);
/* Whether work may be begun now. */
bool leadership_allows(struct leadership *leadership);
/* The number of this leadership, larger than that of each before. ON_RECORD is what a record says:
 * a larger one is looked into. */
int64_t leadership_epoch(struct leadership *leadership, int64_t on_record);
/* Nothing is in flight and nothing will be: the next one need not wait. */
void leadership_release(struct leadership *leadership);

#endif
