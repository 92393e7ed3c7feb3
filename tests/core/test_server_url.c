#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/limits.h>
#include <base/memory.h>

#include "broker/core/server_url.h"

static void server_url_read__takes_plain_addresses(void **state)
{
	static const struct {
		const char *text, *url;
	} rows[] = {
		{"https://a", "https://a"},
		{"https://a/", "https://a"},
		{"https://api.example.org:6443", "https://api.example.org:6443"},
		{"https://API-1.Example.org:6443/", "https://API-1.Example.org:6443"},
		{"https://10.0.0.1:443", "https://10.0.0.1:443"},
		{"https://[::1]:6443", "https://[::1]:6443"},
		{"https://[2001:db8::a:1]", "https://[2001:db8::a:1]"},
		{"https://[::ffff:10.0.0.1]/", "https://[::ffff:10.0.0.1]"},
		{"https://rancher/k8s/clusters/c-m-1", "https://rancher/k8s/clusters/c-m-1"},
		{"https://kcp:6443/clusters/root:org/", "https://kcp:6443/clusters/root:org"},
		{"https://a/~x_y-z.0", "https://a/~x_y-z.0"},
		{"https://a/.well-known/..x", "https://a/.well-known/..x"},
		{"https://a:1", "https://a:1"},
		{"https://a:65535", "https://a:65535"},
		{"https://a:00443", "https://a:00443"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};
		cleanup_free char *url = NULL;
		if (!server_url_read(rows[i].text, &url, &err))
			fail_msg("%s %s", rows[i].text, err.text);
		assert_string_equal(url, rows[i].url);
	}
}

#define SCHEME "does not begin with https://"
#define HOST   "has no plain host name or address"
#define PORT   "has no port from 1 to 65535 behind its colon"
#define PREFIX "has something other than a plain path behind its host"
#define LABEL  "123456789012345678901234567890123456789012345678901234567890123"

static const struct {
	const char *text, *why;
} refused[] = {
	{"", SCHEME},
	{"a", SCHEME},
	{"http://a", SCHEME},
	{"HTTPS://a", SCHEME},
	{" https://a", SCHEME},
	{"https:/a", SCHEME},
	{"https:a", SCHEME},
	{"//a", SCHEME},
	{"file:///etc/passwd", SCHEME},
	{"unix:///run/x", SCHEME},
	{"https://", HOST},
	{"https:///a", HOST},
	{"https://:443", HOST},
	{"https://user@a", HOST},
	{"https://user:pass@a", PORT},
	{"https://user:1@a", PREFIX},
	{"https://a@b:443", HOST},
	{"https://a?x=1", HOST},
	{"https://a#x", HOST},
	{"https://a\\b", HOST},
	{"https://a\\@b", HOST},
	{"https://a%2eb", HOST},
	{"https://a b", HOST},
	{"https://a\n", HOST},
	{"https://a\r\nHost: b", HOST},
	{"https://a\tb", HOST},
	{"https://a\x7f", HOST},
	{"https://caf\xc3\xa9", HOST},
	{"https://a_b", HOST},
	{"https://-a", HOST},
	{"https://a-", HOST},
	{"https://a-.b", HOST},
	{"https://.a", HOST},
	{"https://a.", HOST},
	{"https://a..b", HOST},
	{"https://" LABEL "4", HOST},
	{"https://" LABEL "." LABEL "." LABEL "." LABEL, HOST},
	{"https://::1", HOST},
	{"https://[::1", HOST},
	{"https://[]", HOST},
	{"https://[a]", HOST},
	{"https://[1:2]", HOST},
	{"https://[::1%25eth0]", HOST},
	{"https://[::g]", HOST},
	{"https://[1111:2222:3333:4444:5555:6666:7777:8888:9999:0]", HOST},
	{"https://[::1]x", PREFIX},
	{"https://a:", PORT},
	{"https://a:/x", PORT},
	{"https://a:0", PORT},
	{"https://a:65536", PORT},
	{"https://a:000443", PORT},
	{"https://a:99999999999999999999", PORT},
	{"https://a:x", PORT},
	{"https://a:+1", PORT},
	{"https://a:443x", PREFIX},
	{"https://a:443@b", PREFIX},
	{"https://a:443:443", PREFIX},
	{"https://a/x?y", PREFIX},
	{"https://a/x#y", PREFIX},
	{"https://a/%2e%2e", PREFIX},
	{"https://a/x\\y", PREFIX},
	{"https://a/x y", PREFIX},
	{"https://a/x\n", PREFIX},
	{"https://a/\xc3\xa9", PREFIX},
	{"https://a/@b", PREFIX},
	{"https://a/x;y", PREFIX},
	{"https://a/.", PREFIX},
	{"https://a/..", PREFIX},
	{"https://a/../b", PREFIX},
	{"https://a/x/./y", PREFIX},
	{"https://a/x/../y/", PREFIX},
	{"https://a//", PREFIX},
	{"https://a//b", PREFIX},
	{"https://a/b//c", PREFIX},
};

static void server_url_read__refuses_the_rest(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct error err = {0};
		char *url = NULL;
		/* A copy, so that the sanitizer sees a read behind the end. */
		cleanup_free char *text = memory_text(refused[i].text);
		if (server_url_read(text, &url, &err) || err.kind != ERROR_INVALID)
			fail_msg("%s was accepted", refused[i].text);
		assert_null(url);
		if (strcmp(err.text, refused[i].why) != 0)
			fail_msg("%s %s", refused[i].text, err.text);
	}
}

static void server_url_read__refuses_an_address_over_the_cap(void **state)
{
	struct error err = {0};
	char *url = NULL;

	(void)state;
	cleanup_free char *text = memory_new(SERVER_URL_MAX + 2);
	memset(text, 'x', SERVER_URL_MAX + 1);
	memcpy(text, "https://a/", 10);
	assert_false(server_url_read(text, &url, &err));
	assert_string_equal(err.text, "is longer than 1024 bytes");
	text[SERVER_URL_MAX] = '\0';
	cleanup_free char *fits = NULL;
	assert_true(server_url_read(text, &fits, &(struct error){0}));
}

static void server_url_is_host__takes_names_and_bare_addresses(void **state)
{
	static const struct {
		const char *text;
		bool expected;
	} rows[] = {
		{"kubernetes.default.svc", true},
		{"10.0.0.1", true},
		{"::1", true},
		{"a", true},
		{"", false},
		{"[::1]", false},
		{"a:443", false},
		{"a/b", false},
		{"*.a", false},
		{"a ", false},
		{"caf\xc3\xa9", false},
		{LABEL "4", false},
		{"a.", false},
		{":", false},
		{"1:2", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (server_url_is_host(rows[i].text) != rows[i].expected)
			fail_msg("%s", rows[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_url_read__takes_plain_addresses),
		cmocka_unit_test(server_url_read__refuses_the_rest),
		cmocka_unit_test(server_url_read__refuses_an_address_over_the_cap),
		cmocka_unit_test(server_url_is_host__takes_names_and_bare_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
