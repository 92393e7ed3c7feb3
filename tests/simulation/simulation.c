/* simulation.c - runs the core in worlds drawn from seeds, and says which seed broke what. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <base/clock.h>
#include <base/memory.h>

#include "simulation/chaos.h"
#include "simulation/deadline.h"
#include "simulation/record.h"
#include "simulation/world.h"

enum { EVENTS_MIN = 50, EVENTS_MAX = 200, JOBS_MAX = 16 };

struct options {
	uint64_t first, count;
	int brokers; /* 0: as the seed says */
	int jobs;
	bool traced, keep_going;
	int64_t seconds;  /* at most; what is left by then is not run. 0: no limit */
	const char *list; /* a file of seeds; NULL: none */
	int64_t events;   /* at most */
	FILE *record;     /* what was done, and how it ended; NULL: not wanted */
};

struct tally {
	uint64_t seeds, broken;
	int64_t virtual_ms, calls, mints, kills, hand_overs, strays, strays_left;
};

/* Every fourth world has two brokers, unless all are to have as many. */
static int brokers_of(uint64_t seed, const struct options *options)
{
	if (options->brokers > 0)
		return options->brokers;
	return seed % 4 == 0 ? 2 : 1;
}

static bool run(uint64_t seed, const struct options *options, bool traced, struct tally *tally)
{
	struct world *world = world_new(seed, brokers_of(seed, options), traced);
	int64_t begun_ms = world_now_ms(world);
	int64_t most = dice_between(&world->dice, EVENTS_MIN, EVENTS_MAX);
	int64_t events = dice_between(&world->dice, EVENTS_MIN,
				      dice_between(&world->dice, EVENTS_MIN, most));
	struct record *record = options->record ? record_begin(world) : NULL;
	bool held;

	chaos_begin(world);
	for (int64_t i = 0; i < events && i < options->events && !world->failure[0]; i++)
		chaos_strike(world);
	world->pause_max_ms = 0;
	if (record && !world->failure[0])
		chaos_rest(world);
	record_rest(record);
	if (!world->failure[0])
		chaos_end(world);
	if (!world->failure[0])
		deadline_check_end(world);
	held = !world->failure[0];
	if (!held)
		printf("seed %llu: %s\n", (unsigned long long)seed, world->failure);
	tally->seeds++;
	tally->broken += !held;
	tally->virtual_ms += world_now_ms(world) - begun_ms;
	tally->calls += world->call_count;
	tally->mints += world->mint_count;
	tally->kills += world->kill_count;
	tally->hand_overs += world->hand_over_count;
	tally->strays += world->stray_count;
	tally->strays_left += world->stray_left_count;
	if (record)
		record_end(record, options->record);
	world_free(world);
	return held;
}

/* The first seed that breaks something is run once more, to be read. */
static bool run_and_tell(uint64_t seed, const struct options *options, struct tally *tally)
{
	struct tally again = {0};

	if (run(seed, options, options->traced, tally))
		return true;
	if (!options->traced && !options->keep_going)
		run(seed, options, true, &again);
	printf("again: simulation --seed %llu --brokers %d --trace\n", (unsigned long long)seed,
	       brokers_of(seed, options));
	return options->keep_going;
}

static void work(const struct options *options, int job, struct tally *tally)
{
	int64_t begun_ms = clock_monotonic_ms(clock_system());

	for (uint64_t i = (uint64_t)job; i < options->count; i += (uint64_t)options->jobs)
		if ((options->seconds > 0 &&
		     clock_monotonic_ms(clock_system()) - begun_ms > options->seconds * 1000) ||
		    !run_and_tell(options->first + i, options, tally))
			return;
}

static bool run_list(const struct options *options, struct tally *tally)
{
	FILE *file = fopen(options->list, "r");
	char line[256];

	if (!file) {
		perror(options->list);
		return false;
	}
	while (fgets(line, sizeof(line), file)) {
		char *end = line;
		uint64_t seed = strtoull(line, &end, 10);
		struct options its_own = *options;

		its_own.brokers = (int)strtol(end, NULL, 10);
		if (end != line && !run_and_tell(seed, &its_own, tally))
			break;
	}
	fclose(file);
	return true;
}

/* Each job has its seeds and its own place in TALLIES, which all processes share. */
static bool run_jobs(const struct options *options, struct tally *tallies)
{
	bool ended = true;

	fflush(stdout);
	for (int job = 0; job < options->jobs; job++) {
		pid_t child = fork();

		if (child < 0)
			return false;
		if (child == 0) {
			work(options, job, &tallies[job]);
			fflush(stdout);
			exit(0);
		}
	}
	for (int job = 0; job < options->jobs; job++) {
		int status = 0;

		ended = wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 && ended;
	}
	return ended;
}

static bool read_number(const char *text, uint64_t *ret_number)
{
	char *end = NULL;

	errno = 0;
	*ret_number = text ? strtoull(text, &end, 10) : 0;
	return text && end != text && *end == '\0' && errno == 0;
}

static bool read_options(int argc, char **argv, struct options *ret_options)
{
	struct options options = {.first = 1, .count = 100, .jobs = 1, .events = EVENTS_MAX};

	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;
		uint64_t number = 0;
		bool numeric = read_number(value, &number);

		if (strcmp(argv[i], "--trace") == 0) {
			options.traced = true;
			continue;
		}
		if (strcmp(argv[i], "--keep-going") == 0) {
			options.keep_going = true;
			continue;
		}
		i++;
		if (strcmp(argv[i - 1], "--list") == 0 && value)
			options.list = value;
		else if (strcmp(argv[i - 1], "--record") == 0 && value)
			options.record = fopen(value, "w");
		else if (strcmp(argv[i - 1], "--events") == 0 && numeric)
			options.events = (int64_t)number;
		else if (strcmp(argv[i - 1], "--seed") == 0 && numeric)
			options.first = number, options.count = 1;
		else if (strcmp(argv[i - 1], "--first") == 0 && numeric)
			options.first = number;
		else if (strcmp(argv[i - 1], "--count") == 0 && numeric)
			options.count = number;
		else if (strcmp(argv[i - 1], "--seconds") == 0 && numeric)
			options.seconds = (int64_t)number;
		else if (strcmp(argv[i - 1], "--brokers") == 0 && number >= 1 &&
			 number <= WORLD_BROKERS_MAX)
			options.brokers = (int)number;
		else if (strcmp(argv[i - 1], "--jobs") == 0 && number >= 1 && number <= JOBS_MAX)
			options.jobs = (int)number;
		else
			return false;
	}
	*ret_options = options;
	return true;
}

static void add(struct tally *sum, const struct tally *tally)
{
	sum->seeds += tally->seeds;
	sum->broken += tally->broken;
	sum->virtual_ms += tally->virtual_ms;
	sum->calls += tally->calls;
	sum->mints += tally->mints;
	sum->kills += tally->kills;
	sum->hand_overs += tally->hand_overs;
	sum->strays += tally->strays;
	sum->strays_left += tally->strays_left;
}

int main(int argc, char **argv)
{
	struct options options;
	struct tally *tallies;
	struct tally sum = {0};
	bool ended;

	if (!read_options(argc, argv, &options)) {
		fprintf(stderr,
			"simulation [--seed N | --first N --count N | --list FILE] [--jobs N] "
			"[--brokers N] [--seconds N] [--events N] [--record FILE] [--trace] "
			"[--keep-going]\n");
		return 2;
	}
	tallies = mmap(NULL, JOBS_MAX * sizeof(*tallies), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tallies == MAP_FAILED)
		return 2;
	ended = options.list ? run_list(&options, &tallies[0]) : run_jobs(&options, tallies);
	for (int job = 0; job < JOBS_MAX; job++)
		add(&sum, &tallies[job]);
	printf("%llu seeds, %llu broken; %.1f virtual days, %lld calls, %lld mints, %lld kills, "
	       "%lld hand-overs, %lld strays, %lld left\n",
	       (unsigned long long)sum.seeds, (unsigned long long)sum.broken,
	       (double)sum.virtual_ms / 86400e3, (long long)sum.calls, (long long)sum.mints,
	       (long long)sum.kills, (long long)sum.hand_overs, (long long)sum.strays,
	       (long long)sum.strays_left);
	return ended && sum.broken == 0 && sum.seeds > 0 ? 0 : 1;
}
