/* standalone.c - runs a fuzz target over the files and directories that it is given, so that a
 * corpus is a plain test under every compiler. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <base/cleanup.h>
#include <base/memory.h>
#include <base/text.h>

#include "tests/fuzz/fuzz.h"

enum { INPUT_MAX = 32 << 20 };

static int run_file(const char *path)
{
	struct text bytes = text_with_max(INPUT_MAX);
	FILE *file = fopen(path, "rb");
	char piece[4096];
	size_t size;

	if (!file) {
		perror(path);
		return -1;
	}
	while ((size = fread(piece, 1, sizeof(piece), file)) > 0)
		text_append_bytes(&bytes, piece, size);
	fclose(file);

	/* A copy of exactly this size, so that the sanitizer sees a read behind the end. */
	uint8_t *input = memory_resize(NULL, bytes.size, 1);
	if (bytes.size > 0)
		memcpy(input, text_chars(&bytes), bytes.size);
	LLVMFuzzerTestOneInput(input, bytes.size);
	memory_free(input);
	text_done(&bytes);
	return 1;
}

static int run_directory(const char *path)
{
	DIR *directory = opendir(path);
	int count = 0;

	if (!directory) {
		perror(path);
		return -1;
	}
	for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
		struct text name = text_with_max(4096);
		if (entry->d_name[0] == '.')
			continue;
		text_appendf(&name, "%s/%s", path, entry->d_name);
		int ran = run_file(text_chars(&name));
		text_done(&name);
		if (ran < 0) {
			closedir(directory);
			return -1;
		}
		count += ran;
	}
	closedir(directory);
	return count;
}

int main(int argc, char **argv)
{
	int count = 0;

	for (int i = 1; i < argc; i++) {
		struct stat status;
		if (stat(argv[i], &status) != 0) {
			perror(argv[i]);
			return 1;
		}
		int ran = S_ISDIR(status.st_mode) ? run_directory(argv[i]) : run_file(argv[i]);
		if (ran < 0)
			return 1;
		count += ran;
	}
	printf("%d inputs\n", count);
	return count > 0 ? 0 : 1;
}
