/* derived_name.h - names of the objects that we make. Pure.
 *
 * "credbroker-READABLE-DIGEST": at most 63 characters of a-z, 0-9 and "-", which is a DNS label
 * whatever goes in, so it fits every kind of object and every label value. Only the digest makes
 * it unique; it is always there and covers all fields. */
#ifndef CORE_DERIVED_NAME_H
#define CORE_DERIVED_NAME_H

enum { DERIVED_NAME_MAX = 63 };

/* READABLE helps people and may hold anything; it is cut and cleaned. FIELDS (ends with NULL) is
 * what tells this object from all others. The caller's. */
char *derived_name(const char *readable, const char *const *fields);

#endif
