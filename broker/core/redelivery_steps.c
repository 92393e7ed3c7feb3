#include "core/redelivery_steps.h"

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/secret.h>

#include "core/access.h"
#include "core/access_steps.h"
#include "core/delivered_token.h"
#include "core/delivery_steps.h"
#include "core/ledger.h"
#include "delivery/cluster_facts.h"

/* Whatever became of the write, the Secret holds the same token, and is read before the next. */
static void rewritten(struct access_steps *steps, struct access *access,
		      const struct kube_reply *reply)
{
	bool taken = reply->err && reply->err->kind == ERROR_CONFLICT;
	struct error err = {0};

	if (taken || reply->kube.outcome_unknown || reply->kube.reason == KUBE_REASON_NOT_FOUND) {
		access->delivery = DELIVERY_UNKNOWN;
		error_set(&err, ERROR_UNAVAILABLE, "whether the Secret was written is not known");
		access_steps_fail(steps, access, "HubUnavailable", &err);
		return;
	}
	if (reply->err) {
		delivery_steps_fail(steps, access, reply);
		return;
	}
	delivery_steps_note(access, reply->object, access->delivery_generation);
	delivery_steps_note_cluster(access);
	access_steps_succeed(steps, access);
}

static void write_again(struct access_steps *steps, struct access *access,
			const struct secret *token)
{
	const struct cluster_facts *cluster =
		steps->executor.cluster(steps->executor.context, access->profile_key);
	cleanup_json struct json *object = NULL;

	if (!cluster) {
		access_steps_succeed(steps, access); /* the member went away meanwhile */
		return;
	}
	object = delivery_steps_render(access, cluster, access->delivery_generation, token);
	delivery_steps_call(steps, access,
			    (struct kube_request){.verb = KUBE_APPLY,
						  .body = object,
						  .accept = KUBE_METADATA_ONLY},
			    rewritten);
}

static void secret_answered(struct access_steps *steps, struct access *access,
			    const struct kube_reply *reply)
{
	const struct ledger_anchor *anchor =
		ledger_anchor(access->ledger, access->delivery_generation);
	cleanup_secret struct secret token = {0};
	struct error why = {0};

	if (reply->kube.reason == KUBE_REASON_NOT_FOUND) {
		delivery_steps_note_missing(access);
		access_steps_succeed(steps, access);
	} else if (reply->err) {
		delivery_steps_fail(steps, access, reply);
	} else if (!anchor || !delivery_steps_is_ours(access, reply->object)) {
		access->delivery = DELIVERY_UNKNOWN; /* to be read and reported like any other */
		access_steps_succeed(steps, access);
	} else if (!delivered_token_read(reply->object, anchor, &token, &why)) {
		delivery_steps_note(access, reply->object, 0);
		access_steps_succeed(steps, access);
	} else {
		delivery_steps_note(access, reply->object, access->delivery_generation);
		write_again(steps, access, &token);
	}
}

void redelivery_step_write(struct access_steps *steps, struct access *access)
{
	access->asked_cluster[0] = '\0';
	delivery_steps_call(steps, access, (struct kube_request){.verb = KUBE_GET},
			    secret_answered);
}
