#include <rbac/namespace_pattern.h>

#include <stddef.h>
#include <string.h>

#include <base/error.h>
#include <base/limits.h>

static bool is_label_character(char character)
{
	return (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9') ||
	       character == '-';
}

bool namespace_pattern_check(const char *pattern, struct error *err)
{
	size_t size = pattern ? strlen(pattern) : 0;

	if (size == 0 || size > NAMESPACE_NAME_MAX + 1)
		return error_set(
			err, ERROR_INVALID,
			"write a namespace or the beginning or end of one, such as \"vault\", "
			"\"vault-*\" or \"*-vault\"");
	for (size_t i = 0; i < size; i++) {
		bool is_star = pattern[i] == '*' && (i == 0 || i == size - 1);

		if (!is_star && !is_label_character(pattern[i]))
			return error_set(err, ERROR_INVALID,
					 "write lower-case letters, digits and \"-\", and a \"*\" "
					 "at one end "
					 "at most");
	}
	if (size > 1 && pattern[0] == '*' && pattern[size - 1] == '*')
		return error_set(err, ERROR_INVALID, "write a \"*\" at one end only");
	return true;
}

bool namespace_pattern_matches(const char *pattern, const char *namespace_name)
{
	size_t size = strlen(pattern);
	size_t name_size = strlen(namespace_name);

	if (pattern[0] == '*')
		return name_size >= size - 1 &&
		       strcmp(namespace_name + name_size - (size - 1), pattern + 1) == 0;
	if (pattern[size - 1] == '*')
		return strncmp(namespace_name, pattern, size - 1) == 0;
	return strcmp(namespace_name, pattern) == 0;
}
