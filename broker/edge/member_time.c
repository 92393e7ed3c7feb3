#include "edge/member_time.h"

#include <stdio.h>

#include <base/clock.h>

#include "core/kube_call.h"
#include "core/member_clock.h"
#include "edge/log.h"

static void tell(const struct member_clock *member, const char *profile_key)
{
	char ahead[24];

	snprintf(ahead, sizeof(ahead), "%lld", (long long)member->told_s);
	if (member->told_s != 0)
		log_event(LOG_LEVEL_WARNING, "the member's clock is not ours", "clusterProfile",
			  profile_key, "reason", "ClockSkewed", "aheadSeconds", ahead, NULL);
	else
		log_event(LOG_LEVEL_INFO, "the member's clock is ours again", "clusterProfile",
			  profile_key, NULL);
}

enum member_time_news member_time_take(struct member_clock *member, const struct clock *ours,
				       const char *profile_key, const struct kube_reply *reply)
{
	int64_t now_ms = clock_monotonic_ms(ours);
	int64_t wall_ms = clock_wall_us(ours) / 1000;
	bool was_skewed = member->told_s != 0;

	if (!member_clock_note(member, reply->date_s, reply->trip_ms, now_ms, wall_ms))
		return MEMBER_TIME_STANDS;
	if (!member->settled)
		return MEMBER_TIME_WANTED;
	if (!member_clock_tell(member, now_ms, wall_ms))
		return MEMBER_TIME_STANDS;
	if (was_skewed != (member->told_s != 0))
		tell(member, profile_key);
	return MEMBER_TIME_TOLD;
}
