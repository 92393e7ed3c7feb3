#include "core/explanation.h"

#include <stdbool.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>
#include <rbac/access_policy.h>

#include "core/access_status.h"
#include "core/access_steps.h"
#include "core/cluster_profile.h"
#include "core/hub_state.h"
#include "core/ledger.h"
#include "core/member_objects.h"
#include "core/permission.h"
#include "core/renewal.h"
#include "core/request.h"
#include "core/rights.h"
#include "core/store.h"

#define NO_NONCE "00000000000000000000000000000000"

/* A request on its way through the explanation. */
struct case_at_hand {
	const struct explanation_basis *basis;
	struct permission_basis permission_basis;
	struct request *request;
	char *profile_key;
	const char **groups;
	struct permission permission;
	struct rights *rights;
	struct error rights_error;
	struct json *report;
	struct json *notes; /* borrowed from REPORT */
};

static void case_done(struct case_at_hand *this)
{
	json_free(this->report);
	rights_free(this->rights);
	permission_done(&this->permission);
	memory_free((void *)this->groups);
	memory_free(this->profile_key);
	request_free(this->request);
}

static struct request *read_request(const struct json *object, struct error *err)
{
	const struct json *metadata = json_find(object, "metadata");
	cleanup_json struct json *whole = json_dup(object);
	cleanup_json struct json *named = json_is_object(metadata) ? json_dup(metadata) : NULL;

	if (text_is_empty(json_find_string(named, "namespace")) ||
	    text_is_empty(json_find_string(named, "name"))) {
		error_set(err, ERROR_INVALID,
			  "an AuthTokenRequest without metadata.namespace or metadata.name");
		return NULL;
	}
	if (text_is_empty(json_find_string(named, "uid")))
		json_add_string(named, "uid", EXPLANATION_NO_UID);
	json_add_copy(whole, "metadata", named);
	return request_read(whole, err);
}

/* What the request itself says is proven by nobody here. */
static void take_claimed_requester(struct case_at_hand *this, const struct json *claimed)
{
	struct permission_basis *basis = &this->permission_basis;
	const struct json *groups = json_find(claimed, "groups");

	basis->username = json_find_string(claimed, "username");
	if (!basis->username)
		return;
	this->groups = memory_new_array(json_size(groups) + 1, sizeof(*this->groups));
	basis->groups = this->groups;
	for (size_t i = 0; i < json_size(groups); i++)
		if (json_string(json_item(groups, i)))
			this->groups[basis->group_count++] = json_string(json_item(groups, i));
	json_append_string(this->notes, "The requester is the one that spec.requester names, which "
					"nobody has proven.");
}

static void take_requester(struct case_at_hand *this, const struct json *object)
{
	struct permission_basis *basis = &this->permission_basis;
	struct json *shown;

	basis->username = this->basis->username;
	basis->groups = this->basis->groups;
	basis->group_count = this->basis->group_count;
	if (!basis->username)
		take_claimed_requester(this, json_find(object, "spec", "requester"));
	if (!basis->username)
		return;
	json_append_string(this->notes,
			   "The controller knows a requester only where admission proves who it "
			   "is; else no rule on users, groups or ServiceAccounts matches.");
	shown = json_add_object(this->report, "requester");
	json_add_string(shown, "username", basis->username);
	shown = json_add_array(shown, "groups");
	for (size_t i = 0; i < basis->group_count; i++)
		json_append_string(shown, basis->groups[i]);
}

static void add_opinion(void *context, const char *policy, const struct policy_opinion *opinion)
{
	struct json *item = json_append_object(context);

	json_add_string(item, "name", policy);
	json_add_bool(item, "allowed", opinion->allowed);
	json_add_string(item, "agrees", opinion->agreed);
	json_add_string(item, "refuses", opinion->refused);
	json_add_string(item, "reason", opinion->reason);
	json_add_string(item, "message", opinion->text[0] ? opinion->text : NULL);
}

static void refuse(struct case_at_hand *this, const char *reason, const char *message)
{
	json_add_bool(this->report, "allowed", false);
	json_add_string(this->report, "reason", reason);
	json_add_string(this->report, "message", message);
}

static void tell_placeholders(struct case_at_hand *this)
{
	if (text_same(this->request->uid, EXPLANATION_NO_UID))
		json_append_string(
			this->notes,
			"The request has no UID yet. Names that begin with credbroker- end in "
			"a digest over it, and are those of the UID " EXPLANATION_NO_UID " here.");
	if (!this->basis->settings->hub_id)
		json_append_string(
			this->notes,
			"The id of the hub is not known, so these names are those of a hub called "
			"\"" EXPLANATION_NO_HUB_ID "\": give --hub-id.");
	json_append_string(
		this->notes,
		"The marks, and the name of the Secret that the token is bound to, are "
		"digests over a nonce that follows from the hub's key; here it is zero.");
}

static struct ledger *plan_ledger(const struct case_at_hand *this)
{
	const struct access_settings *settings = this->basis->settings;
	const struct ledger_plan plan = {
		.hub_id = settings->hub_id ? settings->hub_id : EXPLANATION_NO_HUB_ID,
		.profile_key = this->profile_key,
		.profile_uid = EXPLANATION_NO_UID,
		.member_uid = EXPLANATION_NO_UID,
		.identity_namespace = settings->identity_namespace,
		.nonce = NO_NONCE,
		.policy = this->permission.policy,
	};

	return ledger_new(this->request, this->rights, &plan);
}

static void add_objects(struct case_at_hand *this)
{
	struct json *objects = json_add_array(this->report, "objects");
	struct ledger *ledger = plan_ledger(this);

	for (size_t i = 0; i < ledger->object_count; i++)
		json_append(objects, member_object_render(ledger, i, this->rights));
	json_append(objects, member_anchor_render(ledger, ledger->generation));
	json_add_integer(this->report, "renewAtPercent",
			 renewal_percent(this->permission.renew_at_percent,
					 this->basis->settings->renew_at_percent));
	ledger->objects[0].uid = memory_text("<the UID of the ServiceAccount>");
	json_add(this->report, "tokenRequest",
		 member_token_request_render(ledger, this->request, ledger->generation,
					     "<the UID of the Secret>"));
	ledger_free(ledger);
	if (this->permission.existing_identity)
		json_append_string(this->notes, "The policy names this ServiceAccount as an "
						"existing one: where it is there already, it is "
						"used as it is.");
	tell_placeholders(this);
}

/* In the order of the plan: what was suspended, what a policy denies, what is not there, what
 * cannot be filled in. */
static void judge(struct case_at_hand *this)
{
	const struct hub_state *seen = this->basis->seen;
	struct permission *permission = &this->permission;

	permission_settle(permission, &this->permission_basis, this->request, seen,
			  this->profile_key, &this->rights, &this->rights_error);
	permission_judge(&this->permission_basis, this->request, this->rights, this->profile_key,
			 add_opinion, json_add_array(this->report, "policies"));
	json_add_string(this->report, "policy", permission->policy);
	if (this->request->suspended) {
		refuse(this, "Suspended", access_status_sentence("Suspended"));
	} else if (!permission->allowed) {
		refuse(this, permission->reason, permission->text);
	} else if (!store_find(seen->profiles, this->profile_key)) {
		refuse(this, "ClusterProfileNotFound",
		       access_status_sentence("ClusterProfileNotFound"));
	} else if (!this->rights) {
		refuse(this, rights_problem(&this->rights_error), this->rights_error.text);
	} else {
		json_add_bool(this->report, "allowed", true);
		add_objects(this);
	}
}

struct json *explanation_render(const struct explanation_basis *basis, const struct json *object,
				struct error *err)
{
	cleanup_with(case_done) struct case_at_hand this = {.basis = basis};

	this.request = read_request(object, err);
	if (!this.request)
		return NULL;
	this.profile_key = request_profile_key(this.request, basis->settings->profile_namespace);
	this.report = json_object_new();
	this.notes = json_add_array(this.report, "notes");
	json_add_string(this.report, "request", this.request->key);
	json_add_string(this.report, "clusterProfile", this.profile_key);
	this.permission_basis = permission_basis_of(basis->seen, basis->settings);
	take_requester(&this, object);
	if (this.request->invalid[0])
		refuse(&this, "InvalidRequest", this.request->invalid);
	else
		judge(&this);
	return TAKE_PTR(this.report);
}
