#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "broker/core/yaml.h"
#include "broker/manifest.h"
#include "broker/options.h"
#include "support/captured_output.h"

static struct options with_two_of_each(void)
{
	return (struct options){
		.service_account = "broker-system/broker",
		.identity_namespaces = {{"ids-a", "ids-b"}, 2},
		.namespaces = {{"team-a", "team-b"}, 2},
		.may_bind = {{"view", "apps/pod-reader", "system:node-reader"}, 3},
		.may_grant = {{"reader", "writer"}, 2},
		.existing_accounts = {{"argocd/manager", "kube-system/a.b"}, 2},
	};
}

static void print_member(const void *options)
{
	struct error err = {0};

	assert_true(manifest_print_member(options, &err));
}

static void print_hub(const void *options)
{
	manifest_print_hub(options);
}

static void append_words(struct text *text, const struct json *list)
{
	for (size_t i = 0; i < json_size(list); i++)
		text_appendf(text, "%s%s", i > 0 ? "," : "", json_string(json_item(list, i)));
}

/* "KIND NAMESPACE/NAME", then one line for each rule: "group resources verbs [names]". */
static void tell_role(struct text *text, const struct json *role)
{
	const struct json *rules = json_find(role, "rules");
	const char *namespace = json_find_string(role, "metadata", "namespace");

	text_appendf(text, "%s %s/%s\n", json_find_string(role, "kind"), namespace ? namespace : "",
		     json_find_string(role, "metadata", "name"));
	for (size_t i = 0; i < json_size(rules); i++) {
		const struct json *rule = json_item(rules, i);
		const char *keys[] = {"apiGroups", "resources", "verbs", "resourceNames"};

		for (size_t k = 0; k < 4; k++) {
			text_append(text, " ");
			append_words(text, json_find(rule, keys[k]));
		}
		text_append(text, "\n");
	}
}

static void tell_binding(struct text *text, const struct json *binding)
{
	const struct json *subject = json_item(json_find(binding, "subjects"), 0);
	const char *namespace = json_find_string(binding, "metadata", "namespace");

	assert_int_equal(json_size(json_find(binding, "subjects")), 1);
	assert_string_equal(json_find_string(binding, "roleRef", "apiGroup"),
			    "rbac.authorization.k8s.io");
	assert_string_equal(json_find_string(subject, "kind"), "ServiceAccount");
	text_appendf(text, "%s %s/%s: %s %s to %s/%s\n", json_find_string(binding, "kind"),
		     namespace ? namespace : "", json_find_string(binding, "metadata", "name"),
		     json_find_string(binding, "roleRef", "kind"),
		     json_find_string(binding, "roleRef", "name"),
		     json_find_string(subject, "namespace"), json_find_string(subject, "name"));
}

static void tell_object(struct text *text, const char *yaml, size_t size)
{
	struct error err = {0};
	cleanup_json struct json *object = yaml_parse(yaml, size, &err);

	if (!object)
		fail_msg("%s: %.*s", err.text, (int)size, yaml);
	if (json_find(object, "roleRef"))
		tell_binding(text, object);
	else
		tell_role(text, object);
}

/* What the manifest allows, in short. The caller's. */
static char *told(void (*print)(const void *options), const struct options *options)
{
	cleanup_free char *manifest = captured_output(print, options);
	struct text text = text_with_max(1 << 20);
	const char *at = manifest;

	while (*at) {
		const char *end = strstr(at, "---\n");
		size_t size = end ? (size_t)(end - at) : strlen(at);

		tell_object(&text, at, size);
		at += size + (end ? 4 : 0);
	}
	return text_take(&text);
}

#define RBAC " rbac.authorization.k8s.io "

static void manifest_print_member__gives_these_rights_and_no_others(void **state)
{
	struct options options = with_two_of_each();
	cleanup_free char *text = told(print_member, &options);

	(void)state;
	assert_string_equal(
		text,
		"ServiceAccount broker-system/broker\n"
		"ClusterRole /credbroker-member\n"
		"  namespaces get kube-system\n" RBAC
		"roles,rolebindings,clusterroles,clusterrolebindings "
		"get,list,create,patch,delete \n" RBAC "clusterroles bind view\n" RBAC
		"clusterroles bind system:node-reader\n"
		"ClusterRoleBinding /credbroker-member: ClusterRole credbroker-member "
		"to broker-system/broker\n"
		"Role broker-system/credbroker-own\n"
		"  serviceaccounts/token create broker\n"
		"  secrets create,delete \n"
		"RoleBinding broker-system/credbroker-own: Role credbroker-own "
		"to broker-system/broker\n"
		"ClusterRoleBinding /credbroker-may-grant:reader: ClusterRole reader "
		"to broker-system/broker\n"
		"ClusterRoleBinding /credbroker-may-grant:writer: ClusterRole writer "
		"to broker-system/broker\n"
		"Role apps/credbroker-may-bind:pod-reader\n" RBAC "roles bind pod-reader\n"
		"RoleBinding apps/credbroker-may-bind:pod-reader: Role "
		"credbroker-may-bind:pod-reader to broker-system/broker\n"
		"Role ids-a/credbroker-identities\n"
		"  serviceaccounts get,list,create,patch,delete \n"
		"  serviceaccounts/token create \n"
		"  secrets create,delete \n"
		"RoleBinding ids-a/credbroker-identities: Role credbroker-identities "
		"to broker-system/broker\n"
		"Role ids-b/credbroker-identities\n"
		"  serviceaccounts get,list,create,patch,delete \n"
		"  serviceaccounts/token create \n"
		"  secrets create,delete \n"
		"RoleBinding ids-b/credbroker-identities: Role credbroker-identities "
		"to broker-system/broker\n"
		"Role argocd/credbroker-existing:manager\n"
		"  serviceaccounts get manager\n"
		"  serviceaccounts/token create manager\n"
		"  secrets create,delete \n"
		"RoleBinding argocd/credbroker-existing:manager: Role credbroker-existing:manager "
		"to broker-system/broker\n"
		"Role kube-system/credbroker-existing:a.b\n"
		"  serviceaccounts get a.b\n"
		"  serviceaccounts/token create a.b\n"
		"  secrets create,delete \n"
		"RoleBinding kube-system/credbroker-existing:a.b: Role credbroker-existing:a.b "
		"to broker-system/broker\n");
}

static void manifest_print_member__without_options_binds_and_grants_nothing(void **state)
{
	struct options options = {.service_account = "a/b", .identity_namespaces = {{"ids"}, 1}};
	cleanup_free char *text = told(print_member, &options);

	(void)state;
	assert_null(strstr(text, " bind "));
	assert_null(strstr(text, "may-grant"));
	assert_null(strstr(text, "may-bind"));
	assert_null(strstr(text, "existing"));
}

static void manifest_print_hub__gives_these_rights_and_no_others(void **state)
{
	struct options options = with_two_of_each();
	cleanup_free char *text = told(print_hub, &options);

	(void)state;
	assert_string_equal(
		text, "ServiceAccount broker-system/broker\n"
		      "ClusterRole /credbroker-hub\n"
		      " multicluster.x-k8s.io authtokenrequests get,list,watch,patch \n"
		      " multicluster.x-k8s.io authtokenrequests issue \n"
		      " multicluster.x-k8s.io authtokenrequests/status patch \n"
		      " multicluster.x-k8s.io clusterprofiles get,list,watch \n"
		      " credbroker.dev accesspolicies,rbactemplates get,list,watch \n"
		      "  namespaces get,list,watch \n"
		      " admissionregistration.k8s.io "
		      "validatingadmissionpolicies,validatingadmissionpolicybindings get "
		      "credbroker-requests,credbroker-own-fields\n"
		      " authorization.k8s.io subjectaccessreviews create \n"
		      " events.k8s.io events create \n"
		      "ClusterRoleBinding /credbroker-hub: ClusterRole credbroker-hub "
		      "to broker-system/broker\n"
		      "Role broker-system/credbroker-ledger\n"
		      " credbroker.dev issuedcredentials get,list,watch,create,update,delete \n"
		      " coordination.k8s.io leases create \n"
		      " coordination.k8s.io leases get,update credbroker\n"
		      "  secrets get,list,watch,create,update,delete \n"
		      "  configmaps create \n"
		      "  configmaps get credbroker-hub,credbroker-hub-key\n"
		      " multicluster.x-k8s.io authtokenrequests create \n"
		      " multicluster.x-k8s.io clusterprofiles request-token credbroker-canary\n"
		      "RoleBinding broker-system/credbroker-ledger: Role credbroker-ledger "
		      "to broker-system/broker\n"
		      "Role team-a/credbroker-deliveries\n"
		      "  secrets get,create,patch,delete \n"
		      "RoleBinding team-a/credbroker-deliveries: Role credbroker-deliveries "
		      "to broker-system/broker\n"
		      "Role team-b/credbroker-deliveries\n"
		      "  secrets get,create,patch,delete \n"
		      "RoleBinding team-b/credbroker-deliveries: Role credbroker-deliveries "
		      "to broker-system/broker\n");
}

static void manifests__hold_no_right_that_is_never_wanted(void **state)
{
	static const char *const never[] = {"*", "escalate", "impersonate", "namespaces create",
					    "namespaces delete"};
	struct options options = with_two_of_each();
	cleanup_free char *member = told(print_member, &options);
	cleanup_free char *hub = told(print_hub, &options);

	(void)state;
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		assert_null(strstr(member, never[i]));
		assert_null(strstr(hub, never[i]));
	}
}

static void manifests__are_the_same_bytes_each_time(void **state)
{
	struct options options = with_two_of_each();
	cleanup_free char *one = captured_output(print_member, &options);
	cleanup_free char *other = captured_output(print_member, &options);

	(void)state;
	assert_string_equal(one, other);
}

static void manifest_print_member__holds_what_templates_give(void **state)
{
	struct options options = with_two_of_each();
	cleanup_free char *text = NULL;

	(void)state;
	options.templates.items[options.templates.count++] =
		TEST_DATA "/../../deploy/templates/read-only-viewer.yaml";
	text = captured_output(print_member, &options);
	assert_non_null(strstr(text, "\nkind: ClusterRole\nmetadata:\n  name: "
				     "\"credbroker-template:read-only-viewer\"\n"));
	assert_non_null(strstr(text, "resources: [clusterroles], verbs: [bind], "
				     "resourceNames: [\"view\"]}\n"));
	assert_non_null(strstr(text, "- {\"apiGroups\":[\"storage.k8s.io\"],"
				     "\"resources\":[\"storageclasses\"],\"verbs\":"));
	assert_non_null(strstr(text, "kind: ClusterRole, name: "
				     "\"credbroker-template:read-only-viewer\"}\n"));
}

static void manifest_print_member__refuses_what_is_no_template(void **state)
{
	struct options options = with_two_of_each();
	struct error err = {0};

	(void)state;
	options.templates.items[options.templates.count++] =
		TEST_DATA "/../../deploy/examples/accesspolicy.yaml";
	assert_false(manifest_print_member(&options, &err));
	assert_non_null(strstr(err.text, "accesspolicy.yaml: "));
	err = (struct error){0};
	options.templates.items[0] = TEST_DATA "/../../deploy/templates/argocd-manager.yaml";
	assert_false(manifest_print_member(&options, &err));
	assert_non_null(strstr(err.text, "which the broker must not hold"));
	err = (struct error){0};
	options.templates.items[0] = TEST_DATA "/../../deploy/templates/none.yaml";
	assert_false(manifest_print_member(&options, &err));
	assert_non_null(strstr(err.text, "cannot be opened"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(manifest_print_member__holds_what_templates_give),
		cmocka_unit_test(manifest_print_member__refuses_what_is_no_template),
		cmocka_unit_test(manifest_print_member__gives_these_rights_and_no_others),
		cmocka_unit_test(manifest_print_member__without_options_binds_and_grants_nothing),
		cmocka_unit_test(manifest_print_hub__gives_these_rights_and_no_others),
		cmocka_unit_test(manifests__hold_no_right_that_is_never_wanted),
		cmocka_unit_test(manifests__are_the_same_bytes_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
