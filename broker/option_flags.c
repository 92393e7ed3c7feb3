#include "option_flags.h"

#include <stdio.h>
#include <string.h>

#include <base/error.h>
#include <rbac/namespace_pattern.h>

#include "core/renewal.h"
#include "edge/http_listener.h"
#include "edge/hub_id.h"
#include "option_time.h"

static bool is_label(const char *text, size_t size)
{
	return size > 0 && size <= 63 &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") >= size && text[0] != '-' &&
	       text[size - 1] != '-';
}

static bool take_namespace_into(const char **ret_place, const char *value, struct error *err)
{
	if (!is_label(value, strlen(value)))
		return error_set(err, ERROR_INVALID, "\"%.80s\" is no namespace name", value);
	*ret_place = value;
	return true;
}

static bool append(struct option_list *list, const char *value, struct error *err)
{
	if (list->count == OPTION_LIST_MAX)
		return error_set(err, ERROR_INVALID, "given more than %d times", OPTION_LIST_MAX);
	list->items[list->count++] = value;
	return true;
}

static bool append_file(struct option_list *list, const char *value, struct error *err)
{
	if (!*value)
		return error_set(err, ERROR_INVALID, "the file name is empty");
	return append(list, value, err);
}

static bool take_kubeconfig(struct options *options, const char *value, struct error *err)
{
	if (!*value)
		return error_set(err, ERROR_INVALID, "the file name is empty");
	options->kubeconfig = value;
	return true;
}

static bool take_pod_directory(struct options *options, const char *value, struct error *err)
{
	if (value[0] != '/')
		return error_set(err, ERROR_INVALID, "\"%.80s\" is no absolute path", value);
	options->pod_directory = value;
	return true;
}

static bool take_namespace(struct options *options, const char *value, struct error *err)
{
	return take_namespace_into(&options->namespace, value, err);
}

static bool take_identity_namespace(struct options *options, const char *value, struct error *err)
{
	return take_namespace_into(&options->identity_namespace, value, err);
}

static bool take_profile_namespace(struct options *options, const char *value, struct error *err)
{
	return take_namespace_into(&options->profile_namespace, value, err);
}

static bool take_hub_id(struct options *options, const char *value, struct error *err)
{
	if (!hub_id_is_legal(value))
		return error_set(
			err, ERROR_INVALID,
			"\"%.80s\" is no hub id: lower-case letters, digits and '-', at most 40",
			value);
	options->hub_id = value;
	return true;
}

/* As for controllers made with controller-runtime, "0" is off. */
static bool take_address(const char **ret_place, const char *value, struct error *err)
{
	bool is_off = strcmp(value, "0") == 0;

	*ret_place = is_off ? NULL : value;
	return is_off || http_listener_check(value, err);
}

/* Of a switch: given alone, or as =true or =false. */
static bool is_on(const char *value)
{
	return !value || strcmp(value, "true") == 0;
}

static bool take_health_address(struct options *options, const char *value, struct error *err)
{
	return take_address(&options->health_address, value, err);
}

static bool take_metrics_address(struct options *options, const char *value, struct error *err)
{
	return take_address(&options->metrics_address, value, err);
}

static bool allow_loopback_members(struct options *options, const char *value, struct error *err)
{
	(void)err;
	options->allow_loopback_members = is_on(value);
	return true;
}

static bool take_time_ms(int64_t *ret_ms, const char *value, struct error *err)
{
	int64_t seconds = 0;

	if (!option_time_take(value, &seconds, err))
		return false;
	*ret_ms = seconds * 1000;
	return true;
}

static bool take_member_check_interval(struct options *options, const char *value,
				       struct error *err)
{
	return take_time_ms(&options->member_check_interval_ms, value, err);
}

static bool take_credential_check_interval(struct options *options, const char *value,
					   struct error *err)
{
	options->credential_check_interval_ms = 0;
	return strcmp(value, "0") == 0 ||
	       take_time_ms(&options->credential_check_interval_ms, value, err);
}

/* "0" is off. */
static bool take_sweep_interval(struct options *options, const char *value, struct error *err)
{
	options->sweep_interval_ms = 0;
	return strcmp(value, "0") == 0 || take_time_ms(&options->sweep_interval_ms, value, err);
}

static bool take_deletion_deadline(struct options *options, const char *value, struct error *err)
{
	return option_time_take(value, &options->deletion_deadline_s, err);
}

static bool take_leader_elect(struct options *options, const char *value, struct error *err)
{
	(void)err;
	options->leader_elect = is_on(value);
	return true;
}

static bool take_lease_duration(struct options *options, const char *value, struct error *err)
{
	return take_time_ms(&options->leader_timing.lease_ms, value, err);
}

static bool take_renew_deadline(struct options *options, const char *value, struct error *err)
{
	return take_time_ms(&options->leader_timing.renew_ms, value, err);
}

static bool take_retry_period(struct options *options, const char *value, struct error *err)
{
	return take_time_ms(&options->leader_timing.retry_ms, value, err);
}

/* As for health probes, "0" is off. Kubernetes grants no token of less than ten minutes. */
static bool take_member_credential_lifetime(struct options *options, const char *value,
					    struct error *err)
{
	enum { SHORTEST_S = 600 };
	int64_t seconds = 0;

	if (strcmp(value, "0") != 0 && !option_time_take(value, &seconds, err))
		return false;
	if (seconds > 0 && seconds < SHORTEST_S)
		return error_set(err, ERROR_INVALID, "\"%.80s\" is less than 10m", value);
	options->member_credential_lifetime_s = seconds;
	return true;
}

static bool take_renew_at_percent(struct options *options, const char *value, struct error *err)
{
	size_t digits = strspn(value, "0123456789");
	int64_t percent = digits == 2 && !value[2] ? (value[0] - '0') * 10 + value[1] - '0' : 0;

	if (percent < RENEWAL_PERCENT_LEAST || percent > RENEWAL_PERCENT_MOST)
		return error_set(err, ERROR_INVALID, "\"%.80s\" is no number from %d to %d", value,
				 RENEWAL_PERCENT_LEAST, RENEWAL_PERCENT_MOST);
	options->renew_at_percent = percent;
	return true;
}

static bool log_debug(struct options *options, const char *value, struct error *err)
{
	(void)err;
	options->debug = is_on(value);
	return true;
}

static bool append_identity_namespace(struct options *options, const char *value, struct error *err)
{
	const char *checked = NULL;

	return take_namespace_into(&checked, value, err) &&
	       append(&options->identity_namespaces, checked, err);
}

static bool append_protected_namespace(struct options *options, const char *value,
				       struct error *err)
{
	return namespace_pattern_check(value, err) &&
	       append(&options->protected_namespaces, value, err);
}

static bool append_namespace(struct options *options, const char *value, struct error *err)
{
	const char *checked = NULL;

	return take_namespace_into(&checked, value, err) &&
	       append(&options->namespaces, checked, err);
}

/* Role names may hold nearly anything; these go into YAML between quotes. */
static bool is_role_name(const char *value)
{
	return *value && strlen(value) <= 253 && !strpbrk(value, "\"\\/%\n\r\t");
}

/* A ClusterRole, or <namespace>/<name> for a Role. */
static bool append_may_bind(struct options *options, const char *value, struct error *err)
{
	const char *slash = strchr(value, '/');
	const char *name = slash ? slash + 1 : value;

	if (!is_role_name(name) || (slash && !is_label(value, (size_t)(slash - value))))
		return error_set(err, ERROR_INVALID, "\"%.80s\" is no role name", value);
	return append(&options->may_bind, value, err);
}

/* The name goes into YAML between quotes; what has another form, no ServiceAccount can have. */
static bool append_existing(struct options *options, const char *value, struct error *err)
{
	const char *slash = strchr(value, '/');

	if (!slash || !is_label(value, (size_t)(slash - value)) || !is_role_name(slash + 1))
		return error_set(err, ERROR_INVALID, "\"%.80s\" is not <namespace>/<name>", value);
	return append(&options->existing_accounts, value, err);
}

static bool append_may_grant(struct options *options, const char *value, struct error *err)
{
	if (!is_role_name(value))
		return error_set(err, ERROR_INVALID, "\"%.80s\" is no ClusterRole name", value);
	return append(&options->may_grant, value, err);
}

static bool append_template(struct options *options, const char *value, struct error *err)
{
	return append_file(&options->templates, value, err);
}

static bool append_requests(struct options *options, const char *value, struct error *err)
{
	return append_file(&options->files, value, err);
}

static bool append_policies(struct options *options, const char *value, struct error *err)
{
	return append_file(&options->policies, value, err);
}

static bool take_user(struct options *options, const char *value, struct error *err)
{
	if (!*value)
		return error_set(err, ERROR_INVALID, "the user name is empty");
	options->as_user = value;
	return true;
}

static bool append_group(struct options *options, const char *value, struct error *err)
{
	if (!*value)
		return error_set(err, ERROR_INVALID, "the group is empty");
	return append(&options->as_groups, value, err);
}

static bool take_output(struct options *options, const char *value, struct error *err)
{
	options->json = strcmp(value, "json") == 0;
	return options->json || strcmp(value, "text") == 0 ||
	       error_set(err, ERROR_INVALID, "\"%.80s\" is neither text nor json", value);
}

static bool take_service_account(struct options *options, const char *value, struct error *err)
{
	const char *slash = strchr(value, '/');

	if (!slash || !is_label(value, (size_t)(slash - value)) ||
	    !is_label(slash + 1, strlen(slash + 1)))
		return error_set(err, ERROR_INVALID, "\"%.80s\" is not <namespace>/<name>", value);
	options->service_account = value;
	return true;
}

const struct option_flag CONTROLLER_FLAGS[] = {
	{"kubeconfig", "FILE", "how to reach the hub (default: the pod's own identity)",
	 take_kubeconfig},
	{"service-account-directory", "DIR",
	 "where the pod's token and ca.crt are (default: "
	 "/var/run/secrets/kubernetes.io/serviceaccount)",
	 take_pod_directory},
	{"namespace", "NS", "the broker's own namespace: ledger and member access (required)",
	 take_namespace},
	{"hub-id", "ID", "override the hub id that is generated once and kept in the namespace",
	 take_hub_id},
	{"identity-namespace", "NS",
	 "member namespace for requests that name none (default: credbroker-identities)",
	 take_identity_namespace},
	{"profile-namespace", "NS",
	 "namespace of ClusterProfiles for requests that name none (default: the request's own)",
	 take_profile_namespace},
	{"protect-namespace", "PATTERN",
	 "member namespaces where no role is made unless a policy names them, beside kube-*, "
	 "openshift-*, the broker's and the identity namespace (repeatable)",
	 append_protected_namespace},
	{"member-check-interval", "TIME",
	 "how often hand edits on a member are looked for (default: 10m)",
	 take_member_check_interval},
	{"credential-check-interval", "TIME",
	 "how often a member is asked whether it still takes a delivered credential; 0: never "
	 "(default: 10m)",
	 take_credential_check_interval},
	{"sweep-interval", "TIME",
	 "how often objects without a record are looked for on a member; 0: never (default: 1h)",
	 take_sweep_interval},
	{"deletion-deadline", "TIME",
	 "how long the deletion of a request waits for a member that is away (default: 10m)",
	 take_deletion_deadline},
	{"leader-elect", NULL,
	 "wait until no other broker leads; without it, lead at once in place of whoever does",
	 take_leader_elect},
	{"leader-election-lease-duration", "TIME",
	 "how long others wait for a leader that is silent (default: 15s)", take_lease_duration},
	{"leader-election-renew-deadline", "TIME",
	 "how long a leader acts without a renewal (default: 10s)", take_renew_deadline},
	{"leader-election-retry-period", "TIME", "time between two renewals (default: 2s)",
	 take_retry_period},
	{"member-credential-lifetime", "TIME",
	 "for how long the broker's own credential on a member is asked for; 0: it makes none "
	 "(default: 24h)",
	 take_member_credential_lifetime},
	{"renew-at-percent", "NUMBER",
	 "when credentials are renewed, in percent of the lifetime that was granted, where no "
	 "policy says it (default: 60)",
	 take_renew_at_percent},
	{"health-probe-bind-address", "ADDRESS",
	 "where /livez and /readyz are served over plain HTTP, such as :8081; 0: nowhere (default: "
	 "0)",
	 take_health_address},
	{"listen", "ADDRESS",
	 "where /metrics is served for Prometheus over plain HTTP, such as :8080; 0: nowhere "
	 "(default: 0)",
	 take_metrics_address},
	{"allow-loopback-members", NULL, "let members be on this machine, for demos and tests",
	 allow_loopback_members},
	{"debug", NULL, "log every step", log_debug},
	{0},
};

const struct option_flag MEMBER_RBAC_FLAGS[] = {
	{"identity-namespace", "NS",
	 "a member namespace in which the broker may make ServiceAccounts (required; repeatable)",
	 append_identity_namespace},
	{"may-grant", "CLUSTERROLE",
	 "the broker holds this role's rights and so may grant any part of them (repeatable)",
	 append_may_grant},
	{"template", "FILE",
	 "the broker may give what the RBACTemplate in this file gives (repeatable)",
	 append_template},
	{"may-bind", "[NS/]ROLE",
	 "the broker may bind this ClusterRole, or Role, as it is (repeatable)", append_may_bind},
	{"existing-service-account", "NS/NAME",
	 "the broker may make tokens for this ServiceAccount, which is not its own (repeatable)",
	 append_existing},
	{"service-account", "NS/NAME",
	 "the broker's identity on the member (default: credbroker-system/credbroker)",
	 take_service_account},
	{0},
};

const struct option_flag HUB_RBAC_FLAGS[] = {
	{"namespace", "NS",
	 "a hub namespace in which the broker may write Secrets (required; repeatable)",
	 append_namespace},
	{"service-account", "NS/NAME",
	 "the broker's identity on the hub; NS is the broker's own namespace "
	 "(default: credbroker-system/credbroker)",
	 take_service_account},
	{0},
};

const struct option_flag POLICY_TEST_FLAGS[] = {
	{"filename", "FILE",
	 "a file or directory with the AuthTokenRequests to be tested, \"-\" for standard input "
	 "(required; repeatable)",
	 append_requests},
	{"policies", "FILE",
	 "a file or directory with AccessPolicies, RBACTemplates, Namespaces and ClusterProfiles: "
	 "instead of the hub or, with --kubeconfig, over what it has (repeatable)",
	 append_policies},
	{"kubeconfig", "FILE",
	 "how to reach the hub (default, without --policies: the pod's own identity)",
	 take_kubeconfig},
	{"service-account-directory", "DIR",
	 "where the pod's token and ca.crt are (default: "
	 "/var/run/secrets/kubernetes.io/serviceaccount)",
	 take_pod_directory},
	{"as", "USER", "decide as if this user was proven to be the requester", take_user},
	{"as-group", "GROUP", "... and in this group; needs --as (repeatable)", append_group},
	{"output", "FORMAT", "text or json (default: text)", take_output},
	{"broker-namespace", "NS",
	 "what the controller has as --namespace (default: credbroker-system)", take_namespace},
	{"hub-id", "ID", "the hub id (default: the one kept in the broker's namespace)",
	 take_hub_id},
	{"identity-namespace", "NS", "as for the controller (default: credbroker-identities)",
	 take_identity_namespace},
	{"profile-namespace", "NS", "as for the controller (default: the request's own)",
	 take_profile_namespace},
	{"protect-namespace", "PATTERN", "as for the controller (repeatable)",
	 append_protected_namespace},
	{"renew-at-percent", "NUMBER", "as for the controller (default: 60)",
	 take_renew_at_percent},
	{0},
};
