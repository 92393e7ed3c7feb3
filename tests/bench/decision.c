/* decision - measures how long it takes to decide on a request.
 *
 *     decision
 *
 * Prints a table: for several kinds of 1,000 policies over 500 templates, the median and the 99th
 * percentile of a decision in microseconds, and how many times the median is that of a decision
 * without policies. Questions are of many namespaces, so that none is decided twice in a row; each
 * asks for templates with parameters, inline rules, an existing role and an audience. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include <rbac/access_policy.h>
#include <rbac/rule_set.h>

enum {
	POLICIES = 1000,
	TEMPLATES = 500,
	TEMPLATES_OF_A_POLICY = 20,
	NAMESPACES = 250,
	DECISIONS = 20000,
	TEXT_MAX = 1 << 16,
	NAME_MAX_SIZE = 32,
};

struct shape {
	const char *what;
	const char *subject; /* up to the number of the namespace ... */
	const char *rest;    /* ... and behind it */
	const char *target;
};

static const struct shape shapes[] = {
	{"by names", "{\"namespaces\": [\"team-", "\"]}", "{\"namespaces\": [\"fleet-system\"]}"},
	{"by labels", "{\"namespaceSelector\": {\"matchLabels\": {\"team\": \"team-", "\"}}}",
	 "{\"selector\": {\"matchExpressions\": [{\"key\": \"env\", \"operator\": \"In\", "
	 "\"values\": [\"dev\", \"test\"]}]}}"},
	{"by users", "{\"groups\": [\"dev\", \"ops\"], \"users\": [\"user-", "\"]}",
	 "{\"names\": [\"member-1\"]}"},
	{"for everybody", "{\"namespaceSelector\": {}}, {\"namespaces\": [\"team-", "\"]}",
	 "{\"selector\": {}}"},
};

/* What a question borrows. */
struct asked {
	struct policy_question question;
	struct json *labels;
	struct json *parameters;
	char name[NAME_MAX_SIZE];
	char user[NAME_MAX_SIZE];
	char template_names[2][NAME_MAX_SIZE];
	struct policy_template templates[2];
	const char *own[1];
};

static struct rule_set *rules;
static struct json *profile_labels;

static struct json *parse(const char *text)
{
	struct error err = {0};
	struct json *json = json_parse(text, strlen(text), &err);

	if (!json) {
		fprintf(stderr, "decision: %s\n", err.text);
		exit(1);
	}
	return json;
}

static struct access_policy *make_policy(const struct shape *shape, size_t number)
{
	cleanup_text struct text text = text_with_max(TEXT_MAX);
	struct error err = {0};

	text_appendf(
		&text,
		"{\"metadata\": {\"name\": \"policy-%zu\"}, \"spec\": {\"subjects\": [%s%zu%s], "
		"\"clusterProfiles\": [%s], \"allow\": {\"audiences\": [\"vault\"], "
		"\"clusterRoles\": [\"view\"], \"clusterRules\": [{\"apiGroups\": [\"batch\"], "
		"\"resources\": [\"jobs\", \"jobs/status\"], \"verbs\": [\"get\", \"list\", "
		"\"watch\", \"create\", \"delete\"]}], \"templates\": [",
		number, shape->subject, number % NAMESPACES, shape->rest, shape->target);
	for (size_t i = 0; i < TEMPLATES_OF_A_POLICY; i++)
		text_appendf(&text,
			     "%s{\"name\": \"template-%zu\", \"parameters\": [{\"name\": "
			     "\"namespace\", \"values\": [\"apps\", \"web\"]}]}",
			     i > 0 ? "," : "", (number * TEMPLATES_OF_A_POLICY + i) % TEMPLATES);
	text_append(&text, "]}}}");
	struct json *object = parse(text_chars(&text));
	struct access_policy *policy = access_policy_read(object, &err);

	if (!policy) {
		fprintf(stderr, "decision: %s\n", err.text);
		exit(1);
	}
	json_free(object);
	return policy;
}

static const char *const groups[] = {"system:authenticated", "dev"};
static const char *const audiences[] = {"vault"};
static const char *const formats[] = {"Kubeconfig"};
static const struct policy_role roles[] = {{NULL, "view"}};

static void ask(struct asked *asked, size_t number)
{
	char labels[128];

	snprintf(asked->name, sizeof(asked->name), "team-%zu", number);
	snprintf(asked->user, sizeof(asked->user), "user-%zu", number);
	snprintf(labels, sizeof(labels),
		 "{\"kubernetes.io/metadata.name\": \"%s\", \"team\": \"%s\", \"tier\": \"x\"}",
		 asked->name, asked->name);
	asked->labels = parse(labels);
	asked->parameters = parse("[{\"name\": \"namespace\", \"value\": \"web\"}]");
	asked->own[0] = asked->name;
	for (size_t i = 0; i < 2; i++) {
		snprintf(asked->template_names[i], NAME_MAX_SIZE, "template-%zu",
			 (number * TEMPLATES_OF_A_POLICY + 7 + i) % TEMPLATES);
		asked->templates[i] =
			(struct policy_template){asked->template_names[i], asked->parameters};
	}
	asked->question = (struct policy_question){
		.request_namespace = asked->name,
		.namespace_known = true,
		.namespace_labels = asked->labels,
		.requester_known = true,
		.username = asked->user,
		.groups = {groups, 2},
		.profile_namespace = "fleet-system",
		.profile_name = "member-1",
		.profile_known = true,
		.profile_labels = profile_labels,
		.cluster_manager = "open-cluster-management",
		.identity_namespace = "credbroker-identities",
		.identity_name = "worker",
		.default_identity_namespace = "credbroker-identities",
		.templates = asked->templates,
		.template_count = 2,
		.inline_rules = rules,
		.existing_roles = roles,
		.existing_role_count = 1,
		.broker_namespace = "credbroker-system",
		.audiences = {audiences, 1},
		.lifetime_s = 3600,
		.formats = {formats, 1},
		.destination_namespaces = {asked->own, 1},
	};
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int compare_times(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* Sorted times of DECISIONS decisions, in nanoseconds; each must be as EXPECTED. */
static void measure(const struct access_policy *const *policies, size_t count,
		    const struct asked *asked, bool expected, int64_t ret_times[DECISIONS])
{
	struct policy_decision decision;

	for (size_t i = 0; i < DECISIONS; i++) {
		/* Steps through all of them, in an order that no cache foresees. */
		const struct policy_question *question = &asked[i * 97 % NAMESPACES].question;
		int64_t begin = now_ns();
		bool allowed = access_policies_decide(policies, count, question, &decision);

		ret_times[i] = now_ns() - begin;
		if (allowed != expected) {
			fprintf(stderr, "decision: %s: %s\n", question->request_namespace,
				decision.text);
			exit(1);
		}
	}
	qsort(ret_times, DECISIONS, sizeof(*ret_times), compare_times);
}

static void report(const char *what, const int64_t times[DECISIONS], int64_t base)
{
	printf("| %s | %.2f | %.2f | %.0f |\n", what, (double)times[DECISIONS / 2] / 1000,
	       (double)times[DECISIONS / 100 * 99] / 1000,
	       (double)times[DECISIONS / 2] / (double)base);
}

int main(void)
{
	static struct access_policy *policies[POLICIES];
	static const struct access_policy *borrowed[POLICIES];
	static struct asked asked[NAMESPACES];
	static int64_t times[DECISIONS];
	struct error err = {0};
	struct json *ruling = parse("[{\"apiGroups\": [\"batch\"], \"resources\": [\"jobs\"], "
				    "\"verbs\": [\"get\", \"create\"]}]");

	profile_labels = parse("{\"env\": \"dev\", \"region\": \"eu\"}");
	rules = rule_set_new();
	if (!rule_set_add(rules, ruling, NULL, &err))
		return 1;
	for (size_t i = 0; i < NAMESPACES; i++)
		ask(&asked[i], i);
	measure(borrowed, 0, asked, false, times);
	int64_t base = times[DECISIONS / 2];
	printf("| policies | median us | p99 us | times none |\n| --- | --- | --- | --- |\n");
	report("none", times, base);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		for (size_t j = 0; j < POLICIES; j++)
			borrowed[j] = policies[j] = make_policy(&shapes[i], j);
		measure(borrowed, POLICIES, asked, true, times);
		report(shapes[i].what, times, base);
		if (i == sizeof(shapes) / sizeof(shapes[0]) - 1) {
			for (size_t j = 0; j < NAMESPACES; j++)
				asked[j].question.lifetime_s = 2 * 3600;
			measure(borrowed, POLICIES, asked, false, times);
			report("for everybody, and none allows it", times, base);
		}
		for (size_t j = 0; j < POLICIES; j++)
			access_policy_free(policies[j]);
	}
	for (size_t i = 0; i < NAMESPACES; i++) {
		json_free(asked[i].labels);
		json_free(asked[i].parameters);
	}
	rule_set_free(rules);
	json_free(profile_labels);
	json_free(ruling);
	return 0;
}
