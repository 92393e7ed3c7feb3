/* policy_json.h - the parts of a policy's JSON, each with what is wrong with it.
 *
 * For rbac alone. What is absent is an answer; null is a wrong value like any other. All errors are
 * ERROR_INVALID and say what to write instead. */
#ifndef RBAC_POLICY_JSON_H
#define RBAC_POLICY_JSON_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct json;

/* How many items the list OBJECT.FIELD has; none when it is absent. False unless it is a list of at
 * most MOST items, or where it is there and has fewer than LEAST. */
bool policy_json_count(const struct json *object, const char *field, size_t least, size_t most,
		       size_t *ret_count, struct error *err);

/* The string OBJECT.FIELD, which must be there, not be empty and fit. Borrowed; NULL when wrong. */
const char *policy_json_name(const struct json *object, const char *field, struct error *err);

/* False unless TEXT (may be NULL) is a string of at most POLICY_WORD_MAX bytes, without controls.
 */
bool policy_json_check_text(const char *text, struct error *err);

/* Reads one item of a list to where it belongs. What it owns is released even when false. */
typedef bool policy_json_read(const struct json *item, void *place, struct error *err);

/* An array on the heap; NULL when it is empty. */
struct policy_items {
	void *items;
	size_t count;
};

/* Reads the list OBJECT.FIELD into a new array of zeroed items of SIZE bytes. RET_ITEMS is set in
 * any case, and counts the items that READ_ITEM was called for, for whoever releases them. Errors
 * name the field and item. */
bool policy_json_items(const struct json *object, const char *field, size_t least, size_t most,
		       policy_json_read *read_item, size_t size, struct policy_items *ret_items,
		       struct error *err);

#endif
