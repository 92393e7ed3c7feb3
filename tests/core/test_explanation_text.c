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

#include "broker/core/explanation_text.h"
#include "broker/core/yaml.h"
#include "support/json_pattern.h"

static void assert_text(const char *report, const char *source, const char *expected)
{
	cleanup_json struct json *json = json_pattern_parse(report);
	cleanup_free char *text = explanation_text(json, source);

	assert_string_equal(text, expected);
}

static void explanation_text__tells_why_not(void **state)
{
	(void)state;
	assert_text("{'request':'a/b','clusterProfile':'c/d','allowed':false,'reason':'R',"
		    "'message':'no such','policies':[{'name':'p','allowed':false,"
		    "'agrees':'audiences','refuses':'lifetime','message':'too long'},"
		    "{'name':'q','allowed':false,'refuses':'subjects','message':'not yours'}],"
		    "'notes':['as said']}",
		    "file.yaml",
		    "# a/b on c/d (file.yaml)\n"
		    "#   not allowed: R: no such\n"
		    "#   what each AccessPolicy says:\n"
		    "#     p: agrees up to audiences, stops at lifetime: too long\n"
		    "#     q: stops at subjects: not yours\n"
		    "#   note: as said\n");
	assert_text("{'request':'a/b','clusterProfile':'c/d','allowed':false,'reason':'R',"
		    "'policies':[]}",
		    NULL,
		    "# a/b on c/d\n"
		    "#   not allowed: R: \n"
		    "#   there are no AccessPolicies\n");
}

static void explanation_text__ends_in_the_objects(void **state)
{
	(void)state;
	assert_text(
		"{'request':'a/b','clusterProfile':'c/d','requester':{'username':'jane'},"
		"'allowed':true,'policy':'p','policies':[{'name':'p','allowed':true}],"
		"'tokenRequest':{'spec':{'expirationSeconds':600,'audiences':['vault'],"
		"'boundObjectRef':{'name':'anchor'}}},'renewAtPercent':45,"
		"'objects':[{'kind':'One'},{'kind':'Two'}]}",
		NULL,
		"# a/b on c/d\n"
		"#   requested by jane\n"
		"#   allowed by AccessPolicy p\n"
		"#   what each AccessPolicy says:\n"
		"#     p: allows all of it\n"
		"#   the token: 600 seconds, audiences [\"vault\"], bound to the Secret anchor\n"
		"#   renewed at 45 % of the lifetime that is granted, give or take 10\n"
		"---\n"
		"kind: One\n"
		"---\n"
		"kind: Two\n");
}

/* Whoever writes the file must not write on the reader's terminal, nor into the YAML. */
static void explanation_text__lets_no_name_out_of_its_line(void **state)
{
	(void)state;
	assert_text("{'request':'a/\\u001b[2J','clusterProfile':'c\\n---\\nkind: X',"
		    "'allowed':false,'reason':'R','message':'\\u009b'}",
		    NULL,
		    "# a/?[2J on c?---?kind: X\n"
		    "#   not allowed: R: ??\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(explanation_text__tells_why_not),
		cmocka_unit_test(explanation_text__ends_in_the_objects),
		cmocka_unit_test(explanation_text__lets_no_name_out_of_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
