#include "support/captured_output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include <base/memory.h>

char *captured_output(void (*print)(const void *context), const void *context)
{
	enum { OUTPUT_MAX = 1 << 20 };
	FILE *file = tmpfile();
	int output = dup(STDOUT_FILENO);
	char *text = memory_new(OUTPUT_MAX);

	assert_non_null(file);
	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	print(context);
	fflush(stdout);
	dup2(output, STDOUT_FILENO);
	close(output);
	rewind(file);
	assert_true(fread(text, 1, OUTPUT_MAX - 1, file) < OUTPUT_MAX - 1);
	fclose(file);
	return text;
}
