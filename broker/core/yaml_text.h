/* yaml_text.h - JSON as YAML that people read: one line for each member, quotes only where needed.
 *
 * Pure. What core/yaml.h makes of it is the same JSON again. */
#ifndef CORE_YAML_TEXT_H
#define CORE_YAML_TEXT_H

struct json;

/* OBJECT, which is one, as a document without its "---". The caller's. */
char *yaml_text(const struct json *object);

#endif
