#include "core/access_status.h"

#include <stdlib.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>
#include <base/timestamp.h>

#include "core/access.h"
#include "core/access_executor.h"
#include "core/condition.h"
#include "core/kube_call.h"
#include "core/kube_path.h"
#include "core/ledger.h"
#include "core/renewal.h"
#include "core/request.h"

struct sentence {
	const char *reason;
	const char *text;
	bool blocks; /* even a credential that was issued does not count any more */
};

static const struct sentence sentences[] = {
	{"Pending", "waiting for its turn", false},
	{"Issued", "the credential works", false},
	{"Retrying", "a step failed and will be tried again", false},
	{"InvalidRequest", "the request cannot be served as it is", true},
	{"GrantRefused", "the request asks for what is not granted", true},
	{"PolicyMissing", "no policy allows this request", true},
	{"IdentityNotAllowed", "no policy allows this ServiceAccount", true},
	{"TemplateNotAllowed", "no policy allows these templates", true},
	{"RulesNotAllowed", "no policy allows these rules", true},
	{"RoleNotAllowed", "no policy allows these roles", true},
	{"NamespaceProtected", "a namespace of the member is protected", true},
	{"AudienceNotAllowed", "no policy allows these audiences", true},
	{"LifetimeNotAllowed", "no policy allows this lifetime", true},
	{"FormatNotAllowed", "no policy allows this format", true},
	{"DestinationNotAllowed", "no policy allows this destination", true},
	{"RequesterNotAuthorized", "who made this request may not", true},
	{"CheckingRequester", "asking whether who made this request still may", false},
	{"AdmissionNotProven",
	 "the hub's admission policies are not proven to be in force: an administrator applies "
	 "them "
	 "with `kubectl apply -f deploy/policies`",
	 false},
	{"ClusterProfileNotFound", "the ClusterProfile does not exist yet", false},
	{"NamespaceNotFound", "the Namespace of the request does not exist any more", true},
	{"ClusterProfileReplaced",
	 "the ClusterProfile was made anew: what was issued for the one before is revoked", true},
	{"TemplateNotFound", "a template does not exist", false},
	{"TemplateInvalid", "a template cannot be filled", false},
	{"MemberAccessNotFound",
	 "no member access for this ClusterProfile: an administrator adds a Secret with label "
	 "credbroker.dev/member-access in the broker's namespace",
	 false},
	{"MemberAccessConflict", "two member accesses name this ClusterProfile", false},
	{"MemberAccessRefused", "the member access must not be used", false},
	{"MemberConnecting", "asking the member who it is", false},
	{"MemberUnreachable", "the member does not answer", false},
	{"MemberChanged", "another cluster answers under this member access: nothing is done there",
	 true},
	{"CredentialVoid",
	 "the credential does not work any more, though its time has not come: another one "
	 "follows, "
	 "not more than one a minute",
	 false},
	{"ServiceAccountReplaced",
	 "the ServiceAccount on the member was replaced by one that is not ours: it stays "
	 "untouched, and the tokens of ours ended with it",
	 true},
	{"DestinationNotOpened",
	 "the broker may not write Secrets in this namespace: an administrator applies "
	 "`credbroker hub-rbac --namespace <namespace>`",
	 false},
	{"ServiceAccountConflict",
	 "the ServiceAccount of this name on the member belongs to another request", false},
	{"SecretConflict", "a Secret of this name exists and is not ours", true},
	{"Suspended", "the request is suspended: nothing is left of its access", true},
	{"Revoking", "the access is being revoked", true},
	{"RecordKept",
	 "the access was revoked, but somebody's finalizer keeps its IssuedCredential: an "
	 "administrator removes that finalizer",
	 true},
	{"RevocationPending", "the member is away: what it holds is revoked when it returns", true},
	{"ExpiredUnconfirmed",
	 "the member was away until every token had expired: none can be used any more. What "
	 "stands "
	 "there is deleted when it returns",
	 true},
	{"Revoked", "the access is revoked", true},
};

static const struct sentence *sentence_of(const char *reason)
{
	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
		if (strcmp(sentences[i].reason, reason) == 0)
			return &sentences[i];
	return NULL;
}

const char *access_status_sentence(const char *reason)
{
	const struct sentence *sentence = sentence_of(reason);

	return sentence ? sentence->text : NULL;
}

static const struct ledger_anchor *delivered_token(const struct access_report *report)
{
	const struct access *access = report->access;

	return report->facts->credential_delivered
		       ? ledger_anchor(access->ledger, access->delivery_generation)
		       : NULL;
}

static bool is_ready(const struct access_report *report)
{
	const struct ledger_anchor *token = delivered_token(report);
	const struct sentence *sentence = sentence_of(report->plan->reason);

	return token && token->terms && report->facts->now_ms < report->facts->expires_at_ms &&
	       !report->facts->request_deleting && !report->facts->revoking &&
	       !(sentence && sentence->blocks);
}

static void describe(const struct access_report *report, struct text *message)
{
	const struct access_failure *failure = &report->access->failure;
	const char *sentence = access_status_sentence(report->plan->reason);

	if (failure->reason)
		text_append(message, failure->error.text);
	else if (!report->facts->request_valid)
		text_append(message, report->request->invalid);
	else if (text_same(report->plan->reason, report->access->permission.reason) &&
		 report->access->permission.text[0])
		text_append(message, report->access->permission.text);
	else if (text_same(report->plan->reason, report->access->rights_problem))
		text_append(message, report->access->rights_error.text);
	else
		text_append(message, sentence ? sentence : "working on it");
	if (report->member->detail && !failure->reason &&
	    strncmp(report->plan->reason, "Member", strlen("Member")) == 0)
		text_appendf(message, ": %s", report->member->detail);
	if (text_same(report->plan->reason, "CredentialVoid") && report->access->check.replaced > 1)
		text_appendf(message,
			     "; so it was with the last %u of them, and the wait gets longer",
			     report->access->check.replaced);
}

static const struct ledger_object *replaced_object(const struct access_report *report,
						   const struct kube_resource *resource)
{
	const struct ledger *ledger = report->access->ledger;

	for (size_t i = 0; ledger && i < ledger->object_count; i++)
		if (ledger->objects[i].replaced &&
		    (!resource || ledger->objects[i].resource == resource))
			return &ledger->objects[i];
	return NULL;
}

static void tell_replaced(const struct ledger_object *object, struct text *message)
{
	text_appendf(message, "%s %s was replaced on the member by one that is not ours",
		     object->resource->kind, object->name);
}

static void describe_works(const struct access_report *report, struct text *message)
{
	const struct ledger_object *replaced = replaced_object(report, NULL);

	text_append(message, "the credential works");
	if (report->access->failure.reason)
		text_appendf(message, "; its %s fails: %s",
			     report->access->failure.step == ACCESS_REDELIVER ? "update"
									      : "renewal",
			     report->access->failure.error.text);
	if (report->request->rotate_at_is_wrong)
		text_append(message, "; the annotation " REQUEST_ROTATE_AT
				     " is no time such as 2026-01-31T12:00:00Z");
	if (replaced) {
		text_append(message, "; ");
		tell_replaced(replaced, message);
	}
}

static struct condition ready_condition(const struct access_report *report, struct text *message)
{
	const char *reason = report->access->failure.reason;

	if (!reason)
		reason = report->plan->reason;
	if (is_ready(report)) {
		describe_works(report, message);
		return (struct condition){"Ready", "True", "Issued", text_chars(message)};
	}
	describe(report, message);
	return (struct condition){"Ready", "False", reason, text_chars(message)};
}

static struct condition valid_condition(const struct access_report *report)
{
	const char *type = "AuthTokenRequestValid";

	if (!report->facts->request_valid)
		return (struct condition){type, "False", "InvalidRequest",
					  report->request->invalid};
	if (strcmp(report->plan->reason, "Pending") == 0 || !report->facts->request_allowed)
		return (struct condition){type, "Unknown", "Pending", ""};
	if (!report->facts->profile_exists)
		return (struct condition){type, "False", "InvalidTargetClusterProfile",
					  access_status_sentence("ClusterProfileNotFound")};
	return (struct condition){type, "True", "Valid", ""};
}

/* The proposal's condition for each kind of object on the member. */
struct object_condition {
	const struct kube_resource *resource;
	const char *type;
	const char *made;
	const char *failed; /* NULL: the failure's own reason */
};

static const struct object_condition object_conditions[] = {
	{&KUBE_SERVICE_ACCOUNTS, "ServiceAccountFoundOrCreated", "ServiceAccountCreated", NULL},
	{&KUBE_ROLES, "RoleFoundOrCreated", "RoleSetupSucceeded", "RoleSetupFailed"},
	{&KUBE_CLUSTER_ROLES, "ClusterRoleFoundOrCreated", "ClusterRoleSetupSucceeded",
	 "ClusterRoleSetupFailed"},
	{&KUBE_ROLE_BINDINGS, "RoleBindingCreated", "RoleBindingSetupSucceeded",
	 "RoleBindingSetupFailed"},
	{&KUBE_CLUSTER_ROLE_BINDINGS, "ClusterRoleBindingCreated",
	 "ClusterRoleBindingSetupSucceeded", "ClusterRoleBindingSetupFailed"},
};

static bool all_made(const struct ledger *ledger, const struct kube_resource *resource)
{
	for (size_t i = 0; ledger && i < ledger->object_count; i++)
		if (ledger->objects[i].resource == resource &&
		    (!ledger->objects[i].uid || ledger->objects[i].gone))
			return false;
	return ledger && ledger->object_count > 0 && ledger->objects[0].uid;
}

static bool failed_on(const struct access_report *report, const struct kube_resource *resource)
{
	const struct access_failure *failure = &report->access->failure;
	const struct ledger *ledger = report->access->ledger;

	return failure->reason && failure->step == ACCESS_CREATE_OBJECT && ledger &&
	       failure->index >= 0 && (size_t)failure->index < ledger->object_count &&
	       ledger->objects[failure->index].resource == resource;
}

static const char *made_reason(const struct ledger *ledger, const struct object_condition *kind)
{
	bool found = kind->resource == &KUBE_SERVICE_ACCOUNTS && ledger->objects[0].existing;

	return found ? "ServiceAccountFound" : kind->made;
}

static struct condition object_condition(const struct access_report *report,
					 const struct object_condition *kind, struct text *message)
{
	const struct access_failure *failure = &report->access->failure;
	const struct ledger_object *replaced = replaced_object(report, kind->resource);

	if (failed_on(report, kind->resource))
		return (struct condition){kind->type, "False",
					  kind->failed ? kind->failed : failure->reason,
					  failure->error.text};
	if (replaced) {
		tell_replaced(replaced, message);
		return (struct condition){kind->type, "False",
					  kind->failed ? kind->failed : "ServiceAccountReplaced",
					  text_chars(message)};
	}
	if (all_made(report->access->ledger, kind->resource))
		return (struct condition){kind->type, "True",
					  made_reason(report->access->ledger, kind), ""};
	return (struct condition){kind->type, "Unknown", "Pending", ""};
}

static struct condition token_condition(const struct access_report *report)
{
	const struct access_failure *failure = &report->access->failure;
	const char *type = "ServiceAccountTokenRetrieved";
	bool failed = failure->reason &&
		      (failure->step == ACCESS_CREATE_ANCHOR || failure->step == ACCESS_MINT ||
		       failure->step == ACCESS_PROVE || failure->step == ACCESS_DELIVER);

	if (failed)
		return (struct condition){type, "False", failure->reason, failure->error.text};
	if (delivered_token(report))
		return (struct condition){type, "True", "TokenRetrieved", ""};
	return (struct condition){type, "Unknown", "Pending", ""};
}

static const struct json *old_condition(const struct access_report *report, const char *type)
{
	const struct json *list = json_find(report->old_status, "conditions");

	for (size_t i = 0; i < json_size(list); i++)
		if (text_same(json_find_string(json_item(list, i), "type"), type))
			return json_item(list, i);
	return NULL;
}

/* Only there while the clocks differ. What was said stands until the member's time is known again.
 * False: there is none. */
static bool clock_condition(const struct access_report *report, struct text *message,
			    struct condition *ret_condition)
{
	const char *type = "ClockSynchronized";
	const struct member_facts *member = report->member;
	bool comes_back = member->state == MEMBER_CONNECTING || member->state == MEMBER_UNREACHABLE;
	const char *old = json_find_string(old_condition(report, type), "message");
	long long ahead_s = member->skew_s;

	if (!member->clock_known && comes_back && old)
		text_append(message, old);
	else if (member->clock_known && ahead_s != 0)
		text_appendf(message,
			     "the member's clock is about %lld s %s ours, and so are the times "
			     "here: set the clocks",
			     llabs(ahead_s), ahead_s > 0 ? "ahead of" : "behind");
	else
		return false;
	*ret_condition = (struct condition){type, "False", "ClockSkewed", text_chars(message)};
	return true;
}

/* For information: there is one only where the member granted less than was asked for. */
static void add_shortened(struct json *list, const struct access_report *report,
			  const struct json *old, int64_t now_s)
{
	const struct ledger_anchor *token = delivered_token(report);
	int64_t granted_s = token ? token->expires_at - token->issued_at : 0;
	struct text message cleanup_text = text_with_max(ERROR_TEXT_MAX);
	struct condition condition = {"LifetimeShortened", "True", "ShortenedByMember", NULL};

	if (!token || token->asked_s <= granted_s)
		return;
	text_appendf(&message,
		     "%lld seconds were asked for and the member granted %lld; it is renewed in "
		     "time for that",
		     (long long)token->asked_s, (long long)granted_s);
	condition.message = text_chars(&message);
	condition_append(list, &condition, report->request->generation, old, now_s);
}

static void add_conditions(struct json *status, const struct access_report *report)
{
	struct json *list = json_add_array(status, "conditions");
	const struct json *old = json_find(report->old_status, "conditions");
	int64_t generation = report->request->generation;
	int64_t now_s = report->outline ? CONDITION_TIMELESS : report->now_s;
	struct text message cleanup_text = text_with_max(CONDITION_MESSAGE_MAX + ERROR_TEXT_MAX);
	struct text clock_message cleanup_text = text_with_max(CONDITION_MESSAGE_MAX);
	struct condition condition = ready_condition(report, &message);

	condition_append(list, &condition, generation, old, now_s);
	condition = valid_condition(report);
	condition_append(list, &condition, generation, old, now_s);
	for (size_t i = 0; i < sizeof(object_conditions) / sizeof(object_conditions[0]); i++) {
		struct text detail cleanup_text = text_with_max(ERROR_TEXT_MAX);

		condition = object_condition(report, &object_conditions[i], &detail);
		condition_append(list, &condition, generation, old, now_s);
	}
	condition = token_condition(report);
	condition_append(list, &condition, generation, old, now_s);
	if (clock_condition(report, &clock_message, &condition))
		condition_append(list, &condition, generation, old, now_s);
	add_shortened(list, report, old, now_s);
}

static void add_reference(struct json *object, const struct access *access)
{
	json_add_string(object, "apiVersion", "v1");
	json_add_string(object, "kind", "Secret");
	json_add_string(object, "namespace", access->ledger->secret.namespace);
	json_add_string(object, "name", access->ledger->secret.name);
	json_add_string(object, "uid", access->ledger->secret.uid);
}

static void add_time(struct json *object, const char *key, int64_t seconds)
{
	char text[TIMESTAMP_SIZE];

	timestamp_format(seconds, text);
	json_add_string(object, key, text);
}

static int64_t renewal_time(const struct access_report *report, const struct ledger_anchor *token)
{
	int64_t renewal = token->issued_at + renewal_delay_s(report->access->uid, token);
	int64_t rotation = report->request->rotate_at_s;

	return renewal_is_rotation(rotation, token) && rotation < renewal ? rotation : renewal;
}

static void add_credential(struct json *status, const struct access_report *report,
			   const struct ledger_anchor *token)
{
	struct json *delivery = json_append_object(json_add_array(status, "deliveries"));
	struct json *response = json_add_object(status, "tokenResponse");

	add_reference(response, report->access);
	/* for clients of the variant that reads a group */
	json_add_string(response, "apiGroup", "");
	add_time(status, "expirationTimestamp", token->expires_at);
	add_time(status, "renewalTimestamp", renewal_time(report, token));
	json_add_string(delivery, "name", report->request->delivery_name);
	json_add_string(delivery, "format", "Kubeconfig");
	add_reference(json_add_object(delivery, "objectRef"), report->access);
}

struct json *access_status_render(const struct access_report *report)
{
	struct json *status = json_object_new();
	const struct ledger_anchor *token = delivered_token(report);

	json_add_integer(status, "observedGeneration", report->request->generation);
	if (token && !report->access->secret_gone)
		add_credential(status, report, token);
	add_conditions(status, report);
	return status;
}

void access_status_digest(const char *text, char ret_digest[DIGEST_SHORT_SIZE])
{
	digest_short((const char *const[]){"status", text, NULL}, ret_digest);
}

static bool is_reported(const struct access *access)
{
	return access->reported_digest[0] && access->echoed_version;
}

static bool shows_what_was_written(const struct access *access, const struct request *request)
{
	return kube_call_version_is_older(request->resource_version, access->echoed_version) ||
	       text_same(request->status, access->echoed_status);
}

bool access_status_stands(const struct access *access, const struct request *request,
			  const char *wanted)
{
	char digest[DIGEST_SHORT_SIZE];

	if (!is_reported(access))
		return text_same(request->status, wanted);
	access_status_digest(wanted, digest);
	return text_same(access->reported_digest, digest) &&
	       shows_what_was_written(access, request);
}

/* Of what we wrote it does not matter where it was seen. */
static void digest_outline(const char *outline, const struct request *seen_on,
			   char ret_digest[DIGEST_SHORT_SIZE])
{
	digest_short((const char *const[]){outline, seen_on ? seen_on->resource_version : "", NULL},
		     ret_digest);
}

void access_status_keep_outline(struct access *access, const struct request *seen_on,
				const char *outline)
{
	digest_outline(outline, is_reported(access) ? NULL : seen_on, access->outline_digest);
}

bool access_status_outline_stands(const struct access *access, const struct request *request,
				  const char *outline)
{
	bool reported = is_reported(access);
	char digest[DIGEST_SHORT_SIZE];

	digest_outline(outline, reported ? NULL : request, digest);
	return text_same(access->outline_digest, digest) &&
	       (!reported || shows_what_was_written(access, request));
}

bool access_status_is_contested(const struct access *access, const struct request *request,
				const char *outline)
{
	char digest[DIGEST_SHORT_SIZE];

	if (!is_reported(access) || shows_what_was_written(access, request))
		return false;
	digest_outline(outline, NULL, digest);
	return text_same(access->outline_digest, digest);
}
