/* text_pattern.h - the form that a value must have: an extended regular expression of POSIX.
 *
 * For rbac alone. Refuses what costs much: back-references, repetitions that are nested or large.
 * Takes no more than some milliseconds and megabytes, whatever it is made of and matched with. */
#ifndef RBAC_TEXT_PATTERN_H
#define RBAC_TEXT_PATTERN_H

#include <stdbool.h>

struct error;
struct text_pattern;

/* NULL (ERROR_INVALID, saying what to write). The caller's. */
struct text_pattern *text_pattern_new(const char *pattern, struct error *err);
void text_pattern_free(struct text_pattern *pattern);

/* Does the whole of TEXT match, with "^" and "$" written or not? */
bool text_pattern_matches(struct text_pattern *pattern, const char *text);

/* As it was written. Borrowed. */
const char *text_pattern_text(const struct text_pattern *pattern);

#endif
