#include "rbac/text_pattern.h"

#include <regex.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <base/error.h>
#include <base/limits.h>
#include <base/memory.h>

enum {
	DEPTH_MAX = 16,    /* of groups */
	REPEATS_MAX = 255, /* RE_DUP_MAX of POSIX */
	USES_MAX = 64,     /* glibc keeps each state that it ever met, up to 2^ATOMS */
};

struct text_pattern {
	char *text;
	regex_t regex;
	bool is_compiled;
	unsigned uses; /* since then */
};

/* A group, or the pattern itself, as far as it was scanned. glibc copies what "+" and "{}" repeat,
 * so that nested ones need memory without bound: sizes are those after copying. */
struct group {
	size_t atoms;
	size_t last;       /* of the atoms: those that a repetition would repeat */
	bool repeats;      /* has "+" or "{}" */
	bool last_repeats; /* what a repetition would repeat has them */
};

struct scan {
	const char *rest;
	struct group groups[DEPTH_MAX];
	size_t depth;
};

static void add_atom(struct scan *scan, size_t size)
{
	struct group *group = &scan->groups[scan->depth];

	group->atoms++;
	group->last = 1;
	group->last_repeats = false;
	scan->rest += size;
}

static bool open_group(struct scan *scan, struct error *err)
{
	if (scan->depth + 1 == DEPTH_MAX)
		return error_set(err, ERROR_INVALID, "has groups nested too deep: write at most %d",
				 DEPTH_MAX - 1);
	scan->groups[++scan->depth] = (struct group){0};
	scan->rest++;
	return true;
}

static bool close_group(struct scan *scan, struct error *err)
{
	const struct group *inner = &scan->groups[scan->depth];
	struct group *outer = inner > scan->groups ? &scan->groups[scan->depth - 1] : NULL;

	if (!outer)
		return error_set(err, ERROR_INVALID,
				 "closes a group that is not open: write "
				 "\"[)]\" for the character");
	outer->atoms += inner->atoms;
	outer->last = inner->atoms;
	outer->last_repeats = inner->repeats;
	outer->repeats = outer->repeats || inner->repeats;
	scan->depth--;
	scan->rest++;
	return true;
}

static bool escape(struct scan *scan, struct error *err)
{
	const char *escaped = scan->rest + 1;

	if (*escaped == '\0' || !strchr(".[]{}()*+?^$|\\/-", *escaped))
		return error_set(err, ERROR_INVALID,
				 "has a \"\\\" before what needs none: back-references and classes "
				 "such as \"\\d\" are not there, write \"[0-9]\"");
	add_atom(scan, 2);
	return true;
}

/* "[...]". A "]" is part of it when it comes first, and so is that of "[:alpha:]". */
static bool bracket(struct scan *scan, struct error *err)
{
	const char *end = scan->rest + 1;

	end += *end == '^';
	end += *end == ']';
	for (; *end && *end != ']'; end++) {
		if (*end != '[')
			continue;
		if (end[1] != ':' || !(end = strstr(end + 2, ":]")))
			return error_set(err, ERROR_INVALID,
					 "has \"[\" within \"[]\": write \"[:alpha:]\" or such");
		end++;
	}
	if (*end == '\0')
		return error_set(err, ERROR_INVALID, "has a \"[\" without its \"]\"");
	add_atom(scan, (size_t)(end + 1 - scan->rest));
	return true;
}

/* Reads "{2}", "{2,}" or "{2,3}": the larger number is how often glibc copies. */
static bool read_bounds(struct scan *scan, size_t *ret_count, struct error *err)
{
	const char *rest = scan->rest + 1;
	size_t digits = strspn(rest, "0123456789");
	bool has_first = digits > 0 && digits <= 3;
	unsigned long first = strtoul(rest, NULL, 10);
	unsigned long second = 0;

	rest += digits;
	if (*rest == ',') {
		digits = strspn(++rest, "0123456789");
		second = strtoul(rest, NULL, 10);
		rest += digits;
	}
	if (!has_first || *rest != '}' || digits > 3 || first > REPEATS_MAX || second > REPEATS_MAX)
		return error_set(err, ERROR_INVALID,
				 "has a \"{\" that begins no repetition: write one such as "
				 "\"{1,63}\", with at most %d, or \"[{]\" for the character",
				 REPEATS_MAX);
	scan->rest = rest + 1;
	*ret_count = first > second ? first : second;
	return true;
}

static bool repeat(struct scan *scan, size_t count, struct error *err)
{
	struct group *group = &scan->groups[scan->depth];

	if (group->last_repeats)
		return error_set(
			err, ERROR_INVALID,
			"repeats what has \"+\" or \"{}\" in it: write it with \"*\", such "
			"as \"a(-?a)*\"");
	if (count > 0)
		group->atoms += group->last * (count - 1);
	group->last *= count;
	group->repeats = true;
	group->last_repeats = true;
	return true;
}

static bool repeat_bounded(struct scan *scan, struct error *err)
{
	size_t count = 0;

	return read_bounds(scan, &count, err) && repeat(scan, count, err);
}

static bool repeat_plus(struct scan *scan, struct error *err)
{
	scan->rest++;
	return repeat(scan, 2, err);
}

static bool scan_one(struct scan *scan, struct error *err)
{
	switch (*scan->rest) {
	case '(':
		return open_group(scan, err);
	case ')':
		return close_group(scan, err);
	case '\\':
		return escape(scan, err);
	case '[':
		return bracket(scan, err);
	case '{':
		return repeat_bounded(scan, err);
	case '+':
		return repeat_plus(scan, err);
	case '*':
	case '?':
		scan->rest++;
		return true;
	default:
		add_atom(scan, 1);
		return true;
	}
}

static bool is_affordable(const char *pattern, struct error *err)
{
	struct scan scan = {.rest = pattern};

	if (strlen(pattern) > TEMPLATE_PATTERN_MAX)
		return error_set(err, ERROR_INVALID, "has more than %d bytes: write fewer",
				 TEMPLATE_PATTERN_MAX);
	while (*scan.rest)
		if (!scan_one(&scan, err))
			return false;
	if (scan.depth > 0)
		return error_set(err, ERROR_INVALID, "has a \"(\" without its \")\"");
	if (scan.groups[0].atoms > TEMPLATE_PATTERN_ATOMS_MAX)
		return error_set(err, ERROR_INVALID,
				 "stands for more than %d characters: repeat less, or with \"*\"",
				 TEMPLATE_PATTERN_ATOMS_MAX);
	return true;
}

static bool compile(struct text_pattern *pattern)
{
	pattern->uses = 0;
	pattern->is_compiled = regcomp(&pattern->regex, pattern->text, REG_EXTENDED) == 0;
	return pattern->is_compiled;
}

static void forget(struct text_pattern *pattern)
{
	if (pattern->is_compiled)
		regfree(&pattern->regex);
	pattern->is_compiled = false;
}

struct text_pattern *text_pattern_new(const char *text, struct error *err)
{
	struct text_pattern *pattern = NULL;

	if (!is_affordable(text, err))
		return NULL;
	pattern = memory_new(sizeof(*pattern));
	pattern->text = memory_text(text);
	if (!compile(pattern)) {
		error_set(err, ERROR_INVALID, "is no extended regular expression of POSIX");
		text_pattern_free(pattern);
		return NULL;
	}
	return pattern;
}

void text_pattern_free(struct text_pattern *pattern)
{
	if (!pattern)
		return;
	forget(pattern);
	memory_free(pattern->text);
	memory_free(pattern);
}

/* The longest of the leftmost matches is found: when the whole matches, it is that. */
bool text_pattern_matches(struct text_pattern *pattern, const char *text)
{
	regmatch_t match = {0};

	if (pattern->uses++ == USES_MAX) {
		forget(pattern);
		compile(pattern);
	}
	return pattern->is_compiled && regexec(&pattern->regex, text, 1, &match, 0) == 0 &&
	       match.rm_so == 0 && (size_t)match.rm_eo == strlen(text);
}

const char *text_pattern_text(const struct text_pattern *pattern)
{
	return pattern->text;
}
