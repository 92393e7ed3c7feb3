/* condition.h - Kubernetes status conditions (metav1.Condition). Pure. */
#ifndef CORE_CONDITION_H
#define CORE_CONDITION_H

#include <stdint.h>

struct json;

enum { CONDITION_TIMELESS = -1 };

struct condition {
	const char *type;
	const char *status;  /* "True", "False", "Unknown" */
	const char *reason;  /* CamelCase */
	const char *message; /* cut to CONDITION_MESSAGE_MAX bytes at a UTF-8 boundary */
};

/* Appends CONDITION to LIST. lastTransitionTime is taken over from the condition of the same type
 * and status in OLD_LIST (NULL: none), else it is NOW_S (kube-semantics CN-02). With NOW_S
 * CONDITION_TIMELESS there is none. */
void condition_append(struct json *list, const struct condition *condition, int64_t generation,
		      const struct json *old_list, int64_t now_s);

#endif
