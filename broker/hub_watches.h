/* hub_watches.h - the watches of the hub: which there are, and who is told what they show.
 *
 * Knows when each holds its first complete list; does not know what follows from that. */
#ifndef BROKER_HUB_WATCHES_H
#define BROKER_HUB_WATCHES_H

#include <stdbool.h>
#include <stddef.h>

struct access_controller;
struct health_service;
struct hub_watches;
struct kube_client;
struct loop;
struct push_executor;

struct hub_watches_config {
	struct kube_client *client;
	struct loop *loop;
	const char *namespace; /* the broker's own; borrowed */
	struct access_controller *controller;
	struct push_executor *executor;
	struct health_service *health; /* NULL: nobody asks */
	/* All of them hold a list; called once. */
	void (*synced)(void *context);
	void *context;
};

struct hub_watches *hub_watches_new(const struct hub_watches_config *config);
/* Before the stores that they fill. NULL is fine. */
void hub_watches_free(struct hub_watches *watches);

#endif
