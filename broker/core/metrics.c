#include "core/metrics.h"

#include <stddef.h>

#include <base/memory.h>
#include <base/text.h>

enum {
	SAMPLE_MAX = 1024, /* a name, the name of a ClusterProfile, a number */
	PAGE_MAX = METRIC_COUNT * METRIC_SERIES_MAX * SAMPLE_MAX,
};

static const struct kind {
	const char *name;
	const char *type;
	const char *label; /* NULL: none */
	const char *help;
} kinds[] = {
	[METRIC_BUILD_INFO] = {"credbroker_build_info", "gauge", "version",
			       "Always 1; the version of the program."},
	[METRIC_MEMBER_CLOCK_SKEW] = {"credbroker_member_clock_skew_seconds", "gauge",
				      "cluster_profile",
				      "By how much the clock of the member is ahead of ours."},
	[METRIC_MEMBER_UP] = {"credbroker_member_up", "gauge", "cluster_profile",
			      "1 when the member answered when it was called last."},
	[METRIC_MINTS] = {"credbroker_mints_total", "counter", NULL,
			  "Tokens that members issued for requests."},
	[METRIC_REQUESTS] = {"credbroker_requests", "gauge", "state",
			     "Requests whose credential is issued, that wait for it, or that end."},
	[METRIC_REVOCATIONS] = {"credbroker_revocations_total", "counter", NULL,
				"Accesses whose record was closed."},
	[METRIC_REVOCATIONS_PENDING] = {"credbroker_revocations_pending", "gauge", NULL,
					"Accesses that end and of which something is on record."},
	[METRIC_SERIES_DROPPED] = {"credbroker_metrics_series_dropped", "gauge", NULL,
				   "Series that were left out because there are too many."},
};
_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == METRIC_COUNT, "a metric without a row");

struct metrics {
	struct text samples[METRIC_COUNT];
	unsigned series[METRIC_COUNT];
	unsigned dropped;
};

struct metrics *metrics_new(void)
{
	struct metrics *page = memory_new(sizeof(*page));

	for (int i = 0; i < METRIC_COUNT; i++)
		page->samples[i] = text_with_max(PAGE_MAX);
	return page;
}

void metrics_free(struct metrics *page)
{
	for (int i = 0; page && i < METRIC_COUNT; i++)
		text_done(&page->samples[i]);
	memory_free(page);
}

static void append_label(struct text *text, const char *name, const char *value)
{
	text_appendf(text, "{%s=\"", name);
	for (const char *c = value; *c; c++) {
		if (*c == '\n')
			text_append(text, "\\n");
		else if (*c == '\\' || *c == '"')
			text_appendf(text, "\\%c", *c);
		else
			text_append_bytes(text, c, 1);
	}
	text_append(text, "\"}");
}

void metrics_add(struct metrics *page, enum metric metric, const char *label, double value)
{
	struct text *text = &page->samples[metric];

	if (page->series[metric] == METRIC_SERIES_MAX) {
		page->dropped++;
		return;
	}
	page->series[metric]++;
	text_append(text, kinds[metric].name);
	if (kinds[metric].label)
		append_label(text, kinds[metric].label, label ? label : "");
	text_appendf(text, " %.16g\n", value);
}

char *metrics_render(struct metrics *page)
{
	struct text text = text_with_max(PAGE_MAX);

	metrics_add(page, METRIC_SERIES_DROPPED, NULL, page->dropped);
	for (int i = 0; i < METRIC_COUNT; i++) {
		text_appendf(&text, "# HELP %s %s\n# TYPE %s %s\n", kinds[i].name, kinds[i].help,
			     kinds[i].name, kinds[i].type);
		text_append(&text, text_chars(&page->samples[i]));
	}
	return text_take(&text);
}
