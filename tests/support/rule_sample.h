/* rule_sample.h - the rows of tests/data/ceilings and the rule sets in them. */
#ifndef SUPPORT_RULE_SAMPLE_H
#define SUPPORT_RULE_SAMPLE_H

struct error;
struct json;
struct rule_set;

/* The array in the file PATH; the test fails when there is none. The caller's. */
struct json *rule_sample_rows(const char *path);

/* The set that PARTS make, or NULL with ERR set. The caller's. */
struct rule_set *rule_sample_read(const struct json *parts, struct error *err);

/* The same from text; the test fails when it is not taken. */
struct rule_set *rule_sample_set(const char *parts);

#endif
