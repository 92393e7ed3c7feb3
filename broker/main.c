#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <base/error.h>
#include <base/memory.h>

#include "broker.h"
#include "edge/hub_config.h"
#include "edge/log.h"
#include "manifest.h"
#include "option_flags.h"
#include "options.h"
#include "policy_test.h"

enum {
	MEMBER_CHECK_INTERVAL_MS = 10 * 60 * 1000,
	SWEEP_INTERVAL_MS = 60 * 60 * 1000,
	CREDENTIAL_CHECK_INTERVAL_MS = 10 * 60 * 1000,
	DELETION_DEADLINE_S = 10 * 60,
	MEMBER_CREDENTIAL_LIFETIME_S = 24 * 3600, /* a hub may be away for a night */
};
/* Those of client-go. */
enum { LEASE_MS = 15 * 1000, RENEW_MS = 10 * 1000, RETRY_MS = 2 * 1000 };
/* A test that says "denied" must not be taken for one that could not be made, so that has 2. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_DENIED = 1, EXIT_USAGE = 2, EXIT_UNTESTED = 2 };

struct command {
	const char *name;
	const char *summary;
	const struct option_flag *flags;
	int (*run)(const struct options *options);
	int unprinted; /* the exit code when standard output cannot be written */
};

/* One line, whatever the command line held. */
static void complain(const char *text)
{
	fputs("credbroker: ", stderr);
	for (; *text; text++)
		fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, stderr);
	fputc('\n', stderr);
}

static int fail(int code, const struct error *err)
{
	complain(err->text);
	return code;
}

static int usage_error(const char *text)
{
	complain(text);
	return EXIT_USAGE;
}

/* The keys to every cluster pass through this memory. */
static void forbid_core_dumps(void)
{
	const struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
}

static void prepare_for_secrets(void)
{
	forbid_core_dumps();
	signal(SIGPIPE, SIG_IGN);
	memory_serve_libraries();
}

static int run_controller(const struct options *options)
{
	struct error err = {0};
	struct broker *broker;
	bool ran;

	if (!options->namespace)
		return usage_error("--namespace is required");
	if (!leader_election_check_timing(&options->leader_timing, &err))
		return fail(EXIT_USAGE, &err);
	prepare_for_secrets();
	log_set_level(options->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	broker = broker_new(options, &err);
	ran = broker && broker_run(broker, &err);
	broker_free(broker);
	return ran ? EXIT_DONE : fail(EXIT_FAILED, &err);
}

static int run_member_rbac(const struct options *options)
{
	struct error err = {0};

	if (options->identity_namespaces.count == 0)
		return usage_error("--identity-namespace is required");
	return manifest_print_member(options, &err) ? EXIT_DONE : fail(EXIT_FAILED, &err);
}

static int run_hub_rbac(const struct options *options)
{
	if (options->namespaces.count == 0)
		return usage_error("--namespace is required");
	manifest_print_hub(options);
	return EXIT_DONE;
}

static int run_policy_test(const struct options *options)
{
	struct options with_defaults = *options;
	struct error err = {0};
	bool allowed = false;

	if (options->files.count == 0)
		return usage_error("--filename is required: a file with AuthTokenRequests");
	if (options->as_groups.count > 0 && !options->as_user)
		return usage_error("--as-group needs --as");
	if (!options->namespace)
		with_defaults.namespace = "credbroker-system";
	prepare_for_secrets();
	if (!policy_test_run(&with_defaults, &allowed, &err))
		return fail(EXIT_UNTESTED, &err);
	return allowed ? EXIT_DONE : EXIT_DENIED;
}

static int run_version(const struct options *options)
{
	(void)options;
	printf("credbroker %s\n", CREDBROKER_VERSION);
	return EXIT_DONE;
}

static const struct option_flag no_flags[] = {{0}};

static const struct command commands[] = {
	{"controller", "serve AuthTokenRequests", CONTROLLER_FLAGS, run_controller, EXIT_FAILED},
	{"hub-rbac", "print the rights that the broker needs on the hub", HUB_RBAC_FLAGS,
	 run_hub_rbac, EXIT_FAILED},
	{"member-rbac", "print the rights that the broker needs on a member", MEMBER_RBAC_FLAGS,
	 run_member_rbac, EXIT_FAILED},
	{"policy test", "print what policies make of a request, and what it would be given",
	 POLICY_TEST_FLAGS, run_policy_test, EXIT_UNTESTED},
	{"version", "print the version", no_flags, run_version, EXIT_FAILED},
};

static void print_help(void)
{
	printf("credbroker: short-lived, least-privilege credentials for Kubernetes fleets\n\n"
	       "usage: credbroker COMMAND [FLAGS]\n\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		printf("  %-12s %s\n", commands[i].name, commands[i].summary);
	printf("\n`credbroker COMMAND --help` lists the flags of a command.\n");
}

/* Half a manifest that passes for a whole one is worse than none. */
static int finish(int code, int unprinted)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	complain("standard output cannot be written");
	return unprinted;
}

static int run_command(const struct command *command, int argc, char **argv)
{
	struct options options = {
		.pod_directory = HUB_CONFIG_POD_DIRECTORY,
		.identity_namespace = "credbroker-identities",
		.member_check_interval_ms = MEMBER_CHECK_INTERVAL_MS,
		.credential_check_interval_ms = CREDENTIAL_CHECK_INTERVAL_MS,
		.sweep_interval_ms = SWEEP_INTERVAL_MS,
		.deletion_deadline_s = DELETION_DEADLINE_S,
		.leader_timing = {LEASE_MS, RENEW_MS, RETRY_MS},
		.member_credential_lifetime_s = MEMBER_CREDENTIAL_LIFETIME_S,
		.service_account = "credbroker-system/credbroker",
	};
	struct error err = {0};
	bool help = false;

	if (!options_parse(command->flags, argc, argv, &options, &help, &err))
		return fail(EXIT_USAGE, &err);
	if (help) {
		printf("usage: credbroker %s [FLAGS]\n\n%s\n\n", command->name, command->summary);
		options_print(command->flags);
		return finish(EXIT_DONE, command->unprinted);
	}
	return finish(command->run(&options), command->unprinted);
}

/* How many of WORDS are the name of COMMAND; 0: they are not. */
static int words_of(const struct command *command, int count, char **words)
{
	const char *blank = strchr(command->name, ' ');
	size_t size = blank ? (size_t)(blank - command->name) : strlen(command->name);

	if (count < 1 || strlen(words[0]) != size || strncmp(words[0], command->name, size) != 0)
		return 0;
	if (!blank)
		return 1;
	return count > 1 && strcmp(words[1], blank + 1) == 0 ? 2 : 0;
}

static int run_words(int count, char **words)
{
	struct error err = {0};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		int used = words_of(&commands[i], count, words);

		if (used > 0)
			return run_command(&commands[i], count - used, words + used);
	}
	error_set(&err, ERROR_INVALID, "unknown command %.80s; see credbroker --help", words[0]);
	return fail(EXIT_USAGE, &err);
}

int main(int argc, char **argv)
{
	static char version[] = "version";
	static char *const version_words[] = {version};
	const char *name = argc > 1 ? argv[1] : "--help";

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		print_help();
		return finish(argc > 1 ? EXIT_DONE : EXIT_USAGE, EXIT_FAILED);
	}
	if (strcmp(name, "--version") == 0)
		return run_words(1, (char **)version_words);
	return run_words(argc - 1, argv + 1);
}
