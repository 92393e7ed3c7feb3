/* json.h - reads and builds JSON; hides the parser behind it.
 *
 * Nothing outside broker/base/json.c names jansson. Parsing is strict, because most of what
 * is parsed comes from members: one value, no duplicate keys, no NUL, depth and size capped. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct json;
struct secret;

/* jansson exports functions of these names: the linker must not take one for the other. */
#define json_string  json_read_string
#define json_integer json_read_integer
#define json_equal   json_is_equal

#define cleanup_json __attribute__((cleanup(json_free_target)))

/* Parses exactly one value. The caller's, released with json_free(). ERROR_INVALID says where,
 * never what: the text may hold a secret. Depth is capped at JSON_DEPTH_MAX. */
struct json *json_parse(const char *bytes, size_t size, struct error *err);

/* The same for what an API server sends: an object, a list, an event of a watch. Every
 * `metadata.managedFields` is left out unread: it is half of most objects, and hardly ever read.
 */
struct json *json_parse_object(const char *bytes, size_t size, struct error *err);

void json_free(struct json *json);
void json_free_target(struct json **json);

/* The member at the end of a path of keys; NULL when anything on the way is absent or not an
 * object. ROOT may be NULL. Borrowed as long as ROOT lives. */
#define json_find(root, ...) json_find_path((root), (const char *const[]){__VA_ARGS__, NULL})
const struct json *json_find_path(const struct json *root, const char *const *keys);

/* The string at a path, or NULL when absent or not a string. Borrowed. */
#define json_find_string(root, ...) json_string(json_find((root), __VA_ARGS__))

/* Views of one value; JSON may be NULL. json_string: NULL unless a string. */
const char *json_string(const struct json *json);
bool json_is_object(const struct json *json);
bool json_is_array(const struct json *json);
bool json_is_null(const struct json *json);
/* False unless an integer (1.0 is not one). */
bool json_integer(const struct json *json, int64_t *ret_value);
/* False unless a number; a fraction is cut off (for NumericDate claims). */
bool json_number(const struct json *json, int64_t *ret_value);
/* True only for the literal true. */
bool json_is_true(const struct json *json);

/* Items of an array; 0 and NULL for anything else. */
size_t json_size(const struct json *array);
const struct json *json_item(const struct json *array, size_t index);

/* Walks the members of an object in a fixed order; stops when VISIT returns false and returns
 * that. True for anything that is no object. */
typedef bool json_visit(void *context, const char *key, const struct json *value);
bool json_each(const struct json *object, json_visit *visit, void *context);

/* Deep equality; NULL equals NULL. */
bool json_equal(const struct json *a, const struct json *b);
struct json *json_dup(const struct json *json);

/* Building. Every returned child is borrowed from its parent. Strings must be UTF-8; other
 * bytes are replaced by U+FFFD. A NULL string adds nothing. Keys that exist are replaced. */
struct json *json_object_new(void);
struct json *json_array_new(void);
struct json *json_add_object(struct json *object, const char *key);
struct json *json_add_array(struct json *object, const char *key);
void json_add_string(struct json *object, const char *key, const char *value);
void json_add_integer(struct json *object, const char *key, int64_t value);
void json_add_bool(struct json *object, const char *key, bool value);
void json_add_copy(struct json *object, const char *key, const struct json *value);
/* Takes VALUE. */
void json_add(struct json *object, const char *key, struct json *value);
void json_remove(struct json *object, const char *key);
struct json *json_append_object(struct json *array);
void json_append_string(struct json *array, const char *value);
void json_append_copy(struct json *array, const struct json *value);
/* Takes VALUE. */
void json_append(struct json *array, struct json *value);

/* Compact text with sorted keys: the same value gives the same bytes. U+007F to U+009F, U+2028,
 * U+2029, U+FFFE and U+FFFF are escaped and no surrogate pair is written, because an apply body
 * is read by a YAML parser (kube-semantics A-05). The caller's; wiped when released. */
char *json_dump(const struct json *json, size_t *ret_size);

#endif
