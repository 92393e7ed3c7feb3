#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/memory.h>

#include "broker/option_flags.h"
#include "broker/options.h"
#include "support/captured_output.h"

enum { WORDS_MAX = 200 };

/* Parses LINE, whose words are separated by blanks; "''" stands for an empty one. */
static bool parse(const struct option_flag *flags, const char *line, struct options *options,
		  struct error *err)
{
	static char words[20000];
	char *argv[WORDS_MAX];
	int argc = 0;
	bool help = false;
	char *save = words;
	size_t size = strlen(line);

	assert_true(size < sizeof(words));
	memcpy(words, line, size + 1);
	while (*save) {
		size_t word = strcspn(save, " ");
		argv[argc] = save;
		save += word;
		if (*save)
			*save++ = '\0';
		if (strcmp(argv[argc], "''") == 0)
			argv[argc][0] = '\0';
		argc++;
	}
	*options = (struct options){0};
	return options_parse(flags, argc, argv, options, &help, err);
}

struct refusal {
	const struct option_flag *flags;
	const char *line;
	const char *text;
};

static const struct refusal refusals[] = {
	{POLICY_TEST_FLAGS, "-f", "--filename needs a value: FILE"},
	{POLICY_TEST_FLAGS, "-f ''", "--filename: the file name is empty"},
	{POLICY_TEST_FLAGS, "-x a", "unknown argument -x"},
	{POLICY_TEST_FLAGS, "-ff a", "unknown argument -ff"},
	{POLICY_TEST_FLAGS, "-o yaml", "--output: \"yaml\" is neither text nor json"},
	{POLICY_TEST_FLAGS, "--as ''", "--as: the user name is empty"},
	{POLICY_TEST_FLAGS, "--as-group=", "--as-group: the group is empty"},
	{CONTROLLER_FLAGS, "-f a", "unknown argument -f"},
	{CONTROLLER_FLAGS, "--nonsense", "unknown argument --nonsense"},
	{CONTROLLER_FLAGS, "namespace", "unknown argument namespace"},
	{CONTROLLER_FLAGS, "-n", "unknown argument -n"},
	{CONTROLLER_FLAGS, "--", "unknown argument --"},
	{CONTROLLER_FLAGS, "--=x", "unknown argument --=x"},
	{CONTROLLER_FLAGS, "--names x", "unknown argument --names"},
	{CONTROLLER_FLAGS, "--namespaces x", "unknown argument --namespaces"},
	{CONTROLLER_FLAGS, "--may-bind x", "unknown argument --may-bind"},
	{CONTROLLER_FLAGS, "''", "unknown argument "},
	{CONTROLLER_FLAGS, "--namespace", "--namespace needs a value: NS"},
	{CONTROLLER_FLAGS, "--namespace=", "--namespace: \"\" is no namespace name"},
	{CONTROLLER_FLAGS, "--namespace ''", "--namespace: \"\" is no namespace name"},
	{CONTROLLER_FLAGS, "--namespace Upper", "--namespace: \"Upper\" is no namespace name"},
	{CONTROLLER_FLAGS, "--namespace -a", "--namespace: \"-a\" is no namespace name"},
	{CONTROLLER_FLAGS, "--namespace a-", "--namespace: \"a-\" is no namespace name"},
	{CONTROLLER_FLAGS, "--namespace a.b", "--namespace: \"a.b\" is no namespace name"},
	{CONTROLLER_FLAGS, "--namespace a/b", "--namespace: \"a/b\" is no namespace name"},
	{CONTROLLER_FLAGS,
	 "--namespace aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 "--namespace: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" is "
	 "no namespace name"},
	{CONTROLLER_FLAGS, "--identity-namespace _",
	 "--identity-namespace: \"_\" is no namespace name"},
	{CONTROLLER_FLAGS, "--profile-namespace _",
	 "--profile-namespace: \"_\" is no namespace name"},
	{CONTROLLER_FLAGS, "--kubeconfig ''", "--kubeconfig: the file name is empty"},
	{CONTROLLER_FLAGS, "--service-account-directory var",
	 "--service-account-directory: \"var\" is no absolute path"},
	{CONTROLLER_FLAGS, "--hub-id Hub",
	 "--hub-id: \"Hub\" is no hub id: lower-case letters, digits and '-', at most 40"},
	{CONTROLLER_FLAGS, "--member-check-interval 10",
	 "--member-check-interval: \"10\" is no time from 1s to 24h, such as 30s, 10m or 2h"},
	{CONTROLLER_FLAGS, "--member-credential-lifetime 9m",
	 "--member-credential-lifetime: \"9m\" is less than 10m"},
	{CONTROLLER_FLAGS, "--deletion-deadline 0s",
	 "--deletion-deadline: \"0s\" is no time from 1s to 24h, such as 30s, 10m or 2h"},
	{CONTROLLER_FLAGS, "--credential-check-interval 0s",
	 "--credential-check-interval: \"0s\" is no time from 1s to 24h, such as 30s, 10m or 2h"},
	{CONTROLLER_FLAGS, "--credential-check-interval ''",
	 "--credential-check-interval: \"\" is no time from 1s to 24h, such as 30s, 10m or 2h"},
	{CONTROLLER_FLAGS, "--member-check-interval m",
	 "--member-check-interval: \"m\" is no time from 1s to 24h, such as 30s, 10m or 2h"},
	{CONTROLLER_FLAGS, "--member-check-interval 0s",
	 "--member-check-interval: \"0s\" is no time from 1s to 24h, such as 30s, 10m or 2h"},
	{CONTROLLER_FLAGS, "--member-check-interval 25h",
	 "--member-check-interval: \"25h\" is no time from 1s to 24h, such as 30s, 10m or 2h"},
	{CONTROLLER_FLAGS, "--member-check-interval 99999999999999999999s",
	 "--member-check-interval: \"99999999999999999999s\" is no time from 1s to 24h, "
	 "such as 30s, 10m or 2h"},
	{CONTROLLER_FLAGS, "--member-check-interval 10ms",
	 "--member-check-interval: \"10ms\" is no time from 1s to 24h, such as 30s, 10m or 2h"},
	{CONTROLLER_FLAGS, "--renew-at-percent 29",
	 "--renew-at-percent: \"29\" is no number from 30 to 80"},
	{CONTROLLER_FLAGS, "--renew-at-percent 81",
	 "--renew-at-percent: \"81\" is no number from 30 to 80"},
	{CONTROLLER_FLAGS, "--renew-at-percent 060",
	 "--renew-at-percent: \"060\" is no number from 30 to 80"},
	{CONTROLLER_FLAGS, "--renew-at-percent 6",
	 "--renew-at-percent: \"6\" is no number from 30 to 80"},
	{CONTROLLER_FLAGS, "--renew-at-percent x0",
	 "--renew-at-percent: \"x0\" is no number from 30 to 80"},
	{CONTROLLER_FLAGS, "--renew-at-percent 60s",
	 "--renew-at-percent: \"60s\" is no number from 30 to 80"},
	{CONTROLLER_FLAGS, "--sweep-interval 0s",
	 "--sweep-interval: \"0s\" is no time from 1s to 24h, such as 30s, 10m or 2h"},
	{CONTROLLER_FLAGS, "--debug=yes", "--debug takes no value"},
	{CONTROLLER_FLAGS, "--debug yes", "unknown argument yes"},
	{CONTROLLER_FLAGS, "--debug=", "--debug takes no value"},
	{CONTROLLER_FLAGS, "--allow-loopback-members=1", "--allow-loopback-members takes no value"},
	{MEMBER_RBAC_FLAGS, "--may-grant ''", "--may-grant: \"\" is no ClusterRole name"},
	{MEMBER_RBAC_FLAGS, "--may-grant a/b", "--may-grant: \"a/b\" is no ClusterRole name"},
	{MEMBER_RBAC_FLAGS, "--may-grant a\"b", "--may-grant: \"a\"b\" is no ClusterRole name"},
	{MEMBER_RBAC_FLAGS, "--may-grant a%b", "--may-grant: \"a%b\" is no ClusterRole name"},
	{MEMBER_RBAC_FLAGS, "--may-grant a\\b", "--may-grant: \"a\\b\" is no ClusterRole name"},
	{MEMBER_RBAC_FLAGS, "--may-grant a\nb", "--may-grant: \"a\nb\" is no ClusterRole name"},
	{MEMBER_RBAC_FLAGS, "--may-bind a/b/c", "--may-bind: \"a/b/c\" is no role name"},
	{MEMBER_RBAC_FLAGS, "--may-bind A/b", "--may-bind: \"A/b\" is no role name"},
	{MEMBER_RBAC_FLAGS, "--may-bind /b", "--may-bind: \"/b\" is no role name"},
	{MEMBER_RBAC_FLAGS, "--may-bind a/", "--may-bind: \"a/\" is no role name"},
	{MEMBER_RBAC_FLAGS, "--existing-service-account a",
	 "--existing-service-account: \"a\" is not <namespace>/<name>"},
	{MEMBER_RBAC_FLAGS, "--existing-service-account A/b",
	 "--existing-service-account: \"A/b\" is not <namespace>/<name>"},
	{MEMBER_RBAC_FLAGS, "--existing-service-account a/b\"c",
	 "--existing-service-account: \"a/b\"c\" is not <namespace>/<name>"},
	{MEMBER_RBAC_FLAGS, "--identity-namespace a --identity-namespace B",
	 "--identity-namespace: \"B\" is no namespace name"},
	{HUB_RBAC_FLAGS, "--namespace A", "--namespace: \"A\" is no namespace name"},
	{HUB_RBAC_FLAGS, "--service-account a",
	 "--service-account: \"a\" is not <namespace>/<name>"},
	{HUB_RBAC_FLAGS, "--service-account a/",
	 "--service-account: \"a/\" is not <namespace>/<name>"},
	{HUB_RBAC_FLAGS, "--service-account /a",
	 "--service-account: \"/a\" is not <namespace>/<name>"},
	{HUB_RBAC_FLAGS, "--service-account a/b/c",
	 "--service-account: \"a/b/c\" is not <namespace>/<name>"},
};

static void options_parse__says_which_flag_is_wrong_and_what_is_expected(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *row = &refusals[i];
		struct options options;
		struct error err = {0};

		if (parse(row->flags, row->line, &options, &err))
			fail_msg("%s is taken", row->line);
		assert_string_equal(err.text, row->text);
		assert_int_equal(err.kind, ERROR_INVALID);
	}
}

static void options_parse__cuts_what_it_repeats(void **state)
{
	char line[1000] = "--namespace ";
	struct options options;
	struct error err = {0};

	(void)state;
	memset(line + 12, 'A', 900);
	assert_false(parse(CONTROLLER_FLAGS, line, &options, &err));
	assert_true(strlen(err.text) < 150);
}

static void options_parse__takes_every_flag_of_the_controller(void **state)
{
	struct options options;
	struct error err = {0};

	(void)state;
	if (!parse(CONTROLLER_FLAGS,
		   "--kubeconfig hub.yaml --service-account-directory /pod --namespace system "
		   "--hub-id=hub-7 --identity-namespace ids --profile-namespace=fleet "
		   "--allow-loopback-members --debug --leader-elect "
		   "--leader-election-lease-duration 137s --leader-election-renew-deadline 107s "
		   "--leader-election-retry-period 26s --renew-at-percent 30",
		   &options, &err))
		fail_msg("%s", err.text);
	assert_string_equal(options.kubeconfig, "hub.yaml");
	assert_string_equal(options.pod_directory, "/pod");
	assert_string_equal(options.namespace, "system");
	assert_string_equal(options.hub_id, "hub-7");
	assert_string_equal(options.identity_namespace, "ids");
	assert_string_equal(options.profile_namespace, "fleet");
	assert_true(options.allow_loopback_members && options.debug && options.leader_elect);
	assert_int_equal(options.leader_timing.lease_ms, 137000);
	assert_int_equal(options.leader_timing.renew_ms, 107000);
	assert_int_equal(options.leader_timing.retry_ms, 26000);
	assert_int_equal(options.renew_at_percent, 30);
}

static void options_parse__takes_switches_with_true_and_false(void **state)
{
	struct options options;
	struct error err = {0};

	(void)state;
	assert_true(parse(CONTROLLER_FLAGS, "--leader-elect=true --debug=true", &options, &err));
	assert_true(options.leader_elect && options.debug);
	assert_true(parse(CONTROLLER_FLAGS,
			  "--leader-elect --leader-elect=false --debug=false "
			  "--allow-loopback-members=false",
			  &options, &err));
	assert_false(options.leader_elect || options.debug || options.allow_loopback_members);
}

static void options_parse__reads_times_with_their_unit(void **state)
{
	static const struct {
		const char *line;
		int64_t ms;
	} rows[] = {
		{"--member-check-interval 1s", 1000},
		{"--member-check-interval 90s", 90000},
		{"--member-check-interval=10m", 600000},
		{"--member-check-interval 24h", 86400000},
	};
	struct options options;
	struct error err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(parse(CONTROLLER_FLAGS, rows[i].line, &options, &err));
		assert_int_equal(options.member_check_interval_ms, rows[i].ms);
	}
}

static void options_parse__reads_a_lifetime_or_0_for_none(void **state)
{
	struct options options;
	struct error err = {0};

	(void)state;
	assert_true(parse(CONTROLLER_FLAGS, "--member-credential-lifetime 10m", &options, &err));
	assert_int_equal(options.member_credential_lifetime_s, 600);
	assert_true(parse(CONTROLLER_FLAGS, "--member-credential-lifetime 0", &options, &err));
	assert_int_equal(options.member_credential_lifetime_s, 0);
}

static void options_parse__takes_no_checks_of_credentials(void **state)
{
	struct options options;
	struct error err = {0};

	(void)state;
	assert_true(parse(CONTROLLER_FLAGS, "--credential-check-interval 2s", &options, &err));
	assert_int_equal(options.credential_check_interval_ms, 2000);
	assert_true(parse(CONTROLLER_FLAGS,
			  "--credential-check-interval 2s --credential-check-interval 0", &options,
			  &err));
	assert_int_equal(options.credential_check_interval_ms, 0);
}

static void options_parse__lets_sweeps_be_off(void **state)
{
	struct options options = {.sweep_interval_ms = 7};
	struct error err = {0};

	(void)state;
	assert_true(parse(CONTROLLER_FLAGS, "--sweep-interval 2h", &options, &err));
	assert_int_equal(options.sweep_interval_ms, 7200000);
	assert_true(parse(CONTROLLER_FLAGS, "--sweep-interval 0", &options, &err));
	assert_int_equal(options.sweep_interval_ms, 0);
}

static void options_parse__takes_repeatable_flags_in_order(void **state)
{
	struct options options;
	struct error err = {0};

	(void)state;
	if (!parse(MEMBER_RBAC_FLAGS,
		   "--identity-namespace a --may-grant system:one --identity-namespace=b "
		   "--may-bind view --may-bind apps/edit --service-account x/y "
		   "--existing-service-account argocd/manager",
		   &options, &err))
		fail_msg("%s", err.text);
	assert_int_equal(options.identity_namespaces.count, 2);
	assert_string_equal(options.identity_namespaces.items[0], "a");
	assert_string_equal(options.identity_namespaces.items[1], "b");
	assert_int_equal(options.may_bind.count, 2);
	assert_string_equal(options.may_bind.items[1], "apps/edit");
	assert_int_equal(options.may_grant.count, 1);
	assert_string_equal(options.may_grant.items[0], "system:one");
	assert_string_equal(options.service_account, "x/y");
	assert_int_equal(options.existing_accounts.count, 1);
	assert_string_equal(options.existing_accounts.items[0], "argocd/manager");
}

static void options_parse__takes_a_flag_64_times_and_no_more(void **state)
{
	static char line[4000];
	struct options options;
	struct error err = {0};

	(void)state;
	for (int i = 0; i < 64; i++)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "--namespace n%d ", i);
	assert_true(parse(HUB_RBAC_FLAGS, line, &options, &err));
	assert_string_equal(options.namespaces.items[63], "n63");
	snprintf(line + strlen(line), sizeof(line) - strlen(line), "--namespace n64");
	assert_false(parse(HUB_RBAC_FLAGS, line, &options, &err));
	assert_string_equal(err.text, "--namespace: given more than 64 times");
}

static void options_parse__leaves_alone_what_is_not_given(void **state)
{
	struct options options = {.identity_namespace = "default-ids", .debug = true};
	struct error err = {0};
	bool help = false;

	(void)state;
	assert_true(options_parse(CONTROLLER_FLAGS, 0, NULL, &options, &help, &err));
	assert_string_equal(options.identity_namespace, "default-ids");
	assert_true(options.debug);
	assert_false(help);
}

static void options_parse__stops_at_help(void **state)
{
	char *argv[] = {(char *)"--debug", (char *)"--help", (char *)"--nonsense"};
	char *short_argv[] = {(char *)"-h"};
	struct options options = {0};
	struct error err = {0};
	bool help = false;

	(void)state;
	assert_true(options_parse(CONTROLLER_FLAGS, 3, argv, &options, &help, &err));
	assert_true(help);
	help = false;
	assert_true(options_parse(HUB_RBAC_FLAGS, 1, short_argv, &options, &help, &err));
	assert_true(help);
}

static void print_flags(const void *flags)
{
	options_print(flags);
}

static void options_print__names_every_flag(void **state)
{
	const struct option_flag *const lists[] = {CONTROLLER_FLAGS, MEMBER_RBAC_FLAGS,
						   HUB_RBAC_FLAGS, POLICY_TEST_FLAGS};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		cleanup_free char *text = captured_output(print_flags, lists[i]);

		for (const struct option_flag *flag = lists[i]; flag->name; flag++) {
			char line[100];

			snprintf(line, sizeof(line), " --%s%s%s\n", flag->name,
				 flag->argument ? " " : "", flag->argument ? flag->argument : "");
			assert_non_null(strstr(text, line));
			assert_non_null(strstr(text, flag->help));
		}
	}
}

static void options_parse__takes_what_kubectl_users_write(void **state)
{
	struct options options;
	struct error err = {0};

	(void)state;
	assert_true(parse(POLICY_TEST_FLAGS,
			  "-f a.yaml --filename b -f=- -o json --as jane --as-group x --as-group y",
			  &options, &err));
	assert_int_equal(options.files.count, 3);
	assert_string_equal(options.files.items[0], "a.yaml");
	assert_string_equal(options.files.items[2], "-");
	assert_true(options.json);
	assert_string_equal(options.as_user, "jane");
	assert_int_equal(options.as_groups.count, 2);
	assert_true(parse(POLICY_TEST_FLAGS, "-o json --output=text", &options, &err));
	assert_false(options.json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_parse__says_which_flag_is_wrong_and_what_is_expected),
		cmocka_unit_test(options_parse__cuts_what_it_repeats),
		cmocka_unit_test(options_parse__takes_every_flag_of_the_controller),
		cmocka_unit_test(options_parse__takes_switches_with_true_and_false),
		cmocka_unit_test(options_parse__reads_times_with_their_unit),
		cmocka_unit_test(options_parse__reads_a_lifetime_or_0_for_none),
		cmocka_unit_test(options_parse__takes_no_checks_of_credentials),
		cmocka_unit_test(options_parse__lets_sweeps_be_off),
		cmocka_unit_test(options_parse__takes_repeatable_flags_in_order),
		cmocka_unit_test(options_parse__takes_a_flag_64_times_and_no_more),
		cmocka_unit_test(options_parse__leaves_alone_what_is_not_given),
		cmocka_unit_test(options_parse__stops_at_help),
		cmocka_unit_test(options_parse__takes_what_kubectl_users_write),
		cmocka_unit_test(options_print__names_every_flag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
