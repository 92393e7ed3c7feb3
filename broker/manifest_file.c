#include "manifest_file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/yaml.h"

enum { FIRST_SIZE = 64 << 10, FILES_MAX = 4096, PATH_SIZE_MAX = 4096 };

static bool read_stream(FILE *stream, size_t size_max, char **ret_bytes, size_t *ret_size)
{
	size_t capacity = size_max < FIRST_SIZE ? size_max : FIRST_SIZE;
	cleanup_free char *bytes = memory_new(capacity);
	size_t size = fread(bytes, 1, capacity, stream);

	while (size == capacity && capacity < size_max) {
		capacity = capacity * 2 < size_max ? capacity * 2 : size_max;
		bytes = memory_resize(bytes, capacity, 1);
		size += fread(bytes + size, 1, capacity - size, stream);
	}
	if (ferror(stream) || size == size_max)
		return false;
	*ret_bytes = TAKE_PTR(bytes);
	*ret_size = size;
	return true;
}

bool manifest_file_bytes(const char *file, size_t size_max, char **ret_bytes, size_t *ret_size,
			 struct error *err)
{
	bool is_standard_input = strcmp(file, "-") == 0;
	FILE *stream = is_standard_input ? stdin : fopen(file, "re");
	bool ok;

	if (!stream)
		return error_set(err, ERROR_INVALID, "%.120s cannot be opened", file);
	ok = read_stream(stream, size_max, ret_bytes, ret_size);
	if (!is_standard_input)
		fclose(stream);
	return ok || error_set(err, ERROR_INVALID, "%.120s cannot be read, or is too large", file);
}

/* JSON may hold what YAML readers do not take, such as tabs. */
static struct json *parse(const char *bytes, size_t size, struct error *err)
{
	size_t blank = 0;
	struct json *object = NULL;
	struct json *documents;

	while (blank < size && strchr(" \t\r\n", bytes[blank]) && bytes[blank])
		blank++;
	if (blank < size && bytes[blank] == '{')
		object = json_parse(bytes, size, &(struct error){0});
	if (!object)
		return yaml_parse_stream(bytes, size, err);
	documents = json_array_new();
	json_append(documents, object);
	return documents;
}

static bool visit_object(const struct json *object, const char *file, manifest_visit *visit,
			 void *context, struct error *err)
{
	if (text_is_empty(json_find_string(object, "apiVersion")) ||
	    text_is_empty(json_find_string(object, "kind")))
		return error_set(err, ERROR_INVALID, "an object without apiVersion or kind");
	return visit(context, file, object, err);
}

static bool is_list(const struct json *document)
{
	return text_same(json_find_string(document, "kind"), "List") &&
	       text_same(json_find_string(document, "apiVersion"), "v1");
}

static bool visit_document(const struct json *document, const char *file, manifest_visit *visit,
			   void *context, struct error *err)
{
	const struct json *items = json_find(document, "items");

	if (!is_list(document))
		return visit_object(document, file, visit, context, err);
	for (size_t i = 0; i < json_size(items); i++)
		if (!visit_object(json_item(items, i), file, visit, context, err))
			return false;
	return true;
}

static bool visit_file(const char *file, manifest_visit *visit, void *context, struct error *err)
{
	cleanup_free char *bytes = NULL;
	cleanup_json struct json *documents = NULL;
	size_t size = 0;

	if (!manifest_file_bytes(file, MANIFESTS_MAX, &bytes, &size, err))
		return false;
	documents = parse(bytes, size, err);
	if (!documents)
		return error_wrap(err, "%.120s", file);
	for (size_t i = 0; i < json_size(documents); i++)
		if (!visit_document(json_item(documents, i), file, visit, context, err))
			return error_wrap(err, "%.120s", file);
	return true;
}

struct files {
	char **names;
	size_t count;
};

static void files_done(struct files *files)
{
	for (size_t i = 0; i < files->count; i++)
		memory_free(files->names[i]);
	memory_free(files->names);
}

static bool is_manifest(const char *name)
{
	static const char *const endings[] = {".yaml", ".yml", ".json"};
	size_t size = strlen(name);

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t ending = strlen(endings[i]);

		if (size > ending && strcmp(name + size - ending, endings[i]) == 0)
			return true;
	}
	return false;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool list_directory(const char *directory, struct files *files, struct error *err)
{
	DIR *stream = opendir(directory);
	struct dirent *entry;

	if (!stream)
		return error_set(err, ERROR_INVALID, "%.120s cannot be opened", directory);
	files->names = memory_new_array(FILES_MAX, sizeof(*files->names));
	while (files->count < FILES_MAX && (entry = readdir(stream)) != NULL) {
		struct text name = text_with_max(PATH_SIZE_MAX);

		if (!is_manifest(entry->d_name))
			continue;
		text_appendf(&name, "%s/%s", directory, entry->d_name);
		files->names[files->count++] = text_take(&name);
	}
	closedir(stream);
	if (files->count == FILES_MAX)
		return error_set(err, ERROR_INVALID, "%.120s holds %d files or more", directory,
				 FILES_MAX);
	if (files->count == 0)
		return error_set(err, ERROR_INVALID,
				 "%.120s holds no file that ends in .yaml, .yml or .json",
				 directory);
	qsort(files->names, files->count, sizeof(*files->names), compare_names);
	return true;
}

bool manifest_file_each(const char *place, manifest_visit *visit, void *context, struct error *err)
{
	cleanup_with(files_done) struct files files = {0};
	struct stat status;

	if (strcmp(place, "-") == 0 || stat(place, &status) != 0 || !S_ISDIR(status.st_mode))
		return visit_file(place, visit, context, err);
	if (!list_directory(place, &files, err))
		return false;
	for (size_t i = 0; i < files.count; i++)
		if (!visit_file(files.names[i], visit, context, err))
			return false;
	return true;
}
