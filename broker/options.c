#include "options.h"

#include <stdio.h>
#include <string.h>

#include <base/error.h>

/* The short form of the flag NAME, where kubectl has one; 0: none. */
static char letter_of(const char *name)
{
	static const struct {
		const char *name;
		char letter;
	} letters[] = {{"filename", 'f'}, {"output", 'o'}};

	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		if (strcmp(letters[i].name, name) == 0)
			return letters[i].letter;
	return '\0';
}

static const struct option_flag *find_letter(const struct option_flag *flags, char letter)
{
	for (; flags->name; flags++)
		if (letter && letter_of(flags->name) == letter)
			return flags;
	return NULL;
}

static const struct option_flag *find_flag(const struct option_flag *flags, const char *name,
					   size_t size)
{
	for (; flags->name; flags++)
		if (strlen(flags->name) == size && strncmp(flags->name, name, size) == 0)
			return flags;
	return NULL;
}

/* The flag that WORD, of SIZE bytes without its value, names. */
static const struct option_flag *named_flag(const struct option_flag *flags, const char *word,
					    size_t size)
{
	if (strncmp(word, "--", 2) == 0)
		return find_flag(flags, word + 2, size - 2);
	return word[0] == '-' && size == 2 ? find_letter(flags, word[1]) : NULL;
}

static bool take_flag(const struct option_flag *flags, int argc, char **argv, int *index,
		      struct options *options, struct error *err)
{
	const char *word = argv[*index];
	const char *equals = strchr(word, '=');
	size_t size = equals ? (size_t)(equals - word) : strlen(word);
	const struct option_flag *flag = named_flag(flags, word, size);
	const char *value = equals ? equals + 1 : NULL;

	if (!flag)
		return error_set(err, ERROR_INVALID, "unknown argument %.80s", word);
	if (!flag->argument && value && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return error_set(err, ERROR_INVALID, "--%s takes no value", flag->name);
	if (flag->argument && !value && *index + 1 < argc)
		value = argv[++*index];
	if (flag->argument && !value)
		return error_set(err, ERROR_INVALID, "--%s needs a value: %s", flag->name,
				 flag->argument);
	if (!flag->take(options, value, err))
		return error_wrap(err, "--%s", flag->name);
	return true;
}

bool options_parse(const struct option_flag *flags, int argc, char **argv, struct options *options,
		   bool *ret_help, struct error *err)
{
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			*ret_help = true;
			return true;
		}
		if (!take_flag(flags, argc, argv, &i, options, err))
			return false;
	}
	return true;
}

void options_print(const struct option_flag *flags)
{
	for (; flags->name; flags++) {
		char letter = letter_of(flags->name);

		printf("  ");
		if (letter)
			printf("-%c, ", letter);
		printf("--%s%s%s\n        %s\n", flags->name, flags->argument ? " " : "",
		       flags->argument ? flags->argument : "", flags->help);
	}
}
