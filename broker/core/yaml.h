/* yaml.h - reads the part of YAML that configuration files need. Pure.
 *
 * yaml.c is the only file that includes libyaml. Documents with a mapping at their root, caps on
 * size, depth and nodes; no anchors, aliases, merge keys or duplicate keys, and no tags but !!str,
 * !!map and !!seq. Plain scalars are true, false, null and decimal integers of 64 bits as YAML 1.2
 * writes them; everything else, also yes and 0x10, is a string. */
#ifndef CORE_YAML_H
#define CORE_YAML_H

#include <stddef.h>

struct error;
struct json;

/* The one document as JSON; the caller's, released with json_free(). NULL with ERROR_INVALID, which
 * says where, never what: the text may hold a secret. */
struct json *yaml_parse(const char *bytes, size_t size, struct error *err);

/* All documents of a file of manifests, as an array; those that are empty are left out. As above,
 * with caps of their own. */
struct json *yaml_parse_stream(const char *bytes, size_t size, struct error *err);

#endif
