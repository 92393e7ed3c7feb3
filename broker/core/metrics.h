/* metrics.h - numbers about the work, as text for Prometheus (exposition format 0.0.4). Pure.
 *
 * A metric is a name in the enum, a row of the table in metrics.c, a row in docs/metrics.md, and
 * a metrics_add() where its number is known. Labels never hold what tenants choose: each would be
 * a series for ever. */
#ifndef CORE_METRICS_H
#define CORE_METRICS_H

struct metrics;

enum metric {
	METRIC_BUILD_INFO,
	METRIC_MEMBER_CLOCK_SKEW,
	METRIC_MEMBER_UP,
	METRIC_MINTS,
	METRIC_REQUESTS,
	METRIC_REVOCATIONS,
	METRIC_REVOCATIONS_PENDING,
	METRIC_SERIES_DROPPED,
	METRIC_COUNT,
};

enum { METRIC_SERIES_MAX = 5000 }; /* of one metric: members are the most of which there are many */

/* An empty page. The caller's. */
struct metrics *metrics_new(void);
/* NULL is fine. */
void metrics_free(struct metrics *page);

/* Adds one sample of METRIC. LABEL is the value of its label, or NULL where it has none. What is
 * beyond METRIC_SERIES_MAX is left out and counted. */
void metrics_add(struct metrics *page, enum metric metric, const char *label, double value);

/* All of it, each metric with its help and type. The caller's. */
char *metrics_render(struct metrics *page);

#endif
