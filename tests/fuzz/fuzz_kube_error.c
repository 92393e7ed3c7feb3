/* Every response has one meaning, told in our own words. The first three bytes are the status and
 * the content type, the rest is the body. */
#include <string.h>

#include <base/error.h>
#include <base/json.h>

#include "broker/core/kube_error.h"
#include "tests/fuzz/fuzz.h"

static void require_meaning(const struct kube_error *error)
{
	struct error err = {0};

	require(error->reason <= KUBE_REASON_UNSUPPORTED);
	require(error->retry_after_s >= -1 && error->retry_after_s <= KUBE_RETRY_AFTER_MAX_S);
	require((error->reason == KUBE_REASON_NONE) ==
		(error->status >= 200 && error->status <= 299));
	require(kube_error_describe(error, &err) == (error->reason == KUBE_REASON_NONE));
	require(err.kind == kube_error_kind(error));
	require(strstr(err.text, "canary") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = {"application/json", "application/json; charset=utf-8",
					    "text/plain", NULL};
	struct kube_error error;
	struct error err = {0};

	if (size < 3)
		return 0;
	int status = data[0] * 256 + data[1];
	const char *body = (const char *)data + 3;
	kube_error_classify(status, types[data[2] % 4], body, size - 3, (int)(data[2] / 4) - 1,
			    &error);
	require(error.status == status);
	require_meaning(&error);

	cleanup_json struct json *json = json_parse(body, size - 3, &err);
	kube_error_classify_status(json, &error);
	require(error.reason != KUBE_REASON_NONE);
	require_meaning(&error);
	return 0;
}
