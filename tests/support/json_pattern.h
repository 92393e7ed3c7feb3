/* json_pattern.h - JSON in tests: written shortly, merged, filled in and compared in part. */
#ifndef SUPPORT_JSON_PATTERN_H
#define SUPPORT_JSON_PATTERN_H

#include <stdbool.h>

struct json;
struct text;

/* JSON text in which ' stands for ", so that C holds it without backslashes. What does not parse
 * fails the test. The caller's. */
struct json *json_pattern_parse(const char *text);

/* BASE changed as RFC 7396 says: members of PATCH replace, null removes. The caller's. */
struct json *json_pattern_merge(const struct json *base, const struct json *patch);

/* TEMPLATE with "${name.path}" replaced by what VALUES holds there: a string that is nothing else
 * by the value itself, else by its text. An unknown name fails the test. The caller's. */
struct json *json_pattern_fill(const struct json *template, const struct json *values);

/* True when ACTUAL has all that PATTERN has: members of objects, items of arrays (as many and in
 * order), strings as globs, and nothing where PATTERN says null. Else WHY says what and where. */
bool json_pattern_matches(const struct json *pattern, const struct json *actual, struct text *why);

#endif
