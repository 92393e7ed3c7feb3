/* member_time.h - takes the time of a member from its replies, and logs when it begins and ends to
 * differ from ours. */
#ifndef EDGE_MEMBER_TIME_H
#define EDGE_MEMBER_TIME_H

#include <stdbool.h>

struct clock;
struct kube_reply;
struct member_clock;

enum member_time_news {
	MEMBER_TIME_STANDS,
	MEMBER_TIME_TOLD,   /* people are told another skew from now on */
	MEMBER_TIME_WANTED, /* the member should be asked once more before its time is acted on */
};

/* Every reply of the member of PROFILE_KEY tells the time. */
enum member_time_news member_time_take(struct member_clock *member, const struct clock *ours,
				       const char *profile_key, const struct kube_reply *reply);

#endif
