#include "core/lease_object.h"

#include <base/json.h>
#include <base/timestamp.h>

enum { DURATION_MAX_S = 3600 };

const char *lease_object_holder(const struct json *lease)
{
	const char *holder = json_find_string(lease, "spec", "holderIdentity");

	return holder ? holder : "";
}

int64_t lease_object_duration_ms(const struct json *lease, int64_t default_ms)
{
	int64_t seconds = 0;

	json_integer(json_find(lease, "spec", "leaseDurationSeconds"), &seconds);
	if (seconds < 1)
		return default_ms;
	return (seconds < DURATION_MAX_S ? seconds : DURATION_MAX_S) * 1000;
}

int64_t lease_object_transitions(const struct json *lease)
{
	int64_t transitions = 0;

	json_integer(json_find(lease, "spec", "leaseTransitions"), &transitions);
	return transitions > 0 ? transitions : 0;
}

bool lease_object_is_unchanged(const struct json *before, const struct json *lease)
{
	return json_equal(json_find(before, "spec"), json_find(lease, "spec"));
}

static struct json *new_lease(const char *namespace)
{
	struct json *lease = json_object_new();
	struct json *metadata = json_add_object(lease, "metadata");

	json_add_string(lease, "apiVersion", "coordination.k8s.io/v1");
	json_add_string(lease, "kind", "Lease");
	json_add_string(metadata, "namespace", namespace);
	json_add_string(metadata, "name", LEASE_NAME);
	json_add_string(json_add_object(metadata, "labels"), "app.kubernetes.io/managed-by",
			"credbroker");
	return lease;
}

struct json *lease_object_render(const struct json *lease, const char *namespace,
				 const struct lease_terms *terms, int64_t now_us)
{
	struct json *object = lease ? json_dup(lease) : new_lease(namespace);
	const struct json *old = json_find(lease, "spec");
	struct json *spec = json_is_object(old) ? json_dup(old) : json_object_new();
	char now[TIMESTAMP_SIZE];

	timestamp_format_micro(now_us, now);
	json_add_string(spec, "holderIdentity", terms->holder);
	json_add_integer(spec, "leaseDurationSeconds", terms->duration_s);
	json_add_integer(spec, "leaseTransitions", terms->transitions);
	json_add_string(spec, "renewTime", now);
	if (terms->taken || !json_find(spec, "acquireTime"))
		json_add_string(spec, "acquireTime", now);
	json_add(object, "spec", spec);
	return object;
}
