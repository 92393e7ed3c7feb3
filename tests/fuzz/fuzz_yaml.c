/* What is read as YAML is the same when its JSON is read as YAML. */
#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>

#include "broker/core/yaml.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = {0};
	size_t text_size;
	cleanup_json struct json *json = yaml_parse((const char *)data, size, &err);

	require((json == NULL) == (err.kind == ERROR_INVALID));
	if (!json)
		return 0;
	require(json_is_object(json));
	cleanup_free char *text = json_dump(json, &text_size);
	cleanup_json struct json *as_json = json_parse(text, text_size, &err);
	require(json_equal(json, as_json));
	cleanup_json struct json *as_yaml = yaml_parse(text, text_size, &err);
	require(!as_yaml || json_equal(json, as_yaml));
	return 0;
}
