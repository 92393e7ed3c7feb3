/* http_address.h - which network addresses a peer may have. Pure.
 *
 * Asked after name resolution with the address that is about to be connected to, so that a name
 * under somebody else's control cannot point the broker at its own machine or at the cloud's
 * metadata service. */
#ifndef EDGE_HTTP_ADDRESS_H
#define EDGE_HTTP_ADDRESS_H

#include <stdbool.h>

struct sockaddr;

/* False for link-local, multicast, unspecified, reserved and metadata addresses and for every
 * IPv4-mapped form; for loopback unless LOOPBACK_ALLOWED. Addresses that carry an IPv4 address
 * (NAT64, 6to4) are judged by that. False for anything but IPv4 and IPv6. */
bool http_address_is_allowed(const struct sockaddr *address, bool loopback_allowed);

#endif
