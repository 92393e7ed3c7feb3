/* access_schedule.h - when the delivered token is due and when it ends, on the monotonic clock.
 *
 * From its mint on that follows from its lifetime; after a restart from what is on record, which
 * is in the member's time. Pure. */
#ifndef CORE_ACCESS_SCHEDULE_H
#define CORE_ACCESS_SCHEDULE_H

#include <stdint.h>

struct access;
struct member_facts;

/* After a restart: takes up the schedule of the delivered token, once, when the member is ready and
 * with it its time. A member that sends no Date is taken to have ours (WALL_MS). */
void access_schedule_resume(struct access *access, const struct member_facts *member,
			    int64_t now_ms, int64_t wall_ms);

/* When the delivered token ends; by our own wall clock before the schedule was taken up. 0: there
 * is none. */
int64_t access_schedule_expiry_ms(const struct access *access, int64_t now_ms, int64_t wall_ms);

#endif
