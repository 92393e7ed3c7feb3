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
#include "options.h"

enum { MEMBER_CHECK_INTERVAL_MS = 10 * 60 * 1000 };
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct command {
	const char *name;
	const char *summary;
	const struct option_flag *flags;
	int (*run)(const struct options *options);
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

static int run_controller(const struct options *options)
{
	struct error err = {0};
	struct broker *broker;
	bool ran;

	if (!options->namespace)
		return usage_error("--namespace is required");
	forbid_core_dumps();
	signal(SIGPIPE, SIG_IGN);
	memory_serve_libraries();
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

static int run_version(const struct options *options)
{
	(void)options;
	printf("credbroker %s\n", CREDBROKER_VERSION);
	return EXIT_DONE;
}

static const struct option_flag no_flags[] = {{0}};

static const struct command commands[] = {
	{"controller", "serve AuthTokenRequests", CONTROLLER_FLAGS, run_controller},
	{"hub-rbac", "print the rights that the broker needs on the hub", HUB_RBAC_FLAGS,
	 run_hub_rbac},
	{"member-rbac", "print the rights that the broker needs on a member", MEMBER_RBAC_FLAGS,
	 run_member_rbac},
	{"version", "print the version", no_flags, run_version},
};

static void print_help(void)
{
	printf("credbroker: short-lived, least-privilege credentials for Kubernetes fleets\n\n"
	       "usage: credbroker COMMAND [FLAGS]\n\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		printf("  %-12s %s\n", commands[i].name, commands[i].summary);
	printf("\n`credbroker COMMAND --help` lists the flags of a command.\n");
}

static int run_command(const struct command *command, int argc, char **argv)
{
	struct options options = {
		.pod_directory = HUB_CONFIG_POD_DIRECTORY,
		.identity_namespace = "credbroker-identities",
		.member_check_interval_ms = MEMBER_CHECK_INTERVAL_MS,
		.service_account = "credbroker-system/credbroker",
	};
	struct error err = {0};
	bool help = false;

	if (!options_parse(command->flags, argc, argv, &options, &help, &err))
		return fail(EXIT_USAGE, &err);
	if (help) {
		printf("usage: credbroker %s [FLAGS]\n\n%s\n\n", command->name, command->summary);
		options_print(command->flags);
		return EXIT_DONE;
	}
	return command->run(&options);
}

static int run_program(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "--help";
	struct error err = {0};

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		print_help();
		return argc > 1 ? EXIT_DONE : EXIT_USAGE;
	}
	if (strcmp(name, "--version") == 0)
		name = "version";
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			return run_command(&commands[i], argc - 2, argv + 2);
	error_set(&err, ERROR_INVALID, "unknown command %.80s; see credbroker --help", name);
	return fail(EXIT_USAGE, &err);
}

int main(int argc, char **argv)
{
	int code = run_program(argc, argv);

	/* Half a manifest that passes for a whole one is worse than none. */
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	complain("standard output cannot be written");
	return EXIT_FAILED;
}
