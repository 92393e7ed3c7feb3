/* access_failure.h - why the last step for a request failed, and when it is tried again. */
#ifndef CORE_ACCESS_FAILURE_H
#define CORE_ACCESS_FAILURE_H

#include <stdint.h>

#include <base/error.h>

#include "core/access_plan.h"

struct access_failure {
	enum access_step step;
	int index;
	struct error error;
	const char *reason;  /* static; NULL: no failure */
	int64_t retry_at_ms; /* monotonic */
};

#endif
