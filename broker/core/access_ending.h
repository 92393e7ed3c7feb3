/* access_ending.h - decides the next step for an access that is to be undone.
 *
 * Pure; a part of the plan. It ends because its request goes, or is no longer allowed. */
#ifndef CORE_ACCESS_ENDING_H
#define CORE_ACCESS_ENDING_H

#include <stdbool.h>

struct access_facts;
struct access_plan;

bool access_ending_is_due(const struct access_facts *facts);

/* True also when it is about to be, for want of a permission: nothing new comes before that. */
bool access_ending_is_near(const struct access_facts *facts);

/* What does not even wait for the next try on a member that failed. False: nothing. */
bool access_ending_comes_first(const struct access_facts *facts, struct access_plan *ret_plan);

/* The rest, in order. False: the access is not to be undone. */
bool access_ending_next(const struct access_facts *facts, struct access_plan *ret_plan);

#endif
