/* manifest.h - prints the RBAC manifests that an operator applies: the broker's least rights.
 *
 * What is printed here is all that the broker needs; demo and tests run with exactly this. */
#ifndef BROKER_MANIFEST_H
#define BROKER_MANIFEST_H

#include <stdbool.h>

struct error;
struct options;

/* For a member: on ServiceAccounts, their tokens and Secrets only in the identity namespaces. No
 * escalate, impersonate or wildcard, and no reading of Secrets but where a template gives it. False
 * (ERROR_INVALID), and nothing is printed, for a template that cannot be held. */
bool manifest_print_member(const struct options *options, struct error *err);

/* For the hub: on Secrets only in the broker's own namespace and in those that take deliveries. */
void manifest_print_hub(const struct options *options);

#endif
