/* health.h - whether the process is alive and ready, as named checks, and what probes are told.
 *
 * Pure. Each check is kept up to date by whoever knows; probes read. Whoever can reach the port can
 * read names and reasons, so these say nothing of requests, members and servers. */
#ifndef CORE_HEALTH_H
#define CORE_HEALTH_H

#include <stdbool.h>
#include <stddef.h>

enum { HEALTH_CHECKS_MAX = 32, HEALTH_NAME_MAX = 64 };

enum health_probe {
	HEALTH_LIVE,  /* a failure means: start the process again */
	HEALTH_READY, /* ... means: it does not do its work now; contains the live checks */
};

struct health_check {
	char name[HEALTH_NAME_MAX];
	enum health_probe probe;
	bool ok;
	const char *reason; /* why not; static */
	const char *remark; /* what is said beside "ok"; static, NULL: nothing */
};

/* Zeroed means that there are no checks. */
struct health {
	struct health_check checks[HEALTH_CHECKS_MAX];
	size_t count;
};

/* Sets the check NAME of PROBE, which is added when it is new. REASON is static, NULL when OK. */
void health_set(struct health *health, enum health_probe probe, const char *name, bool ok,
		const char *reason);

/* Says REMARK, which is static, where the check NAME is ok. NAME is one that was set. */
void health_remark(struct health *health, const char *name, const char *remark);

bool health_is_ok(const struct health *health, enum health_probe probe);

/* What the probe called NAME ("livez") is told: "ok", or with VERBOSE or a failure a line for each
 * check, as API servers write it. The caller's. */
char *health_text(const struct health *health, enum health_probe probe, const char *name,
		  bool verbose);

#endif
