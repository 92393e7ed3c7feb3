#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>

#include <base/cleanup.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/secret.h>

#include "broker/core/kube_path.h"
#include "broker/core/ledger.h"
#include "broker/core/member_objects.h"
#include "broker/core/request.h"
#include "broker/core/request_nonce.h"
#include "broker/core/rights.h"
#include "broker/core/stray.h"
#include "support/json_pattern.h"
#include "support/sample_request.h"

enum { ACCOUNT, ROLE, ROLE_BINDING, CLUSTER_ROLE_BINDING, OBJECTS };

static struct secret key;
static struct ledger *ledger;
static struct rights *rights;

static int setup(void **state)
{
	struct request *request = sample_request("{}");
	char nonce[NONCE_SIZE];

	(void)state;
	key = secret_from_bytes("0123456789abcdef0123456789abcdef", 32);
	ledger = sample_request_ledger(request);
	rights = sample_request_rights(request);
	request_nonce(&key, ledger->hub_id, ledger->uid, nonce);
	memory_free(ledger->nonce);
	ledger->nonce = memory_text(nonce);
	assert_int_equal(ledger->object_count, OBJECTS);
	request_free(request);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	secret_done(&key);
	ledger_free(ledger);
	rights_free(rights);
	return 0;
}

/* Object INDEX as the member lists it, with CHANGES. */
static struct json *listed(size_t index, const char *changes)
{
	cleanup_json struct json *made = member_object_render(ledger, index, rights);
	cleanup_json struct json *server =
		json_pattern_parse("{'metadata':{'uid':'uid-1','resourceVersion':'7'}}");
	cleanup_json struct json *stored = json_pattern_merge(made, server);
	cleanup_json struct json *patch = json_pattern_parse(changes);

	return json_pattern_merge(stored, patch);
}

static bool is_proven(const struct kube_resource *resource, size_t index, const char *changes)
{
	cleanup_json struct json *item = listed(index, changes);
	const char *request = member_object_request(item, ledger->hub_id);
	struct stray *stray =
		request ? stray_read(resource, item, ledger->hub_id, request, &key) : NULL;
	bool proven = stray != NULL;

	stray_free(stray);
	return proven;
}

static void stray_read__takes_what_was_made(void **state)
{
	(void)state;
	for (size_t i = 0; i < OBJECTS; i++)
		assert_true(is_proven(ledger->objects[i].resource, i, "{}"));
	/* what others add is theirs, and changes nothing */
	assert_true(is_proven(&KUBE_SERVICE_ACCOUNTS, ACCOUNT,
			      "{'metadata':{'labels':{'a':'b'}},'secrets':[]}"));
}

/* Whoever writes on the member can copy all of it but the place. */
static void stray_read__refuses_what_only_looks_like_it(void **state)
{
	static const struct {
		size_t index;
		const char *changes;
	} rows[] = {
		{ROLE, "{'metadata':{'name':'another'}}"},
		{ROLE, "{'metadata':{'namespace':'another'}}"},
		{ACCOUNT, "{'metadata':{'name':'another'}}"},
		{CLUSTER_ROLE_BINDING, "{'metadata':{'name':'cluster-admin'}}"},
		{ROLE, "{'metadata':{'annotations':{'credbroker.dev/mark':null}}}"},
		{ROLE, "{'metadata':{'annotations':{'credbroker.dev/mark':'a'}}}"},
		{ROLE, "{'metadata':{'annotations':null}}"},
		{ROLE, "{'metadata':{'labels':{'credbroker.dev/hub-id':'hub-2'}}}"},
		{ROLE, "{'metadata':{'labels':{'credbroker.dev/request-uid':'another'}}}"},
		{ROLE, "{'metadata':{'labels':{'credbroker.dev/request-uid':null}}}"},
		{ROLE, "{'metadata':{'labels':{'app.kubernetes.io/managed-by':'helm'}}}"},
		{ROLE, "{'metadata':{'labels':null}}"},
		{ROLE, "{'metadata':{'uid':null}}"},
		{ROLE, "{'metadata':{'resourceVersion':null}}"},
		{ROLE, "{'metadata':{'deletionTimestamp':'2026-03-01T12:00:00Z'}}"},
		{ROLE, "{'metadata':null}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (is_proven(ledger->objects[rows[i].index].resource, rows[i].index,
			      rows[i].changes))
			fail_msg("%s", rows[i].changes);
	assert_false(is_proven(&KUBE_CLUSTER_ROLES, ROLE, "{}")); /* of another kind */
}

static void stray_read__needs_the_key(void **state)
{
	struct secret other = secret_from_bytes("0123456789abcdef0123456789abcdee", 32);

	(void)state;
	secret_done(&key);
	key = secret_move(&other);
	assert_false(is_proven(&KUBE_ROLES, ROLE, "{}"));
}

static void stray_rank__puts_bindings_first_and_roles_last(void **state)
{
	const struct stray ranked[] = {
		{.resource = &KUBE_CLUSTER_ROLE_BINDINGS},
		{.resource = &KUBE_ROLE_BINDINGS},
		{.resource = &KUBE_SERVICE_ACCOUNTS},
		{.resource = &KUBE_CLUSTER_ROLES},
		{.resource = &KUBE_ROLES},
	};

	(void)state;
	assert_int_equal(stray_rank(&ranked[0]), stray_rank(&ranked[1]));
	assert_true(stray_rank(&ranked[1]) < stray_rank(&ranked[2]));
	assert_true(stray_rank(&ranked[2]) < stray_rank(&ranked[3]));
	assert_int_equal(stray_rank(&ranked[3]), stray_rank(&ranked[4]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stray_read__takes_what_was_made, setup, teardown),
		cmocka_unit_test_setup_teardown(stray_read__refuses_what_only_looks_like_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(stray_read__needs_the_key, setup, teardown),
		cmocka_unit_test(stray_rank__puts_bindings_first_and_roles_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
