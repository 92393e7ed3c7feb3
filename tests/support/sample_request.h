/* sample_request.h - an AuthTokenRequest with one role and one cluster role, and what is changed.
 */
#ifndef SUPPORT_SAMPLE_REQUEST_H
#define SUPPORT_SAMPLE_REQUEST_H

struct json;
struct ledger;
struct request;
struct rights;

/* "team-a/reader" for profile fleet-system/member-1, as the API server shows it, merged with
 * CHANGES (as json_pattern_parse() reads them). The caller's. */
struct json *sample_request_json(const char *changes);

/* The same, read. The caller's, released with request_free(). */
struct request *sample_request(const char *changes);

/* The rights that REQUEST writes out. The caller's, released with rights_free(). */
struct rights *sample_request_rights(const struct request *request);

/* The record for REQUEST before anything was made. The caller's, released with ledger_free(). */
struct ledger *sample_request_ledger(const struct request *request);

#endif
