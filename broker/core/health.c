#include "core/health.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <base/text.h>

enum { TEXT_MAX = 8192 };

static struct health_check *find_or_add(struct health *health, const char *name)
{
	struct health_check *added;

	for (size_t i = 0; i < health->count; i++)
		if (strcmp(health->checks[i].name, name) == 0)
			return &health->checks[i];
	assert(health->count < HEALTH_CHECKS_MAX);
	added = &health->checks[health->count++];
	snprintf(added->name, sizeof(added->name), "%s", name);
	return added;
}

void health_set(struct health *health, enum health_probe probe, const char *name, bool ok,
		const char *reason)
{
	struct health_check *check = find_or_add(health, name);

	check->probe = probe;
	check->ok = ok;
	check->reason = ok ? NULL : reason;
}

void health_remark(struct health *health, const char *name, const char *remark)
{
	find_or_add(health, name)->remark = remark;
}

static bool counts(const struct health_check *check, enum health_probe probe)
{
	return probe == HEALTH_READY || check->probe == HEALTH_LIVE;
}

bool health_is_ok(const struct health *health, enum health_probe probe)
{
	for (size_t i = 0; i < health->count; i++)
		if (counts(&health->checks[i], probe) && !health->checks[i].ok)
			return false;
	return true;
}

char *health_text(const struct health *health, enum health_probe probe, const char *name,
		  bool verbose)
{
	bool ok = health_is_ok(health, probe);
	struct text text = text_with_max(TEXT_MAX);

	if (ok && !verbose) {
		text_append(&text, "ok");
		return text_take(&text);
	}
	for (size_t i = 0; i < health->count; i++) {
		const struct health_check *check = &health->checks[i];

		if (!counts(check, probe))
			continue;
		if (check->ok)
			text_appendf(&text, "[+]%s ok%s%s\n", check->name,
				     check->remark ? ": " : "", check->remark ? check->remark : "");
		else
			text_appendf(&text, "[-]%s failed: %s\n", check->name, check->reason);
	}
	text_appendf(&text, "%s check %s\n", name, ok ? "passed" : "failed");
	return text_take(&text);
}
