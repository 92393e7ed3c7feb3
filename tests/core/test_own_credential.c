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
#include <base/secret.h>

#include "broker/core/own_credential.h"
#include "support/json_pattern.h"

#define ANNOTATION "credbroker.dev/own-credential"
#define CA_PEM     "-----BEGIN CERTIFICATE-----\nMIIBCgKC\n-----END CERTIFICATE-----\n"

static const struct own_bootstrap bootstrap = {
	.access_name = "member-1",
	.access_uid = "uid-1",
	.profile_key = "fleet-system/one",
	.digest = "d1",
};

static struct own_credential *known(void)
{
	struct own_credential *own = own_credential_new("hub", &bootstrap);

	own->account_namespace = memory_text("credbroker-system");
	own->account_name = memory_text("credbroker");
	own->account_uid = memory_text("sa-uid");
	return own;
}

/* With token "canary" for generation 1, and generation 2 taken. */
static struct own_credential *kept(void)
{
	struct kube_endpoint endpoint = {
		.server = memory_text("https://member:6443"),
		.ca_pem = memory_text(CA_PEM),
		.tls_server_name = memory_text("member.example"),
	};
	cleanup_secret struct secret token = secret_from_bytes("canary", 6);
	struct own_credential *own = known();

	own_credential_take(own);
	own_credential_keep(own, &endpoint, &token);
	own_credential_take(own);
	own->issued_at = 1700000000;
	own->expires_at = 1700003600;
	own->renew_at = 1700002100;
	own->rotate_at = 1699990000;
	kube_endpoint_done(&endpoint);
	return own;
}

static void name__is_another_for_each_bootstrap(void **state)
{
	const struct own_bootstrap others[] = {
		{"member-1", "uid-2", "fleet-system/one", "d1"},
		{"member-1", "uid-1", "fleet-system/two", "d1"},
		{"member-1", "uid-1", "fleet-system/one", "d2"},
	};
	cleanup_free char *name = own_credential_name("hub", &bootstrap);
	cleanup_free char *again = own_credential_name("hub", &bootstrap);
	cleanup_free char *other_hub = own_credential_name("bus", &bootstrap);

	(void)state;
	assert_string_equal(name, again);
	assert_string_not_equal(name, other_hub);
	assert_int_equal(strncmp(name, "credbroker-member-1-", 20), 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		cleanup_free char *other = own_credential_name("hub", &others[i]);

		assert_string_not_equal(name, other);
	}
}

static void take__makes_stale_what_was_interrupted_and_no_live_one(void **state)
{
	struct own_credential *own = known();
	const struct kube_endpoint endpoint = {0};
	cleanup_secret struct secret token = secret_from_bytes("canary", 6);

	(void)state;
	own_credential_take(own);
	assert_int_equal(own->generation, 1);
	assert_int_equal(own->stale_count, 0);
	own_credential_take(own);
	assert_int_equal(own->generation, 2);
	assert_int_equal(own->stale_count, 1);
	assert_int_equal(own->stale[0], 1);

	own->stale_count = 0;
	own_credential_keep(own, &endpoint, &token);
	assert_int_equal(own->live, 2);
	assert_int_equal(own->stale_count, 0);
	own_credential_take(own);
	assert_int_equal(own->stale_count, 0);
	own_credential_keep(own, &endpoint, &token);
	assert_int_equal(own->live, 3);
	assert_int_equal(own->stale_count, 1);
	assert_int_equal(own->stale[0], 2);
	own_credential_free(own);
}

static void drop__makes_stale_what_nobody_else_knows(void **state)
{
	struct own_credential *own = known();

	(void)state;
	own->generation = 5;
	own->live = 4;
	own->stale[own->stale_count++] = 3;
	own_credential_drop(own, 0);
	own_credential_drop(own, 3);
	own_credential_drop(own, 4);
	own_credential_drop(own, 5);
	assert_int_equal(own->stale_count, 1);
	own_credential_drop(own, 2);
	assert_int_equal(own->stale_count, 2);
	assert_int_equal(own->stale[1], 2);
	own_credential_drop(own, 7);
	own_credential_drop(own, 8);
	own_credential_drop(own, 9);
	assert_int_equal(own->stale_count, OWN_STALE_MAX);
	own_credential_free(own);
}

static void render__is_what_read_takes(void **state)
{
	struct own_credential *own = kept();
	cleanup_json struct json *secret = NULL;
	cleanup_json struct json *again = NULL;
	struct own_credential *read;
	struct error err = {0};

	(void)state;
	own->uid = memory_text("uid");
	own->resource_version = memory_text("7");
	own->stale[own->stale_count++] = 12;
	secret = own_credential_render(own, "credbroker-system");
	assert_string_equal(json_find_string(secret, "type"), "Opaque");
	assert_string_equal(json_find_string(secret, "metadata", "name"), own->name);
	assert_string_equal(
		json_find_string(secret, "metadata", "labels", "credbroker.dev/own-credential"),
		"true");

	read = own_credential_read(secret, &err);
	assert_non_null(read);
	assert_string_equal(read->access_name, "member-1");
	assert_string_equal(read->access_uid, "uid-1");
	assert_string_equal(read->account_uid, "sa-uid");
	assert_int_equal(read->generation, 2);
	assert_int_equal(read->live, 1);
	assert_int_equal(read->stale_count, 1);
	assert_int_equal(read->stale[0], 12);
	assert_int_equal(read->renew_at, 1700002100);
	assert_int_equal(read->rotate_at, 1699990000);
	assert_true(secret_equal(&read->endpoint.token, &own->endpoint.token));
	assert_string_equal(read->endpoint.server, "https://member:6443");
	assert_string_equal(read->endpoint.tls_server_name, "member.example");
	again = own_credential_render(read, "credbroker-system");
	assert_true(json_equal(secret, again));
	own_credential_free(read);
	own_credential_free(own);
}

static void render__says_no_part_of_the_token_outside_its_data(void **state)
{
	struct own_credential *own = kept();
	cleanup_json struct json *secret = own_credential_render(own, "credbroker-system");
	size_t size = 0;
	cleanup_free char *text = NULL;

	(void)state;
	assert_non_null(json_find_string(secret, "data", "kubeconfig"));
	json_remove(secret, "data");
	text = json_dump(secret, &size);
	assert_null(strstr(text, "canary"));
	own_credential_free(own);
}

static void render__without_a_token_has_no_kubeconfig(void **state)
{
	struct own_credential *own = known();
	cleanup_json struct json *secret = NULL;
	struct own_credential *read;
	struct error err = {0};

	(void)state;
	own_credential_take(own);
	secret = own_credential_render(own, "credbroker-system");
	assert_null(json_find(secret, "data", "kubeconfig"));
	read = own_credential_read(secret, &err);
	assert_non_null(read);
	assert_int_equal(read->live, 0);
	assert_int_equal(read->generation, 1);
	assert_true(secret_is_empty(&read->endpoint.token));
	own_credential_free(read);
	own_credential_free(own);
}

static void read__refuses_what_is_no_record(void **state)
{
	static const char *const changes[] = {
		"{'metadata':{'annotations':null}}",
		"{'metadata':{'annotations':{'" ANNOTATION "':'no JSON'}}}",
		"{'metadata':{'annotations':{'" ANNOTATION "':'{}'}}}",
		"{'metadata':{'name':null}}",
		"{'data':null}",
		"{'data':{'kubeconfig':'%%%'}}",
		"{'data':{'kubeconfig':'bm9uZQ=='}}",
	};
	struct own_credential *own = kept();
	cleanup_json struct json *good = own_credential_render(own, "credbroker-system");

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		cleanup_json struct json *patch = json_pattern_parse(changes[i]);
		cleanup_json struct json *bad = json_pattern_merge(good, patch);
		struct error err = {0};

		assert_null(own_credential_read(bad, &err));
		assert_int_equal(err.kind, ERROR_INVALID);
		assert_null(strstr(err.text, "canary"));
	}
	own_credential_free(own);
}

static void anchor__is_empty_and_named_by_generation(void **state)
{
	struct own_credential *own = kept();
	cleanup_json struct json *anchor = own_credential_anchor(own);
	cleanup_free char *first = own_credential_anchor_name(own, 1);
	cleanup_free char *second = own_credential_anchor_name(own, 2);

	(void)state;
	assert_string_not_equal(first, second);
	assert_string_equal(json_find_string(anchor, "metadata", "name"), second);
	assert_string_equal(json_find_string(anchor, "metadata", "namespace"), "credbroker-system");
	assert_null(json_find(anchor, "data"));
	assert_null(json_find(anchor, "stringData"));
	own_credential_free(own);
}

static void token_request__is_bound_to_the_anchor_taken_last(void **state)
{
	struct own_credential *own = kept();
	cleanup_json struct json *request = own_credential_token_request(own, 3600, "anchor-uid");
	cleanup_free char *name = own_credential_anchor_name(own, 2);
	const struct json *bound = json_find(request, "spec", "boundObjectRef");
	int64_t seconds = 0;

	(void)state;
	assert_string_equal(json_find_string(request, "metadata", "name"), "credbroker");
	assert_string_equal(json_find_string(request, "metadata", "uid"), "sa-uid");
	assert_string_equal(json_find_string(bound, "kind"), "Secret");
	assert_string_equal(json_find_string(bound, "name"), name);
	assert_string_equal(json_find_string(bound, "uid"), "anchor-uid");
	assert_true(json_integer(json_find(request, "spec", "expirationSeconds"), &seconds));
	assert_int_equal(seconds, 3600);
	own_credential_free(own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name__is_another_for_each_bootstrap),
		cmocka_unit_test(take__makes_stale_what_was_interrupted_and_no_live_one),
		cmocka_unit_test(drop__makes_stale_what_nobody_else_knows),
		cmocka_unit_test(render__is_what_read_takes),
		cmocka_unit_test(render__says_no_part_of_the_token_outside_its_data),
		cmocka_unit_test(render__without_a_token_has_no_kubeconfig),
		cmocka_unit_test(read__refuses_what_is_no_record),
		cmocka_unit_test(anchor__is_empty_and_named_by_generation),
		cmocka_unit_test(token_request__is_bound_to_the_anchor_taken_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
