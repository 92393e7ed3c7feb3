#include "support/sample_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>

#include "core/hub_state.h"
#include "core/ledger.h"
#include "core/request.h"
#include "core/rights.h"
#include "support/json_pattern.h"

static const char sample[] =
	"{'apiVersion':'multicluster.x-k8s.io/v1alpha1','kind':'AuthTokenRequest',"
	"'metadata':{'namespace':'team-a','name':'reader','uid':'request-1',"
	"'resourceVersion':'100','generation':1},"
	"'spec':{'targetClusterProfile':{'apiGroup':'multicluster.x-k8s.io',"
	"'kind':'ClusterProfile','namespace':'fleet-system','name':'member-1'},"
	"'serviceAccountName':'reader',"
	"'roles':[{'namespace':'apps','name':'pod-reader','rules':["
	"{'apiGroups':[''],'resources':['pods'],'verbs':['get','list']}]}],"
	"'clusterRoles':[{'name':'view'}]}}";

struct json *sample_request_json(const char *changes)
{
	cleanup_json struct json *base = json_pattern_parse(sample);
	cleanup_json struct json *patch = json_pattern_parse(changes);

	return json_pattern_merge(base, patch);
}

struct request *sample_request(const char *changes)
{
	cleanup_json struct json *object = sample_request_json(changes);
	struct error err = {0};
	struct request *request = request_read(object, &err);

	if (!request)
		fail_msg("%s", err.text);
	return request;
}

struct rights *sample_request_rights(const struct request *request)
{
	const struct hub_state nothing = {0};
	struct error err = {0};
	struct rights *rights = rights_gather(request, &nothing, "fleet-system/member-1", &err);

	if (!rights)
		fail_msg("%s", err.text);
	return rights;
}

struct ledger *sample_request_ledger(const struct request *request)
{
	struct rights *rights = sample_request_rights(request);
	struct ledger *ledger = ledger_new(request, rights,
					   &(struct ledger_plan){
						   .hub_id = "hub-1",
						   .profile_key = "fleet-system/member-1",
						   .profile_uid = "profile-1",
						   .member_uid = "cluster-1",
						   .identity_namespace = "credbroker-identities",
						   .nonce = "0123456789abcdef0123456789abcdef",
					   });

	rights_free(rights);
	return ledger;
}
