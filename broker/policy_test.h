/* policy_test.h - what AccessPolicies make of requests in files, and what would be made for them.
 *
 * Reads files and, unless it gets policies from files alone, the hub. Writes on standard output and
 * nowhere else. */
#ifndef BROKER_POLICY_TEST_H
#define BROKER_POLICY_TEST_H

#include <stdbool.h>

struct error;
struct options;

/* Prints an explanation of each request. *RET_ALLOWED: all of them would be served. False: the
 * files or the hub cannot be read, and nothing was printed. */
bool policy_test_run(const struct options *options, bool *ret_allowed, struct error *err);

#endif
