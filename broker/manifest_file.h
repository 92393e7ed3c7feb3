/* manifest_file.h - the objects in files that the command line names, as kubectl reads them.
 *
 * YAML of one or more documents, or JSON; a List stands for its items. */
#ifndef BROKER_MANIFEST_FILE_H
#define BROKER_MANIFEST_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct json;

/* What FILE holds, when that is less than SIZE_MAX bytes; ERROR_INVALID names FILE. The caller's.
 */
bool manifest_file_bytes(const char *file, size_t size_max, char **ret_bytes, size_t *ret_size,
			 struct error *err);

/* OBJECT has apiVersion and kind. False, with ERR set, ends the reading. */
typedef bool manifest_visit(void *context, const char *file, const struct json *object,
			    struct error *err);

/* Visits each object of PLACE in its order: a file, "-" for standard input, or a directory, of
 * which the files that end in .yaml, .yml and .json are read by name and no deeper ones.
 * ERROR_INVALID names the file. */
bool manifest_file_each(const char *place, manifest_visit *visit, void *context, struct error *err);

#endif
