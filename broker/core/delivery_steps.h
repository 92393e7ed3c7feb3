/* delivery_steps.h - the steps that read, write and withdraw the Secret on the hub.
 *
 * Only a Secret that is ours (its UID is in the ledger, or its reply was lost and it carries our
 * mark) is ever changed or deleted. These steps read metadata only: no token comes in this way. */
#ifndef CORE_DELIVERY_STEPS_H
#define CORE_DELIVERY_STEPS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/access_steps.h"

struct cluster_facts;
struct secret;

void delivery_step_read(struct access_steps *steps, struct access *access);
/* Writes the token in hand; afterwards it is not in hand any more. */
void delivery_step_write(struct access_steps *steps, struct access *access);
void delivery_step_withdraw(struct access_steps *steps, struct access *access);

/* For the files that implement other steps on the same Secret. */

/* Makes REQUEST, whose path is filled in, on the Secret. */
void delivery_steps_call(struct access_steps *steps, struct access *access,
			 struct kube_request request, access_reply *handle);
/* True when LIVE, as read from the hub, is ours. */
bool delivery_steps_is_ours(const struct access *access, const struct json *live);
/* Keeps what is known of LIVE, which is ours and holds the token of the anchor of GENERATION, or of
 * no known one (0): what it says about itself is its owner's to change. */
void delivery_steps_note(struct access *access, const struct json *live, int64_t generation);
void delivery_steps_note_missing(struct access *access);
/* Keeps that the Secret was written as asked last, with the member's address of that time. */
void delivery_steps_note_cluster(struct access *access);
/* The Secret with TOKEN, which is that of the anchor of GENERATION. The caller's. */
struct json *delivery_steps_render(struct access *access, const struct cluster_facts *cluster,
				   int64_t generation, const struct secret *token);
/* Fails the step by REPLY, an error of the hub. */
void delivery_steps_fail(struct access_steps *steps, struct access *access,
			 const struct kube_reply *reply);

#endif
