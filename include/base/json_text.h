/* json_text.h - what is cut out of JSON text before it is parsed.
 *
 * Not a parser: it knows where strings, objects and arrays end, and leaves what is not well formed
 * to the parser. */
#ifndef BASE_JSON_TEXT_H
#define BASE_JSON_TEXT_H

#include <stddef.h>

/* BYTES without each member "managedFields" whose value is an array and whose object is itself a
 * member "metadata", and the size of that; NULL when there is none. The caller's. */
char *json_text_without_managed_fields(const char *bytes, size_t size, size_t *ret_size);

#endif
