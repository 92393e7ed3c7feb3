/* manifest.h - prints the RBAC manifests that an operator applies: the broker's least rights.
 *
 * What is printed here is all that the broker needs; demo and tests run with exactly this. */
#ifndef BROKER_MANIFEST_H
#define BROKER_MANIFEST_H

#include <stdbool.h>

struct error;
struct options;

/* For a member: on ServiceAccounts, their tokens and Secrets only in the identity namespaces. No
 * escalate, impersonate, wildcard, or reading of Secrets, but where a template has them. False
 * (ERROR_INVALID), and nothing is printed, when a template cannot be read. */
bool manifest_print_member(const struct options *options, struct error *err);

/* For the hub: on Secrets only in the broker's own namespace and in those that take deliveries. */
void manifest_print_hub(const struct options *options);

#endif
