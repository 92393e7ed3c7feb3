#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <string.h>

#include <base/memory.h>

#include "support/scenario.h"

#define SCENARIOS TEST_DATA "/../scenarios/*.json"

static void scenario__plays(void **state)
{
	scenario_play(*state);
}

/* "…/tests/scenarios/issue.json" is the test "issue". */
static char *name_of(const char *path)
{
	const char *name = strrchr(path, '/') + 1;

	return memory_bytes(name, strlen(name) - strlen(".json"));
}

int main(int argc, char **argv)
{
	glob_t files;
	struct CMUnitTest *tests;
	char *name;
	int failed;

	if (glob(argc > 1 ? argv[1] : SCENARIOS, 0, NULL, &files) != 0)
		return 1;
	tests = memory_new_array(files.gl_pathc, sizeof(*tests));
	for (size_t i = 0; i < files.gl_pathc; i++)
		tests[i] = (struct CMUnitTest){
			.name = name_of(files.gl_pathv[i]),
			.test_func = scenario__plays,
			.initial_state = files.gl_pathv[i],
		};
	failed = _cmocka_run_group_tests("scenarios", tests, files.gl_pathc, NULL, NULL);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		name = (char *)tests[i].name;
		memory_free(name);
	}
	memory_free(tests);
	globfree(&files);
	return failed;
}
