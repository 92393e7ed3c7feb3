/* options.h - the command line as one validated struct. */
#ifndef BROKER_OPTIONS_H
#define BROKER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/leader_election.h"

struct error;

enum { OPTION_LIST_MAX = 64 };

struct option_list {
	const char *items[OPTION_LIST_MAX];
	size_t count;
};

/* Texts are borrowed from argv. */
struct options {
	/* controller */
	const char *kubeconfig; /* NULL: the pod's own identity */
	const char *pod_directory;
	const char *namespace;
	const char *hub_id; /* NULL: the one kept in NAMESPACE */
	const char *identity_namespace;
	const char *profile_namespace; /* NULL: the request's own */
	struct option_list protected_namespaces;
	const char *health_address;  /* NULL: nobody listens */
	const char *metrics_address; /* the same */
	int64_t member_check_interval_ms;
	int64_t credential_check_interval_ms; /* 0: never */
	int64_t sweep_interval_ms;            /* 0: off */
	int64_t deletion_deadline_s;
	struct leader_timing leader_timing;
	bool leader_elect;                    /* false: the Lease is taken at once */
	int64_t member_credential_lifetime_s; /* 0: no own credentials on members */
	int64_t renew_at_percent;             /* 0: as usual */
	bool allow_loopback_members;
	bool debug;
	/* member-rbac, hub-rbac */
	struct option_list identity_namespaces;
	struct option_list namespaces;
	struct option_list may_bind;
	struct option_list may_grant;
	struct option_list existing_accounts; /* "<namespace>/<name>" */
	struct option_list templates;         /* files */
	const char *service_account;
	/* policy test */
	struct option_list files;    /* with requests */
	struct option_list policies; /* files with what decisions rest on */
	const char *as_user;         /* NULL: nobody is known */
	struct option_list as_groups;
	bool json;
};

/* One flag of one command, as --help prints it and docs/cli.md lists it. */
struct option_flag {
	const char *name;     /* without the dashes */
	const char *argument; /* NULL: a switch */
	const char *help;
	bool (*take)(struct options *options, const char *value, struct error *err);
};

/* Reads ARGV[0..ARGC) by FLAGS, which end with a NULL name. ERROR_INVALID names the flag and says
 * what is expected. *RET_HELP is set by --help, and then the rest is not looked at. */
bool options_parse(const struct option_flag *flags, int argc, char **argv, struct options *options,
		   bool *ret_help, struct error *err);

/* Prints one line for each flag on standard output. */
void options_print(const struct option_flag *flags);

#endif
