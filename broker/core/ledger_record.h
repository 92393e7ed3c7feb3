/* ledger_record.h - a ledger as the IssuedCredential object that is stored. Pure. */
#ifndef CORE_LEDGER_RECORD_H
#define CORE_LEDGER_RECORD_H

/* Annotation: close it when no token can live any more, though its member was not there. */
#define LEDGER_RECORD_FORGET "credbroker.dev/forget"

struct error;
struct json;
struct ledger;

/* Reads a stored record; ERROR_INVALID when a field is missing. The caller's. */
struct ledger *ledger_record_read(const struct json *object, struct error *err);

/* The IssuedCredential to be stored in NAMESPACE. The caller's. */
struct json *ledger_record_render(const struct ledger *ledger, const char *namespace);

#endif
