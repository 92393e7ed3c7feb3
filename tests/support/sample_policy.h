/* sample_policy.h - an AccessPolicy that allows what the sample request asks for, and more. */
#ifndef SUPPORT_SAMPLE_POLICY_H
#define SUPPORT_SAMPLE_POLICY_H

struct access_policy;
struct json;

#define SAMPLE_POLICY_NAME "sample"

/* As the API server shows it, merged with CHANGES (as json_pattern_parse() reads them). The
 * caller's. */
struct json *sample_policy_json(const char *changes);

/* The same, read. The caller's, released with access_policy_free(). */
struct access_policy *sample_policy(const char *changes);

#endif
