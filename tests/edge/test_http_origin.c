#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/error.h>

#include "broker/edge/http_origin.h"

struct row {
	const char *server, *tls_server_name;
	const char *name, *base_url, *connect_to;
};

static const struct row good[] = {
	{"https://a.test", NULL, "a.test:443", "https://a.test:443", NULL},
	{"https://a.test:6443/", NULL, "a.test:6443", "https://a.test:6443", NULL},
	{"HTTPS://10.0.0.1:6443", NULL, "10.0.0.1:6443", "https://10.0.0.1:6443", NULL},
	{"https://[fd00::1]:6443", NULL, "[fd00::1]:6443", "https://[fd00::1]:6443", NULL},
	{"https://a.test/k8s/clusters/c-1/", NULL, "a.test:443",
	 "https://a.test:443/k8s/clusters/c-1", NULL},
	{"https://10.0.0.1:6443/p", "api.test", "10.0.0.1:6443", "https://api.test:6443/p",
	 "::10.0.0.1:6443"},
	{"https://[fd00::1]", "api.test", "[fd00::1]:443", "https://api.test:443",
	 "::[fd00::1]:443"},
	{"https://a.test:6443", "fd00::2", "a.test:6443", "https://[fd00::2]:6443",
	 "::a.test:6443"},
};

static const char *const bad_servers[] = {
	"",
	"http://a.test",
	"a.test:6443",
	"https://",
	"https://:6443",
	"https://a.test:",
	"https://a.test:0",
	"https://a.test:65536",
	"https://a.test:99999999999999999999",
	"https://a.test:12x",
	"https://user@a.test",
	"https://user:secret@a.test",
	"https://a.test?x=1",
	"https://a.test/p#f",
	"https://a.test/p?x=1",
	"https://a.test\r\nX: 1",
	"https://a test",
	"https://[fd00::1",
	"https://[]:6443",
	"https://a.test\\b",
};

static const char *const bad_names[] = {"",       "a/b", "a:6443@evil.test", "a b",
					"a\r\nb", "a?b", "[fd00::1]x"};

static void parse__splits_what_is_a_server(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const struct row *row = &good[i];
		struct http_origin origin;
		struct error err = {0};
		assert_true(http_origin_parse(row->server, row->tls_server_name, &origin, &err));
		assert_string_equal(origin.name, row->name);
		assert_string_equal(origin.base_url, row->base_url);
		if (row->connect_to)
			assert_string_equal(origin.connect_to, row->connect_to);
		else
			assert_null(origin.connect_to);
		http_origin_done(&origin);
		http_origin_done(&origin);
	}
}

static void parse__refuses_what_is_no_server(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_servers) / sizeof(bad_servers[0]); i++) {
		struct http_origin origin;
		struct error err = {0};
		if (http_origin_parse(bad_servers[i], NULL, &origin, &err))
			fail_msg("%s is taken", bad_servers[i]);
		assert_int_equal(err.kind, ERROR_INVALID);
	}
}

static void parse__refuses_a_tls_name_that_is_no_host(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++) {
		struct http_origin origin;
		struct error err = {0};
		if (http_origin_parse("https://a.test", bad_names[i], &origin, &err))
			fail_msg("%s is taken", bad_names[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse__splits_what_is_a_server),
		cmocka_unit_test(parse__refuses_what_is_no_server),
		cmocka_unit_test(parse__refuses_a_tls_name_that_is_no_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
