#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "broker/edge/http_address.h"

struct row {
	const char *sentence;
	const char *address;
	bool allowed;
	bool allowed_with_loopback;
};

static const struct row rows[] = {
	{"a public address", "203.0.113.7", true, true},
	{"private addresses: where members are", "10.0.0.1", true, true},
	{"private addresses: where members are", "172.16.0.1", true, true},
	{"private addresses: where members are", "192.168.1.1", true, true},
	{"carrier-grade NAT", "100.64.0.1", true, true},
	{"loopback", "127.0.0.1", false, true},
	{"the end of loopback", "127.255.255.255", false, true},
	{"behind loopback", "128.0.0.1", true, true},
	{"before loopback", "126.255.255.255", true, true},
	{"unspecified", "0.0.0.0", false, false},
	{"this network", "0.1.2.3", false, false},
	{"link-local: metadata", "169.254.169.254", false, false},
	{"link-local", "169.254.0.1", false, false},
	{"before link-local", "169.253.255.255", true, true},
	{"behind link-local", "169.255.0.0", true, true},
	{"multicast", "224.0.0.1", false, false},
	{"the last before multicast", "223.255.255.255", true, true},
	{"reserved", "240.0.0.1", false, false},
	{"broadcast", "255.255.255.255", false, false},
	{"metadata of Alibaba Cloud", "100.100.100.200", false, false},
	{"metadata of Azure", "168.63.129.16", false, false},
	{"metadata of Oracle Cloud", "192.0.0.192", false, false},
	{"a public IPv6 address", "2001:db8::1", true, true},
	{"unique local", "fd12:3456::1", true, true},
	{"IPv6 loopback", "::1", false, true},
	{"IPv6 unspecified", "::", false, false},
	{"IPv6 link-local", "fe80::1", false, false},
	{"the end of IPv6 link-local", "febf::1", false, false},
	{"behind IPv6 link-local", "fec0::1", true, true},
	{"IPv6 multicast", "ff02::1", false, false},
	{"IPv4-mapped", "::ffff:203.0.113.7", false, false},
	{"IPv4-mapped loopback", "::ffff:127.0.0.1", false, false},
	{"IPv4-mapped metadata", "::ffff:169.254.169.254", false, false},
	{"IPv4-compatible", "::203.0.113.7", false, false},
	{"metadata of AWS", "fd00:ec2::254", false, false},
	{"metadata of Google", "fd20:ce::254", false, false},
	{"NAT64 of a public address", "64:ff9b::203.0.113.7", true, true},
	{"NAT64 of metadata", "64:ff9b::169.254.169.254", false, false},
	{"NAT64 of loopback", "64:ff9b::127.0.0.1", false, false},
	{"6to4 of a public address", "2002:cb00:7107::1", true, true},
	{"6to4 of metadata", "2002:a9fe:a9fe::1", false, false},
};

static struct sockaddr_storage address_of(const char *text)
{
	struct sockaddr_storage address = {0};
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		memcpy(&address, &in, sizeof(in));
	else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
		memcpy(&address, &in6, sizeof(in6));
	else
		fail_msg("%s is no address", text);
	return address;
}

static void is_allowed__judges_each_kind_of_address(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sockaddr_storage address = address_of(rows[i].address);
		const struct sockaddr *generic = (const struct sockaddr *)&address;
		if (http_address_is_allowed(generic, false) != rows[i].allowed ||
		    http_address_is_allowed(generic, true) != rows[i].allowed_with_loopback)
			fail_msg("%s (%s) is judged wrongly", rows[i].sentence, rows[i].address);
	}
}

static void is_allowed__refuses_what_is_no_internet_address(void **state)
{
	const struct sockaddr_un unix_address = {.sun_family = AF_UNIX, .sun_path = "/run/it"};

	(void)state;
	assert_false(http_address_is_allowed((const struct sockaddr *)&unix_address, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_allowed__judges_each_kind_of_address),
		cmocka_unit_test(is_allowed__refuses_what_is_no_internet_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
