#include "edge/http_address.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

struct network4 {
	uint32_t first;
	unsigned bits;
};

struct network6 {
	uint8_t first[16];
	unsigned bits;
};

static const struct network4 never4[] = {
	{0x00000000, 8},  /* unspecified: "this host" (RFC 1122 3.2.1.3) */
	{0xa9fe0000, 16}, /* link-local, with the metadata service of most clouds */
	{0xe0000000, 3},  /* multicast, reserved, broadcast */
	{0x646464c8, 32}, /* metadata: Alibaba Cloud */
	{0xa83f8110, 32}, /* metadata: Azure */
	{0xc00000c0, 32}, /* metadata: Oracle Cloud */
};

static const struct network4 loopback4 = {0x7f000000, 8};

static const struct network6 never6[] = {
	{{0xfe, 0x80}, 10},                                        /* link-local */
	{{0xff}, 8},                                               /* multicast */
	{{0}, 96},                                                 /* IPv4-compatible, :: */
	{{[10] = 0xff, [11] = 0xff}, 96},                          /* IPv4-mapped */
	{{0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54}, 128}, /* metadata: AWS */
	{{0xfd, 0x20, 0x00, 0xce, [14] = 0x02, [15] = 0x54}, 128}, /* metadata: Google */
};

static const struct network6 loopback6 = {{[15] = 1}, 128};
static const struct network6 nat64 = {{0x00, 0x64, 0xff, 0x9b},
				      96};                   /* address in the last 4 bytes */
static const struct network6 sixtofour = {{0x20, 0x02}, 16}; /* address behind the prefix */

static bool has_prefix(const uint8_t *bytes, const uint8_t *first, unsigned bits)
{
	unsigned whole = bits / 8;
	unsigned rest = bits % 8;

	if (memcmp(bytes, first, whole) != 0)
		return false;
	return rest == 0 || (bytes[whole] ^ first[whole]) >> (8 - rest) == 0;
}

static bool is_in4(uint32_t address, const struct network4 *network)
{
	return (address ^ network->first) >> (32 - network->bits) == 0;
}

static bool is_in6(const uint8_t *bytes, const struct network6 *network)
{
	return has_prefix(bytes, network->first, network->bits);
}

static uint32_t number_of(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

static bool is_allowed4(uint32_t address, bool loopback_allowed)
{
	for (size_t i = 0; i < sizeof(never4) / sizeof(never4[0]); i++)
		if (is_in4(address, &never4[i]))
			return false;
	return loopback_allowed || !is_in4(address, &loopback4);
}

static bool is_allowed6(const uint8_t *bytes, bool loopback_allowed)
{
	if (is_in6(bytes, &loopback6))
		return loopback_allowed;
	for (size_t i = 0; i < sizeof(never6) / sizeof(never6[0]); i++)
		if (is_in6(bytes, &never6[i]))
			return false;
	if (is_in6(bytes, &nat64))
		return is_allowed4(number_of(bytes + 12), false);
	if (is_in6(bytes, &sixtofour))
		return is_allowed4(number_of(bytes + 2), false);
	return true;
}

bool http_address_is_allowed(const struct sockaddr *address, bool loopback_allowed)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, address, sizeof(in));
		return is_allowed4(ntohl(in.sin_addr.s_addr), loopback_allowed);
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, address, sizeof(in6));
		return is_allowed6(in6.sin6_addr.s6_addr, loopback_allowed);
	}
	return false;
}
