#include "core/yaml.h"

#include <stdbool.h>
#include <string.h>
#include <yaml.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>

struct reading {
	yaml_parser_t parser;
	yaml_event_t event; /* the one that is looked at */
	bool has_event;
	size_t nodes;
	size_t nodes_max;
	struct error *err;
};

static bool refuse(struct reading *reading, const yaml_mark_t *mark, const char *why)
{
	return error_set(reading->err, ERROR_INVALID, "YAML %s at line %zu, column %zu", why,
			 mark->line + 1, mark->column + 1);
}

static bool refuse_event(struct reading *reading, const char *why)
{
	return refuse(reading, &reading->event.start_mark, why);
}

/* libyaml takes no allocator, so what can be reached of its copies is wiped before it is freed. */
static void drop_event(struct reading *reading)
{
	if (!reading->has_event)
		return;
	if (reading->event.type == YAML_SCALAR_EVENT)
		explicit_bzero(reading->event.data.scalar.value, reading->event.data.scalar.length);
	yaml_event_delete(&reading->event);
	reading->has_event = false;
}

static void reading_done(struct reading *reading)
{
	yaml_parser_t *parser = &reading->parser;

	drop_event(reading);
	explicit_bzero(parser->raw_buffer.start,
		       (size_t)(parser->raw_buffer.end - parser->raw_buffer.start));
	explicit_bzero(parser->buffer.start, (size_t)(parser->buffer.end - parser->buffer.start));
	yaml_parser_delete(parser);
}

static bool next_event(struct reading *reading)
{
	drop_event(reading);
	if (!yaml_parser_parse(&reading->parser, &reading->event))
		return refuse(reading, &reading->parser.problem_mark, "is malformed");
	reading->has_event = true;
	return true;
}

/* Goes to the next event, which has to be of this type. */
static bool expect(struct reading *reading, yaml_event_type_t type, const char *otherwise)
{
	return next_event(reading) &&
	       (reading->event.type == type || refuse_event(reading, otherwise));
}

static bool has_tag(const yaml_char_t *tag, const char *expected)
{
	return tag && strcmp((const char *)tag, expected) == 0;
}

static bool has_anchor_or_foreign_tag(const yaml_event_t *event)
{
	if (event->type == YAML_MAPPING_START_EVENT)
		return event->data.mapping_start.anchor ||
		       (event->data.mapping_start.tag &&
			!has_tag(event->data.mapping_start.tag, YAML_MAP_TAG));
	if (event->type == YAML_SEQUENCE_START_EVENT)
		return event->data.sequence_start.anchor ||
		       (event->data.sequence_start.tag &&
			!has_tag(event->data.sequence_start.tag, YAML_SEQ_TAG));
	return event->data.scalar.anchor ||
	       (event->data.scalar.tag && !has_tag(event->data.scalar.tag, YAML_STR_TAG));
}

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

static bool is_integer(const char *text)
{
	const char *digits = text[0] == '-' ? text + 1 : text;

	return digits[0] != '\0' && digits[strspn(digits, "0123456789")] == '\0';
}

/* The JSON text of a plain scalar that is no string, or NULL. */
static const char *json_text_of(const char *text)
{
	static const char *const trues[] = {"true", "True", "TRUE", NULL};
	static const char *const falses[] = {"false", "False", "FALSE", NULL};
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};

	if (is_one_of(text, trues))
		return "true";
	if (is_one_of(text, falses))
		return "false";
	if (is_one_of(text, nulls))
		return "null";
	return is_integer(text) ? text : NULL;
}

static struct json *new_string(const char *text)
{
	cleanup_json struct json *wrapper = json_object_new();

	json_add_string(wrapper, "", text);
	return json_dup(json_find(wrapper, ""));
}

static struct json *new_scalar(const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	bool is_plain =
		event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !event->data.scalar.tag;
	const char *json_text = is_plain ? json_text_of(text) : NULL;
	struct json *json = NULL;

	/* An integer with leading zeros or without 64 bits is a string like everything else. */
	if (json_text)
		json = json_parse(json_text, strlen(json_text), &(struct error){0});
	return json ? json : new_string(text);
}

static bool read_node(struct reading *reading, size_t depth, struct json **ret_json);

/* The key that the current event holds. */
static bool read_key(struct reading *reading, const struct json *object, char **ret_key)
{
	const yaml_event_t *event = &reading->event;

	if (event->type != YAML_SCALAR_EVENT)
		return refuse_event(reading, "has a key that is no string");
	const char *text = (const char *)event->data.scalar.value;
	if (strlen(text) != event->data.scalar.length)
		return refuse_event(reading, "has a NUL character");
	if (has_anchor_or_foreign_tag(event))
		return refuse_event(reading, "has an anchor or a tag");
	if (strcmp(text, "<<") == 0)
		return refuse_event(reading, "has a merge key");
	if (json_find(object, text))
		return refuse_event(reading, "has the same key twice");
	*ret_key = memory_text(text);
	return true;
}

static bool read_mapping(struct reading *reading, size_t depth, struct json **ret_json)
{
	cleanup_json struct json *object = json_object_new();

	for (;;) {
		cleanup_free char *key = NULL;
		struct json *value = NULL;
		if (!next_event(reading))
			return false;
		if (reading->event.type == YAML_MAPPING_END_EVENT)
			break;
		if (!read_key(reading, object, &key) || !next_event(reading) ||
		    !read_node(reading, depth, &value))
			return false;
		json_add(object, key, value);
	}
	*ret_json = TAKE_PTR(object);
	return true;
}

static bool read_sequence(struct reading *reading, size_t depth, struct json **ret_json)
{
	cleanup_json struct json *array = json_array_new();

	for (;;) {
		struct json *value = NULL;
		if (!next_event(reading))
			return false;
		if (reading->event.type == YAML_SEQUENCE_END_EVENT)
			break;
		if (!read_node(reading, depth, &value))
			return false;
		json_append(array, value);
	}
	*ret_json = TAKE_PTR(array);
	return true;
}

static bool read_scalar(struct reading *reading, struct json **ret_json)
{
	const yaml_event_t *event = &reading->event;

	if (strlen((const char *)event->data.scalar.value) != event->data.scalar.length)
		return refuse_event(reading, "has a NUL character");
	*ret_json = new_scalar(event);
	return true;
}

/* The node that begins with the current event; DEPTH is that of its parent. */
static bool read_node(struct reading *reading, size_t depth, struct json **ret_json)
{
	yaml_event_type_t type = reading->event.type;

	if (type == YAML_ALIAS_EVENT)
		return refuse_event(reading, "has an alias");
	if (has_anchor_or_foreign_tag(&reading->event))
		return refuse_event(reading, "has an anchor or a tag");
	if (++reading->nodes > reading->nodes_max)
		return refuse_event(reading, "has too many nodes");
	if (type == YAML_SCALAR_EVENT)
		return read_scalar(reading, ret_json);
	if (depth == YAML_DEPTH_MAX)
		return refuse_event(reading, "nests too deep");
	return type == YAML_MAPPING_START_EVENT ? read_mapping(reading, depth + 1, ret_json)
						: read_sequence(reading, depth + 1, ret_json);
}

static bool read_document(struct reading *reading, struct json **ret_json)
{
	static const char no_mapping[] = "has no mapping at its root";
	cleanup_json struct json *root = NULL;

	bool ok = expect(reading, YAML_STREAM_START_EVENT, no_mapping) &&
		  expect(reading, YAML_DOCUMENT_START_EVENT, no_mapping) &&
		  expect(reading, YAML_MAPPING_START_EVENT, no_mapping) &&
		  read_node(reading, 0, &root) &&
		  expect(reading, YAML_DOCUMENT_END_EVENT, "is malformed") &&
		  expect(reading, YAML_STREAM_END_EVENT, "has a second document");
	if (ok)
		*ret_json = TAKE_PTR(root);
	return ok;
}

static bool is_empty(const yaml_event_t *event)
{
	return event->type == YAML_SCALAR_EVENT && event->data.scalar.length == 0 &&
	       event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* The documents after the start of the stream. */
static bool read_documents(struct reading *reading, struct json *documents)
{
	for (;;) {
		struct json *root = NULL;

		if (!next_event(reading))
			return false;
		if (reading->event.type == YAML_STREAM_END_EVENT)
			return true;
		if (!next_event(reading))
			return false;
		if (!is_empty(&reading->event)) {
			if (reading->event.type != YAML_MAPPING_START_EVENT)
				return refuse_event(reading, "has no mapping at its root");
			if (!read_node(reading, 0, &root))
				return false;
			json_append(documents, root);
		}
		if (!expect(reading, YAML_DOCUMENT_END_EVENT, "is malformed"))
			return false;
	}
}

static bool read_stream(struct reading *reading, struct json **ret_json)
{
	cleanup_json struct json *documents = json_array_new();

	if (!expect(reading, YAML_STREAM_START_EVENT, "is malformed") ||
	    !read_documents(reading, documents))
		return false;
	*ret_json = TAKE_PTR(documents);
	return true;
}

static struct json *parse(const char *bytes, size_t size, size_t size_max, size_t nodes_max,
			  bool (*take)(struct reading *reading, struct json **ret_json),
			  struct error *err)
{
	cleanup_with(reading_done) struct reading reading = {.nodes_max = nodes_max, .err = err};
	struct json *json = NULL;

	if (!yaml_parser_initialize(&reading.parser)) {
		error_set(err, ERROR_INTERNAL, "YAML parser cannot start");
		return NULL;
	}
	if (size > size_max) {
		error_set(err, ERROR_INVALID, "YAML is longer than %zu bytes", size_max);
		return NULL;
	}
	yaml_parser_set_encoding(&reading.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reading.parser, (const unsigned char *)bytes, size);
	take(&reading, &json);
	return json;
}

struct json *yaml_parse(const char *bytes, size_t size, struct error *err)
{
	return parse(bytes, size, KUBECONFIG_MAX, YAML_NODES_MAX, read_document, err);
}

struct json *yaml_parse_stream(const char *bytes, size_t size, struct error *err)
{
	return parse(bytes, size, MANIFESTS_MAX, MANIFESTS_NODES_MAX, read_stream, err);
}
