/* option_flags.h - the flags of each command, and how the value of each is read. */
#ifndef BROKER_OPTION_FLAGS_H
#define BROKER_OPTION_FLAGS_H

#include "options.h"

extern const struct option_flag CONTROLLER_FLAGS[];
extern const struct option_flag MEMBER_RBAC_FLAGS[];
extern const struct option_flag HUB_RBAC_FLAGS[];
extern const struct option_flag POLICY_TEST_FLAGS[];

#endif
