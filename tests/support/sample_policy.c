#include "support/sample_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <rbac/access_policy.h>

#include "support/json_pattern.h"

static const char sample[] =
	"{'apiVersion':'credbroker.dev/v1alpha1','kind':'AccessPolicy',"
	"'metadata':{'name':'" SAMPLE_POLICY_NAME "','uid':'policy-1','resourceVersion':'50'},"
	"'spec':{'subjects':[{'namespaces':['team-a']}],"
	"'clusterProfiles':[{'namespaces':['fleet-system']}],"
	"'allow':{'clusterRules':[{'apiGroups':['*'],'resources':['*'],'verbs':['*']}],"
	"'clusterRoles':['view'],'audiences':['vault'],"
	"'lifetime':{'minSeconds':600,'maxSeconds':86400}}}}";

struct json *sample_policy_json(const char *changes)
{
	cleanup_json struct json *base = json_pattern_parse(sample);
	cleanup_json struct json *patch = json_pattern_parse(changes);

	return json_pattern_merge(base, patch);
}

struct access_policy *sample_policy(const char *changes)
{
	cleanup_json struct json *object = sample_policy_json(changes);
	struct error err = {0};
	struct access_policy *policy = access_policy_read(object, &err);

	if (!policy)
		fail_msg("%s", err.text);
	return policy;
}
