/* bare_reader.h - reads what a client is sent, with jansson, and forgets it.
 *
 * What the bare client does beside its calls when it is to be told what a controller cannot do
 * without: parsing each reply, and following watches. */
#ifndef BENCH_BARE_READER_H
#define BENCH_BARE_READER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

/* Without managedFields, which the broker does not parse either. False when BYTES are no JSON. */
bool bare_reader_parse(const char *bytes, size_t size);

/* Makes EASY, which has URL and headers, follow a watch and parse each of its events. */
void bare_reader_follow(CURL *easy);

#endif
