#include "core/sweep_news.h"

#include <stdio.h>

#include "core/access_news.h"
#include "core/kube_path.h"
#include "core/stray.h"

enum { MESSAGE_SIZE = 1024 }; /* what an Event takes */

static void tell(const struct sweep_teller *teller, const char *type, const char *reason,
		 const char *message)
{
	teller->tell(teller->context, &(struct access_news){
					      .type = type,
					      .action = "Sweep",
					      .reason = reason,
					      .message = message,
					      .profile_key = teller->profile_key,
					      .profile_uid = teller->profile_uid,
				      });
}

void sweep_news_deleted(const struct sweep_teller *teller, const struct stray *stray)
{
	char message[MESSAGE_SIZE];

	snprintf(message, sizeof(message),
		 "%s %s%s%s was deleted on the member: it was made for the request with the UID "
		 "%s, which is neither there nor on record",
		 stray->resource->kind, stray->namespace ? stray->namespace : "",
		 stray->namespace ? "/" : "", stray->name, stray->request_uid);
	tell(teller, "Normal", "StrayDeleted", message);
}

void sweep_news_stopped(const struct sweep_teller *teller, size_t deleted, size_t left)
{
	char message[MESSAGE_SIZE];

	snprintf(message, sizeof(message),
		 "%zu objects on the member that this hub made have neither a request nor a record "
		 "any more; %zu more were deleted, which is all that may go in ten minutes. The "
		 "others follow. If the hub has lost its records, end the broker, or set "
		 "--sweep-interval 0, before they do",
		 left, deleted);
	tell(teller, "Warning", "SweepStopped", message);
}

void sweep_news_denied(const struct sweep_teller *teller, const char *verb,
		       const struct kube_resource *resource)
{
	char message[MESSAGE_SIZE];

	snprintf(message, sizeof(message),
		 "what stands on the member without a record stays: the broker may not %s %s "
		 "there; apply the output of credbroker member-rbac again",
		 verb, resource->plural);
	tell(teller, "Warning", "SweepDenied", message);
}

void sweep_news_unproven(const struct sweep_teller *teller, size_t count)
{
	char message[MESSAGE_SIZE];

	snprintf(message, sizeof(message),
		 "%zu objects on the member have this hub's labels, and neither its mark nor a "
		 "record: somebody else made them, or the hub's key was another one then. They "
		 "stay",
		 count);
	tell(teller, "Warning", "StraysUnproven", message);
}

void sweep_news_short_list(const struct sweep_teller *teller)
{
	tell(teller, "Warning", "SweepUnsure",
	     "the hub's lists lack requests or records that its watches show: nothing is deleted "
	     "on the member on their word");
}
