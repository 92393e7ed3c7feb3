#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "broker/core/kube_path.h"
#include "broker/core/ledger.h"
#include "broker/core/ledger_record.h"
#include "broker/core/request.h"
#include "broker/core/rights.h"
#include "support/json_pattern.h"
#include "support/sample_request.h"

static struct ledger *new_ledger(const char *changes)
{
	struct request *request = sample_request(changes);
	struct ledger *ledger = sample_request_ledger(request);

	request_free(request);
	return ledger;
}

static void assert_object(const struct ledger *ledger, size_t index,
			  const struct kube_resource *resource, const char *namespace,
			  const char *name)
{
	const struct ledger_object *object = &ledger->objects[index];

	assert_ptr_equal(object->resource, resource);
	assert_true(text_same(object->namespace, namespace));
	assert_true(strncmp(object->name, name, strlen(name)) == 0);
	assert_null(object->uid);
	assert_false(object->gone);
}

#define RULES "'rules':[{'apiGroups':[''],'resources':['pods'],'verbs':['get']}]"

static void ledger_new__plans_identity_then_roles_then_bindings(void **state)
{
	struct ledger *ledger =
		new_ledger("{'spec':{'roles':[{'name':'r1','namespace':'a'," RULES
			   "},{'name':'r2','namespace':'b'}],"
			   "'clusterRoles':[{'name':'c1'},{'name':'c2'," RULES "}]}}");

	(void)state;
	assert_int_equal(ledger->object_count, 7);
	assert_object(ledger, 0, &KUBE_SERVICE_ACCOUNTS, "credbroker-identities", "reader");
	assert_object(ledger, 1, &KUBE_ROLES, "a", "credbroker-r1-");
	assert_object(ledger, 2, &KUBE_CLUSTER_ROLES, NULL, "credbroker-c2-");
	assert_object(ledger, 3, &KUBE_ROLE_BINDINGS, "a", "credbroker-r1-");
	assert_object(ledger, 4, &KUBE_ROLE_BINDINGS, "b", "credbroker-r2-");
	assert_object(ledger, 5, &KUBE_CLUSTER_ROLE_BINDINGS, NULL, "credbroker-c1-");
	assert_object(ledger, 6, &KUBE_CLUSTER_ROLE_BINDINGS, NULL, "credbroker-c2-");
	assert_string_equal(ledger->objects[4].requested_name, "r2");
	assert_string_equal(ledger->objects[0].name, "reader");
	ledger_free(ledger);
}

static void ledger_new__holds_what_the_request_and_the_plan_say(void **state)
{
	struct ledger *ledger = new_ledger("{'spec':{'serviceAccountNamespace':'own-ids'}}");

	(void)state;
	assert_string_equal(ledger->uid, "request-1");
	assert_string_equal(ledger->hub_id, "hub-1");
	assert_string_equal(ledger->request_namespace, "team-a");
	assert_string_equal(ledger->request_name, "reader");
	assert_string_equal(ledger->profile_key, "fleet-system/member-1");
	assert_string_equal(ledger->profile_uid, "profile-1");
	assert_string_equal(ledger->member_uid, "cluster-1");
	assert_string_equal(ledger->identity_namespace, "own-ids");
	assert_string_equal(ledger->secret.namespace, "team-a");
	assert_string_equal(ledger->secret.name, "reader");
	assert_null(ledger->secret.uid);
	assert_null(ledger->resource_version);
	assert_int_equal(ledger->generation, 1);
	assert_int_equal(ledger->admitted_generation, 1);
	assert_null(ledger->requester);
	assert_int_equal(ledger->anchor_count, 0);
	assert_int_equal(ledger->secret.generation, 0);
	ledger_free(ledger);
}

static void ledger_new__has_room_for_the_fullest_request(void **state)
{
	cleanup_json struct json *object = sample_request_json("{'spec':{'clusterRoles':null}}");
	struct json *list = json_add_array((struct json *)json_find(object, "spec"), "roles");
	cleanup_json struct json *rules =
		json_pattern_parse("[{'apiGroups':[''],'resources':['pods'],'verbs':['get']}]");
	struct error err = {0};
	struct request *request;
	struct ledger *ledger;

	(void)state;
	for (int i = 0; i < 40; i++) {
		struct json *role = json_append_object(list);
		char name[32];

		snprintf(name, sizeof(name), "role-%d", i);
		json_add_string(role, "name", name);
		json_add_string(role, "namespace", "apps");
		json_add_copy(role, "rules", rules);
	}
	request = request_read(object, &err);
	ledger = sample_request_ledger(request);
	assert_int_equal(ledger->object_count, 81);
	assert_true(ledger->object_count <= LEDGER_OBJECTS_MAX);
	request_free(request);
	ledger_free(ledger);
}

/* A record with all fields. */
static struct ledger *full_ledger(void)
{
	struct ledger *ledger = new_ledger("{}");
	struct ledger_anchor *anchor = ledger_add_anchor(ledger, 3);

	ledger->resource_version = memory_text("17");
	ledger->requester = memory_text("r-1");
	ledger->generation = 4;
	ledger->epoch = 6;
	ledger->objects[0].uid = memory_text("account-1");
	ledger->secret.uid = memory_text("secret-1");
	ledger->secret.cluster = memory_text("abc");
	ledger->secret.generation = 3;
	anchor->uid = memory_text("anchor-3");
	anchor->jti = memory_text("jti-3");
	anchor->terms = memory_text("terms-3");
	anchor->issued_at = 1772366400;
	anchor->expires_at = 1772370000;
	anchor->rotate_at = 1772366340;
	anchor->renew_at_percent = 45;
	anchor->asked_s = 7200;
	ledger_add_anchor(ledger, 4);
	return ledger;
}

static void assert_same_json(const struct json *one, const struct json *other)
{
	cleanup_free char *one_text = NULL;
	cleanup_free char *other_text = NULL;
	size_t size;

	one_text = json_dump(one, &size);
	other_text = json_dump(other, &size);
	assert_string_equal(one_text, other_text);
}

static void ledger_record_render__is_the_object_that_is_stored(void **state)
{
	struct ledger *ledger = full_ledger();
	cleanup_json struct json *object = ledger_record_render(ledger, "credbroker-system");
	cleanup_json struct json *expected = json_pattern_parse(
		"{'apiVersion':'credbroker.dev/v1alpha1','kind':'IssuedCredential',"
		"'metadata':{'namespace':'credbroker-system','name':'request-1',"
		"'resourceVersion':'17','labels':{'app.kubernetes.io/managed-by':'credbroker'}},"
		"'spec':{'hubID':'hub-1','memberUID':'cluster-1','state':'Live',"
		"'lastExpirationTimestamp':'2026-03-01T13:00:00Z',"
		"'nonce':'0123456789abcdef0123456789abcdef','generation':4,'epoch':6,'"
		"admittedGeneration':1,'"
		"requester':'r-1',"
		"'request':{'namespace':'team-a','name':'reader','uid':'request-1'},"
		"'clusterProfile':{'namespace':'fleet-system','name':'member-1','uid':'profile-1'},"
		"'secret':{'namespace':'team-a','name':'reader','uid':'secret-1','cluster':'abc','"
		"generation':3},"
		"'objects':[{'kind':'ServiceAccount','namespace':'credbroker-identities',"
		"'name':'reader','requestedName':'reader','uid':'account-1'},"
		"{'kind':'Role','namespace':'apps','name':'NAME1','requestedName':'pod-reader'},"
		"{'kind':'RoleBinding','namespace':'apps','name':'NAME2','requestedName':'pod-"
		"reader'},"
		"{'kind':'ClusterRoleBinding','name':'NAME3','requestedName':'view'}],"
		"'anchors':[{'generation':3,'namespace':'credbroker-identities','name':'ANCHOR',"
		"'uid':'anchor-3','jti':'jti-3','terms':'terms-3','issuedAt':'2026-03-01T12:00:00Z'"
		","
		"'expirationTimestamp':'2026-03-01T13:00:00Z',"
		"'rotateAt':'2026-03-01T11:59:00Z','renewAtPercent':45,'requestedSeconds':7200},"
		"{'generation':4,'namespace':'credbroker-identities','name':'ANCHOR'}]}}");
	const struct json *objects = json_find(expected, "spec", "objects");
	const struct json *anchors = json_find(expected, "spec", "anchors");

	(void)state;
	for (size_t i = 1; i < 4; i++)
		json_add_string((struct json *)json_item(objects, i), "name",
				ledger->objects[i].name);
	for (size_t i = 0; i < 2; i++) {
		cleanup_free char *name = ledger_anchor_name(ledger, ledger->anchors[i].generation);

		json_add_string((struct json *)json_item(anchors, i), "name", name);
	}
	assert_same_json(object, expected);
	ledger_free(ledger);
}

static void ledger_record_read__reads_back_what_was_rendered(void **state)
{
	struct ledger *ledger = full_ledger();
	cleanup_json struct json *object = ledger_record_render(ledger, "credbroker-system");
	struct error err = {0};
	struct ledger *read = ledger_record_read(object, &err);
	cleanup_json struct json *again = NULL;

	(void)state;
	if (!read)
		fail_msg("%s", err.text);
	again = ledger_record_render(read, "credbroker-system");
	assert_same_json(object, again);
	assert_string_equal(read->identity_namespace, "credbroker-identities");
	ledger_free(read);
	read = ledger_dup(ledger);
	json_free(again);
	again = ledger_record_render(read, "credbroker-system");
	assert_same_json(object, again);
	ledger_free(read);
	ledger_free(ledger);
}

struct row {
	const char *changes;
	const char *text; /* NULL: it is taken */
};

static const struct row rows[] = {
	{"{'metadata':{'resourceVersion':null}}", "an IssuedCredential without resourceVersion"},
	{"{'spec':{'hubID':null}}", "an IssuedCredential without hubID"},
	{"{'spec':{'hubID':''}}", "an IssuedCredential without hubID"},
	{"{'spec':{'memberUID':null}}", "an IssuedCredential without memberUID"},
	{"{'spec':{'nonce':null}}", "an IssuedCredential without nonce"},
	{"{'spec':{'generation':null}}", "an IssuedCredential without generation"},
	{"{'spec':{'generation':'4'}}", "an IssuedCredential without generation"},
	{"{'spec':{'request':{'uid':null}}}", "an IssuedCredential without request.uid"},
	{"{'spec':{'request':{'name':null}}}", "an IssuedCredential without request.name"},
	{"{'spec':{'request':{'namespace':null}}}",
	 "an IssuedCredential without request.namespace"},
	{"{'spec':{'secret':{'name':null}}}", "an IssuedCredential without secret.name"},
	{"{'spec':{'secret':{'namespace':null}}}", "an IssuedCredential without secret.namespace"},
	{"{'spec':{'objects':[{'kind':'Pod','name':'x'}]}}",
	 "an IssuedCredential with an unknown object"},
	{"{'spec':{'objects':[{'kind':'ServiceAccount','name':'x'},{'kind':'Role'}]}}",
	 "an IssuedCredential without objects[].name"},
	{"{'spec':{'objects':null}}", "an IssuedCredential without its identity"},
	{"{'spec':{'objects':[{'kind':'Role','name':'x'}]}}",
	 "an IssuedCredential without its identity"},
	{"{'spec':{'anchors':[{'uid':'x'}]}}", "an IssuedCredential with a bad anchor"},
	{"{'spec':null}", "an IssuedCredential without generation"},
	{"{'spec':{'anchors':null}}", NULL},
	{"{'spec':{'anchors':[{'generation':4,'issuedAt':'yesterday'}]}}", NULL},
	{"{'spec':{'clusterProfile':{'uid':null}}}", NULL},
	{"{'spec':{'secret':{'uid':null,'generation':null}}}", NULL},
};

static void ledger_record_read__refuses_what_cannot_be_worked_with(void **state)
{
	struct ledger *ledger = full_ledger();
	cleanup_json struct json *whole = ledger_record_render(ledger, "credbroker-system");

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_json struct json *patch = json_pattern_parse(rows[i].changes);
		cleanup_json struct json *object = json_pattern_merge(whole, patch);
		struct error err = {0};
		struct ledger *read = ledger_record_read(object, &err);

		if ((read == NULL) != (rows[i].text != NULL) ||
		    (rows[i].text && strcmp(err.text, rows[i].text) != 0))
			fail_msg("%s: %s", rows[i].changes, err.text);
		ledger_free(read);
	}
	ledger_free(ledger);
}

static void ledger_record_read__takes_no_more_objects_and_anchors_than_there_can_be(void **state)
{
	static const char *const lists[] = {"objects", "anchors"};
	static const int counts[] = {LEDGER_OBJECTS_MAX, LEDGER_ANCHORS_MAX};
	struct ledger *ledger = full_ledger();

	(void)state;
	for (int i = 0; i < 4; i++) {
		cleanup_json struct json *object =
			ledger_record_render(ledger, "credbroker-system");
		struct json *list =
			json_add_array((struct json *)json_find(object, "spec"), lists[i % 2]);
		struct error err = {0};
		struct ledger *read;

		for (int k = 0; k < counts[i % 2] + i / 2; k++) {
			struct json *item = json_append_object(list);

			json_add_string(item, "kind", "ServiceAccount");
			json_add_string(item, "namespace", "ids");
			json_add_string(item, "name", "x");
			json_add_integer(item, "generation", k);
		}
		read = ledger_record_read(object, &err);
		assert_true((read != NULL) == (i < 2));
		ledger_free(read);
	}
	ledger_free(ledger);
}

static void ledger_anchors__are_found_added_and_removed(void **state)
{
	struct ledger *ledger = new_ledger("{}");

	(void)state;
	assert_null(ledger_anchor(ledger, 1));
	ledger_remove_anchor(ledger, 1);
	for (int64_t generation = 1; generation <= LEDGER_ANCHORS_MAX; generation++) {
		struct ledger_anchor *anchor = ledger_add_anchor(ledger, generation);

		assert_int_equal(anchor->generation, generation);
		anchor->uid = memory_text("uid");
	}
	assert_null(ledger_add_anchor(ledger, 99));
	ledger_remove_anchor(ledger, 99);
	assert_int_equal(ledger->anchor_count, LEDGER_ANCHORS_MAX);
	ledger_remove_anchor(ledger, 1);
	ledger_remove_anchor(ledger, 5);
	ledger_remove_anchor(ledger, LEDGER_ANCHORS_MAX);
	assert_int_equal(ledger->anchor_count, LEDGER_ANCHORS_MAX - 3);
	assert_null(ledger_anchor(ledger, 5));
	assert_int_equal(ledger_anchor(ledger, 6)->generation, 6);
	assert_int_equal(ledger->anchors[0].generation, 2);
	assert_non_null(ledger_add_anchor(ledger, 99));
	ledger_free(ledger);
}

static void ledger_has_token__counts_tokens_not_anchors(void **state)
{
	struct ledger *ledger = new_ledger("{}");

	(void)state;
	assert_false(ledger_has_token(ledger));
	ledger_add_anchor(ledger, 1);
	assert_false(ledger_has_token(ledger));
	ledger_add_anchor(ledger, 2)->jti = memory_text("jti");
	assert_true(ledger_has_token(ledger));
	ledger_free(ledger);
}

/* What tells one request, hub, generation or nonce from another is in the names of its objects. */
static void ledger_names__differ_with_hub_request_generation_and_nonce(void **state)
{
	struct ledger *ledger = new_ledger("{}");
	struct ledger *other = new_ledger("{'metadata':{'uid':'request-2'}}");
	cleanup_free char *name = ledger_anchor_name(ledger, 1);
	cleanup_free char *again = ledger_anchor_name(ledger, 1);
	cleanup_free char *next = ledger_anchor_name(ledger, 2);
	cleanup_free char *others = ledger_anchor_name(other, 1);
	cleanup_free char *secret = NULL;

	(void)state;
	assert_string_equal(name, again);
	assert_string_not_equal(name, next);
	assert_string_not_equal(name, others);
	assert_string_equal(ledger->objects[0].name, other->objects[0].name);
	for (size_t i = 1; i < ledger->object_count; i++)
		assert_string_not_equal(ledger->objects[i].name, other->objects[i].name);
	ledger->nonce[0] = 'f';
	secret = ledger_anchor_name(ledger, 1);
	assert_string_not_equal(name, secret);
	ledger_free(ledger);
	ledger_free(other);
}

static void ledger_mark__differs_with_every_part(void **state)
{
	static const char *const places[][3] = {
		{"Secret", "team-a", "reader"}, {"Role", "team-a", "reader"},
		{"Secret", "team-b", "reader"}, {"Secret", "team-a", "other"},
		{"Secret", NULL, "reader"},     {"Secret", "team-areader", ""},
	};
	enum { COUNT = sizeof(places) / sizeof(places[0]) };
	struct ledger *ledger = new_ledger("{}");
	char marks[COUNT + 1][DIGEST_SHORT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT; i++)
		ledger_mark(ledger, places[i][0], places[i][1], places[i][2], marks[i]);
	ledger->nonce[31] = '0';
	ledger_mark(ledger, "Secret", "team-a", "reader", marks[COUNT]);
	for (size_t i = 0; i <= COUNT; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(marks[i], marks[k]);
	assert_null(strstr(marks[0], ledger->nonce));
	ledger_free(ledger);
}

/* The rights of a request with these ROLES; the caller's. */
static struct rights *rights_of(const char *roles)
{
	cleanup_text struct text changes = text_with_max(4096);
	struct request *request;
	struct rights *rights;

	text_appendf(&changes, "{'spec':{%s}}", roles);
	request = sample_request(text_chars(&changes));
	rights = sample_request_rights(request);
	request_free(request);
	return rights;
}

static struct ledger *ledger_of(const char *roles)
{
	cleanup_text struct text changes = text_with_max(4096);

	text_appendf(&changes, "{'spec':{%s}}", roles);
	return new_ledger(text_chars(&changes));
}

struct cover_row {
	const char *sentence;
	const char *recorded, *wanted;
	size_t added; /* objects; 0: all are on record */
};

static const struct cover_row cover_rows[] = {
	{"the same", "'roles':null,'clusterRoles':[{'name':'c'," RULES "}]",
	 "'roles':null,'clusterRoles':[{'name':'c'," RULES "}]", 0},
	{"other rules", "'roles':null,'clusterRoles':[{'name':'c'," RULES "}]",
	 "'roles':null,'clusterRoles':[{'name':'c','rules':[{'verbs':['list']}]}]", 0},
	{"less", "'roles':null,'clusterRoles':[{'name':'c'," RULES "},{'name':'d'}]",
	 "'roles':null,'clusterRoles':[{'name':'d'}]", 0},
	{"nothing", "'roles':null,'clusterRoles':[{'name':'c'}]",
	 "'roles':null,'clusterRoles':null", 0},
	{"another existing role", "'roles':null,'clusterRoles':[{'name':'c'}]",
	 "'roles':null,'clusterRoles':[{'name':'c'},{'name':'d'}]", 1},
	{"another role with rules", "'roles':null,'clusterRoles':null",
	 "'roles':null,'clusterRoles':[{'name':'c'," RULES "}]", 2},
	{"an existing one gets rules", "'roles':null,'clusterRoles':[{'name':'c'}]",
	 "'roles':null,'clusterRoles':[{'name':'c'," RULES "}]", 1},
	{"one in a namespace is another", "'roles':null,'clusterRoles':[{'name':'c'," RULES "}]",
	 "'clusterRoles':null,'roles':[{'namespace':'a','name':'c'," RULES "}]", 2},
	{"and in another namespace too",
	 "'clusterRoles':null,'roles':[{'namespace':'a','name':'c'}]",
	 "'clusterRoles':null,'roles':[{'namespace':'b','name':'c'}]", 1},
};

static void ledger_extend__adds_what_is_not_on_record(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cover_rows) / sizeof(cover_rows[0]); i++) {
		const struct cover_row *row = &cover_rows[i];
		struct ledger *ledger = ledger_of(row->recorded);
		struct rights *rights = rights_of(row->wanted);
		size_t count = ledger->object_count;
		bool covered = ledger_covers(ledger, rights);

		ledger_extend(ledger, rights);
		if (covered != (row->added == 0) || ledger->object_count != count + row->added ||
		    !ledger_covers(ledger, rights))
			fail_msg("%s: %zu more", row->sentence, ledger->object_count - count);
		rights_free(rights);
		ledger_free(ledger);
	}
}

static void ledger_extend__keeps_what_is_made_and_adds_behind_it(void **state)
{
	struct ledger *ledger = ledger_of("'roles':null,'clusterRoles':[{'name':'c'}]");
	struct rights *rights = rights_of("'roles':null,'clusterRoles':[{'name':'d'," RULES "}]");

	(void)state;
	ledger->objects[1].uid = memory_text("binding-1");
	ledger_extend(ledger, rights);
	assert_int_equal(ledger->object_count, 4);
	assert_string_equal(ledger->objects[1].uid, "binding-1");
	assert_object(ledger, 2, &KUBE_CLUSTER_ROLES, NULL, "credbroker-d-");
	assert_object(ledger, 3, &KUBE_CLUSTER_ROLE_BINDINGS, NULL, "credbroker-d-");
	assert_null(ledger->objects[3].digest);
	rights_free(rights);
	ledger_free(ledger);
}

static void ledger_remove_object__keeps_the_others_in_order(void **state)
{
	struct ledger *ledger =
		ledger_of("'roles':null,'clusterRoles':[{'name':'c'," RULES "},{'name':'d'}]");

	(void)state;
	ledger->objects[1].uid = memory_text("role-1");
	ledger->objects[1].digest = memory_text("digest-1");
	ledger_remove_object(ledger, 1);
	assert_int_equal(ledger->object_count, 3);
	assert_object(ledger, 0, &KUBE_SERVICE_ACCOUNTS, "credbroker-identities", "reader");
	assert_object(ledger, 1, &KUBE_CLUSTER_ROLE_BINDINGS, NULL, "credbroker-c-");
	assert_object(ledger, 2, &KUBE_CLUSTER_ROLE_BINDINGS, NULL, "credbroker-d-");
	ledger_remove_object(ledger, 2);
	assert_int_equal(ledger->object_count, 2);
	assert_object(ledger, 1, &KUBE_CLUSTER_ROLE_BINDINGS, NULL, "credbroker-c-");
	ledger_free(ledger);
}

static void ledger_lose_object__voids_the_tokens_of_a_lost_identity(void **state)
{
	struct ledger *ledger = full_ledger();

	(void)state;
	ledger->objects[1].suspect = ledger->objects[1].replaced = true;
	ledger_lose_object(ledger, 1);
	assert_null(ledger->objects[1].uid);
	assert_true(ledger->objects[1].lost);
	assert_false(ledger->objects[1].suspect || ledger->objects[1].replaced);
	assert_non_null(ledger->anchors[0].terms);
	ledger_lose_object(ledger, 0);
	for (size_t i = 0; i < ledger->anchor_count; i++)
		assert_null(ledger->anchors[i].terms);
	assert_true(ledger_has_token(ledger)); /* its anchor is still to be deleted */
	ledger_free(ledger);
}

static void ledger_record_read__reads_back_policy_and_digests(void **state)
{
	struct ledger *ledger = new_ledger("{}");
	struct ledger *copy;

	(void)state;
	ledger->resource_version = memory_text("7");
	copy = ledger_dup(ledger);
	assert_null(copy->policy);
	assert_null(copy->objects[1].digest);
	ledger_free(copy);
	ledger->policy = memory_text("sample");
	ledger->objects[1].digest = memory_text("digest-1");
	copy = ledger_dup(ledger);
	assert_string_equal(copy->policy, "sample");
	assert_string_equal(copy->objects[1].digest, "digest-1");
	assert_null(copy->objects[2].digest);
	ledger_free(copy);
	ledger_free(ledger);
}

static void ledger_free__takes_nothing(void **state)
{
	(void)state;
	ledger_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ledger_new__plans_identity_then_roles_then_bindings),
		cmocka_unit_test(ledger_new__holds_what_the_request_and_the_plan_say),
		cmocka_unit_test(ledger_new__has_room_for_the_fullest_request),
		cmocka_unit_test(ledger_record_render__is_the_object_that_is_stored),
		cmocka_unit_test(ledger_record_read__reads_back_what_was_rendered),
		cmocka_unit_test(ledger_record_read__refuses_what_cannot_be_worked_with),
		cmocka_unit_test(
			ledger_record_read__takes_no_more_objects_and_anchors_than_there_can_be),
		cmocka_unit_test(ledger_anchors__are_found_added_and_removed),
		cmocka_unit_test(ledger_has_token__counts_tokens_not_anchors),
		cmocka_unit_test(ledger_names__differ_with_hub_request_generation_and_nonce),
		cmocka_unit_test(ledger_mark__differs_with_every_part),
		cmocka_unit_test(ledger_extend__adds_what_is_not_on_record),
		cmocka_unit_test(ledger_extend__keeps_what_is_made_and_adds_behind_it),
		cmocka_unit_test(ledger_remove_object__keeps_the_others_in_order),
		cmocka_unit_test(ledger_lose_object__voids_the_tokens_of_a_lost_identity),
		cmocka_unit_test(ledger_record_read__reads_back_policy_and_digests),
		cmocka_unit_test(ledger_free__takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
