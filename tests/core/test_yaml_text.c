#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>

#include "broker/core/yaml.h"
#include "broker/core/yaml_text.h"
#include "support/json_pattern.h"

static void yaml_text__gives_a_line_for_each_member(void **state)
{
	cleanup_json struct json *object = json_pattern_parse(
		"{'kind':'Role','metadata':{'name':'a:b','labels':{}},"
		"'rules':[{'verbs':['get','*'],'resources':[]},{'verbs':[]}],'count':3,'on':true}");
	cleanup_free char *text = yaml_text(object);

	(void)state;
	assert_string_equal(text, "kind: Role\n"
				  "metadata:\n"
				  "  name: a:b\n"
				  "  labels: {}\n"
				  "rules:\n"
				  "- verbs:\n"
				  "  - get\n"
				  "  - \"*\"\n"
				  "  resources: []\n"
				  "- verbs: []\n"
				  "count: 3\n"
				  "\"on\": true\n");
}

/* What else it might be taken for, or break out of. */
static void yaml_text__is_read_as_the_same(void **state)
{
	static const char *const objects[] = {
		"{}",
		"{'a':'true','b':'No','c':'y','d':'null','e':'~','f':'','g':'12','h':'1e3'}",
		"{'a':'x: y','b':'x #y','c':'- x','d':'x:','e':'*x','f':'&x','g':'!x','h':'{'}",
		"{'a':'x\\ny','b':' x','c':'x ','d':'\\u0007','e':'\\u00e9','f':'---','g':'...'}",
		"{'a':[[1,[2]],{'b':[{'c':{'d':[]}}]}],'e':null,'f':false,'g':-5}",
		"{'a: b':{'- c':1},'':2,'true':3,'0':4}",
		"{'a':{'b':{'c':{'d':['e',{'f':'g','h':{'i':'j'}}]}}}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		cleanup_json struct json *object = json_pattern_parse(objects[i]);
		cleanup_free char *text = yaml_text(object);
		struct error err = {0};
		cleanup_json struct json *again =
			yaml_parse(*text ? text : "{}", *text ? strlen(text) : 2, &err);

		if (!again || !json_equal(object, again))
			fail_msg("%s: %s\n%s", objects[i], err.text, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(yaml_text__gives_a_line_for_each_member),
		cmocka_unit_test(yaml_text__is_read_as_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
