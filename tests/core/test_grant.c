#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <base/error.h>
#include <base/json.h>

#include "core/grant.h"

#define RULE(groups, resources, verbs)                                                             \
	"[{\"apiGroups\":[" groups "],\"resources\":[" resources "],\"verbs\":[" verbs "]}]"

struct row {
	const char *what;
	const char *rules;
};

static bool is_acceptable(const char *text, struct error *err)
{
	cleanup_json struct json *rules = json_parse(text, strlen(text), err);

	assert_non_null(rules);
	return grant_is_acceptable(rules, err);
}

static void grant_is_acceptable__takes_what_is_written_out(void **state)
{
	static const struct row rows[] = {
		{"jobs", RULE("\"batch\"", "\"jobs\"", "\"create\",\"delete\"")},
		{"secrets, to read", RULE("\"\"", "\"secrets\"", "\"get\",\"list\",\"watch\"")},
		{"a resource whose name begins alike",
		 RULE("\"\"", "\"secretstores\"", "\"create\"")},
		{"secrets of another group", RULE("\"example.org\"", "\"secrets\"", "\"create\"")},
		{"a URL", "[{\"nonResourceURLs\":[\"/healthz\"],\"verbs\":[\"get\"]}]"},
		{"no rules", "[]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};

		if (!is_acceptable(rows[i].rules, &err))
			fail_msg("%s: %s", rows[i].what, err.text);
	}
}

static void grant_is_acceptable__refuses_the_way_to_other_identities(void **state)
{
	static const struct row rows[] = {
		{"any verb", RULE("\"batch\"", "\"jobs\"", "\"*\"")},
		{"any group", RULE("\"*\"", "\"jobs\"", "\"get\"")},
		{"any resource", RULE("\"batch\"", "\"*\"", "\"get\"")},
		{"any subresource", RULE("\"batch\"", "\"*/status\"", "\"get\"")},
		{"bind", RULE("\"batch\"", "\"jobs\"", "\"get\",\"bind\"")},
		{"escalate", RULE("\"batch\"", "\"jobs\"", "\"escalate\"")},
		{"impersonate", RULE("\"\"", "\"users\"", "\"impersonate\"")},
		{"roles, to read", RULE("\"rbac.authorization.k8s.io\"", "\"roles\"", "\"get\"")},
		{"tokens", RULE("\"\"", "\"serviceaccounts/token\"", "\"create\"")},
		{"ServiceAccounts", RULE("\"\"", "\"serviceaccounts\"", "\"delete\"")},
		{"Secrets", RULE("\"\"", "\"pods\",\"secrets\"", "\"get\",\"create\"")},
		{"Secrets in a second rule",
		 "[{\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"verbs\":[\"get\"]},"
		 "{\"apiGroups\":[\"\"],\"resources\":[\"secrets\"],\"verbs\":[\"delete\"]}]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};

		if (is_acceptable(rows[i].rules, &err) || err.kind != ERROR_DENIED)
			fail_msg("%s was granted", rows[i].what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grant_is_acceptable__takes_what_is_written_out),
		cmocka_unit_test(grant_is_acceptable__refuses_the_way_to_other_identities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
