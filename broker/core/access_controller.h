/* access_controller.h - gathers facts, plans, starts one step; for every request, never waiting.
 *
 * Level-triggered: it is told keys, never events, and a lost word costs time only. Nothing is done
 * before access_controller_begin(): an empty store before the first list is no instruction. */
#ifndef CORE_ACCESS_CONTROLLER_H
#define CORE_ACCESS_CONTROLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/access_steps.h"
#include "core/hub_state.h"

struct access_controller;
struct access_tally;
struct admission_proof;
struct store;

struct access_controller_config {
	struct kube_port hub;
	struct access_executor executor;
	const struct clock *clock; /* borrowed, as are SETTINGS and their texts */
	const struct access_settings *settings;
	/* There is work: call access_controller_run() soon. */
	void (*wake)(void *context);
	/* As in core/access_steps.h; NULL: records are written by nobody else. */
	int64_t (*epoch)(void *context, int64_t on_record);
	/* Something that people want to know; only when it is new. */
	void (*tell)(void *context, const struct access_news *news);
	void *context;
};

struct access_controller *access_controller_new(const struct access_controller_config *config);
/* No call may be in flight any more. NULL is fine. */
void access_controller_free(struct access_controller *controller);

/* What the watch of RESOURCE fills, and how it reads its objects; see hub_state.h. */
struct store *access_controller_store(struct access_controller *controller,
				      const struct kube_resource *resource,
				      hub_state_read **ret_read);

/* The object of KEY in the store of RESOURCE was added, changed or removed. */
void access_controller_changed(struct access_controller *controller,
			       const struct kube_resource *resource, const char *key);
/* Access to the member of PROFILE_KEY came, went, or is another. */
void access_controller_access_changed(struct access_controller *controller,
				      const char *profile_key);
/* The member of PROFILE_KEY answers, or does not answer any more. */
void access_controller_member_changed(struct access_controller *controller,
				      const char *profile_key);

/* What is known of the hub's admission policies from now on; at first, there is no proof. */
void access_controller_admission_changed(struct access_controller *controller,
					 const struct admission_proof *proof);

/* Every store holds its first complete list, and this process leads. */
void access_controller_begin(struct access_controller *controller);
/* Begins no more steps; those in flight go on to their end. */
void access_controller_end(struct access_controller *controller);
/* No step is in flight. */
bool access_controller_is_idle(const struct access_controller *controller);

/* Works on what is due; a bounded number of keys at a time. */
void access_controller_run(struct access_controller *controller);
/* When to call run() next, monotonic; -1: only when woken. */
int64_t access_controller_next_due_ms(const struct access_controller *controller);

/* The counts as of now. Borrowed until the next call. */
const struct access_tally *access_controller_tally(struct access_controller *controller);

#endif
