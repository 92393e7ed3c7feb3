#include <base/json.h>

/* From here on these are jansson's names; ours stand below as the linker sees them. */
#undef json_string
#undef json_integer
#undef json_equal
#include <jansson.h>
#undef json_is_object
#undef json_is_array
#undef json_is_null
#undef json_is_true

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include <base/json_text.h>

static json_t *tree_of(const struct json *json)
{
	/* jansson counts references in the value itself, so it cannot take const. */
	return (json_t *)json;
}

static struct json *of_tree(json_t *tree)
{
	return (struct json *)tree;
}

/* The parser recurses, so the depth is counted first. Brackets in strings do not count; what is
 * no JSON at all is left to the parser. */
static bool depth_is_within_cap(const char *bytes, size_t size)
{
	size_t depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < size; i++) {
		char c = bytes[i];
		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '[') && ++depth > JSON_DEPTH_MAX)
			return false;
		else if (!in_string && (c == '}' || c == ']') && depth > 0)
			depth--;
	}
	return true;
}

/* The API server stores U+0000 in strings, and jansson refuses the whole text for one of them: any
 * tenant could blind us. Each escape becomes U+FFFD, which has the same length. */
static char *without_nul_escapes(const char *bytes, size_t size)
{
	char *copy = NULL;

	for (size_t i = 0; i + 6 <= size; i++) {
		if (bytes[i] != '\\')
			continue;
		if (memcmp(bytes + i, "\\u0000", 6) == 0) {
			copy = copy ? copy : memory_bytes(bytes, size);
			/* NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
			memcpy(copy + i + 2, "fffd", 4);
		}
		i++; /* what is escaped is no escape itself */
	}
	return copy;
}

/* jansson's own text quotes the input, which may hold a secret. */
static const char *reason_text(const json_error_t *reason)
{
	enum json_error_code code = json_error_code(reason);

	if (code == json_error_premature_end_of_input)
		return "ends too early";
	if (code == json_error_end_of_input_expected)
		return "has something behind its end";
	if (code == json_error_duplicate_key)
		return "has the same key twice";
	if (code == json_error_invalid_utf8)
		return "is not UTF-8";
	if (code == json_error_null_character || code == json_error_null_byte_in_key)
		return "has a NUL character";
	if (code == json_error_numeric_overflow)
		return "has a number that is too large";
	return "is malformed";
}

struct json *json_parse(const char *bytes, size_t size, struct error *err)
{
	json_error_t reason;

	if (size > HTTP_BODY_MAX) {
		error_set(err, ERROR_INVALID, "JSON is longer than %d bytes", HTTP_BODY_MAX);
		return NULL;
	}
	if (!depth_is_within_cap(bytes, size)) {
		error_set(err, ERROR_INVALID, "JSON nests deeper than %d levels", JSON_DEPTH_MAX);
		return NULL;
	}
	cleanup_free char *cleaned = without_nul_escapes(bytes, size);
	json_t *tree = json_loadb(size > 0 ? (cleaned ? cleaned : bytes) : "", size,
				  JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &reason);
	if (!tree)
		error_set(err, ERROR_INVALID, "JSON %s at byte %d", reason_text(&reason),
			  reason.position);
	return of_tree(tree);
}

struct json *json_parse_object(const char *bytes, size_t size, struct error *err)
{
	size_t left_size = 0;
	cleanup_free char *left = json_text_without_managed_fields(bytes, size, &left_size);

	return left ? json_parse(left, left_size, err) : json_parse(bytes, size, err);
}

void json_free(struct json *json)
{
	json_decref(tree_of(json));
}

void json_free_target(struct json **json)
{
	json_free(*json);
}

const struct json *json_find_path(const struct json *root, const char *const *keys)
{
	const json_t *found = tree_of(root);

	for (; found && *keys; keys++)
		found = json_object_get(found, *keys);
	return (const struct json *)found;
}

static bool has_type(const struct json *json, json_type type)
{
	return json && json_typeof(tree_of(json)) == type;
}

const char *json_read_string(const struct json *json)
{
	return json_string_value(tree_of(json));
}

bool json_is_object(const struct json *json)
{
	return has_type(json, JSON_OBJECT);
}

bool json_is_array(const struct json *json)
{
	return has_type(json, JSON_ARRAY);
}

bool json_is_null(const struct json *json)
{
	return has_type(json, JSON_NULL);
}

bool json_is_true(const struct json *json)
{
	return has_type(json, JSON_TRUE);
}

bool json_read_integer(const struct json *json, int64_t *ret_value)
{
	if (!has_type(json, JSON_INTEGER))
		return false;
	*ret_value = json_integer_value(tree_of(json));
	return true;
}

bool json_number(const struct json *json, int64_t *ret_value)
{
	if (!has_type(json, JSON_REAL))
		return json_read_integer(json, ret_value);

	/* 2^63: what lies outside has no int64_t. */
	double value = json_real_value(tree_of(json));
	if (!(value >= -0x1p63 && value < 0x1p63))
		return false;
	*ret_value = (int64_t)value;
	return true;
}

size_t json_size(const struct json *array)
{
	return json_array_size(tree_of(array));
}

const struct json *json_item(const struct json *array, size_t index)
{
	return (const struct json *)json_array_get(tree_of(array), index);
}

bool json_each(const struct json *object, json_visit *visit, void *context)
{
	json_t *tree = tree_of(object);

	for (void *at = json_object_iter(tree); at; at = json_object_iter_next(tree, at))
		if (!visit(context, json_object_iter_key(at),
			   (const struct json *)json_object_iter_value(at)))
			return false;
	return true;
}

bool json_is_equal(const struct json *a, const struct json *b)
{
	if (!a || !b)
		return a == b;
	return json_equal(tree_of(a), tree_of(b)) == 1;
}

struct json *json_dup(const struct json *json)
{
	return of_tree(json_deep_copy(tree_of(json)));
}

/* The size of the UTF-8 sequence at BYTES (which end with a NUL), or 0 when there is none. */
static size_t sequence_size(const unsigned char *bytes)
{
	static const struct {
		unsigned char lead_min, lead_max, second_min, second_max, size;
	} forms[] = {
		{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
		{0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	if (bytes[0] < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (bytes[0] < forms[i].lead_min || bytes[0] > forms[i].lead_max)
			continue;
		if (bytes[1] < forms[i].second_min || bytes[1] > forms[i].second_max)
			return 0;
		for (size_t k = 2; k < forms[i].size; k++)
			if ((bytes[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].size;
	}
	return 0;
}

/* CHARS with U+FFFD in place of every byte that is not part of UTF-8. */
static char *repaired(const char *chars)
{
	struct text text = text_with_max(SIZE_MAX);

	while (*chars) {
		size_t size = sequence_size((const unsigned char *)chars);
		if (size > 0)
			text_append_bytes(&text, chars, size);
		else
			text_append(&text, "\xef\xbf\xbd");
		chars += size > 0 ? size : 1;
	}
	return text_take(&text);
}

/* Adding fails only when the parent is not what the caller says. Going on would lose a field
 * of an object that is about to be written. */
static void require(int result)
{
	if (result == 0)
		return;
	fputs("credbroker: a JSON value is not of the type that its owner says\n", stderr);
	abort();
}

static json_t *new_string(const char *value)
{
	json_t *tree = json_string(value);

	if (tree)
		return tree;
	cleanup_free char *valid = repaired(value);
	return json_string(valid);
}

/* Takes VALUE. */
static void set_member(struct json *object, const char *key, json_t *value)
{
	if (!value)
		return;
	json_incref(value);
	if (json_object_set_new(tree_of(object), key, value) != 0) {
		cleanup_free char *valid = repaired(key);
		require(json_object_set(tree_of(object), valid, value));
	}
	json_decref(value);
}

/* Takes VALUE. */
static void append_item(struct json *array, json_t *value)
{
	if (value)
		require(json_array_append_new(tree_of(array), value));
}

struct json *json_object_new(void)
{
	return of_tree(json_object());
}

struct json *json_array_new(void)
{
	return of_tree(json_array());
}

struct json *json_add_object(struct json *object, const char *key)
{
	json_t *child = json_object();

	set_member(object, key, child);
	return of_tree(child);
}

struct json *json_add_array(struct json *object, const char *key)
{
	json_t *child = json_array();

	set_member(object, key, child);
	return of_tree(child);
}

void json_add_string(struct json *object, const char *key, const char *value)
{
	if (value)
		set_member(object, key, new_string(value));
}

void json_add_integer(struct json *object, const char *key, int64_t value)
{
	set_member(object, key, json_integer(value));
}

void json_add_bool(struct json *object, const char *key, bool value)
{
	set_member(object, key, json_boolean(value));
}

void json_add_copy(struct json *object, const char *key, const struct json *value)
{
	json_add(object, key, json_dup(value));
}

void json_add(struct json *object, const char *key, struct json *value)
{
	set_member(object, key, tree_of(value));
}

void json_remove(struct json *object, const char *key)
{
	json_object_del(tree_of(object), key);
}

struct json *json_append_object(struct json *array)
{
	json_t *child = json_object();

	append_item(array, child);
	return of_tree(child);
}

void json_append_string(struct json *array, const char *value)
{
	if (value)
		append_item(array, new_string(value));
}

void json_append_copy(struct json *array, const struct json *value)
{
	json_append(array, json_dup(value));
}

void json_append(struct json *array, struct json *value)
{
	append_item(array, tree_of(value));
}

static int append_chunk(const char *bytes, size_t size, void *context)
{
	text_append_bytes(context, bytes, size);
	return 0;
}

/* A YAML parser refuses these characters or folds them with the blanks around them. *RET_SIZE is
 * that of the UTF-8 sequence; 0 when the character at BYTES (which end with a NUL) may stay. */
static unsigned character_to_escape(const unsigned char *bytes, size_t *ret_size)
{
	unsigned point = 0;

	if (bytes[0] == 0x7f)
		point = 0x7f;
	else if (bytes[0] == 0xc2 && bytes[1] <= 0x9f)
		point = bytes[1];
	else if (bytes[0] == 0xe2 && bytes[1] == 0x80 && (bytes[2] == 0xa8 || bytes[2] == 0xa9))
		point = 0x2000u + bytes[2] - 0x80u;
	else if (bytes[0] == 0xef && bytes[1] == 0xbf && bytes[2] >= 0xbe)
		point = 0xff00u + bytes[2] + 0x40u;
	*ret_size = point == 0 ? 0 : point < 0x80 ? 1 : point < 0x800 ? 2 : 3;
	return point;
}

/* Only strings hold characters above U+007E, so no need to know where a string begins. */
static void append_escaped(struct text *text, const char *chars, size_t size)
{
	size_t copied = 0;
	size_t length;

	for (size_t i = 0; i < size; i++) {
		unsigned point = character_to_escape((const unsigned char *)chars + i, &length);
		if (length == 0)
			continue;
		text_append_bytes(text, chars + copied, i - copied);
		text_appendf(text, "\\u%04x", point);
		i += length - 1;
		copied = i + 1;
	}
	text_append_bytes(text, chars + copied, size - copied);
}

char *json_dump(const struct json *json, size_t *ret_size)
{
	cleanup_text struct text plain = text_with_max(SIZE_MAX);
	cleanup_text struct text escaped = text_with_max(SIZE_MAX);

	require(json_dump_callback(tree_of(json), append_chunk, &plain,
				   JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY));
	append_escaped(&escaped, text_chars(&plain), plain.size);
	*ret_size = escaped.size;
	return memory_bytes(text_chars(&escaped),
			    escaped.size); /* it may be kept: no room to grow */
}
