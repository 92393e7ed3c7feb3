#include <base/memory.h>

#include <jansson.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void end_process(const char *why)
{
	fprintf(stderr, "credbroker: %s\n", why);
	abort();
}

static size_t product(size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		end_process("allocation size overflows");
	return bytes;
}

static void *allocate(size_t size)
{
	void *pointer = malloc(size > 0 ? size : 1);

	if (!pointer)
		end_process("out of memory");
	return pointer;
}

void *memory_new(size_t size)
{
	void *pointer = calloc(1, size > 0 ? size : 1);

	if (!pointer)
		end_process("out of memory");
	return pointer;
}

void *memory_new_array(size_t count, size_t size)
{
	return memory_new(product(count, size));
}

void *memory_resize(void *pointer, size_t count, size_t size)
{
	size_t bytes = product(count, size);

	if (!pointer)
		return allocate(bytes);

	/* realloc() would leave the old bytes behind when it moves a block. */
	size_t usable = malloc_usable_size(pointer);
	if (bytes <= usable)
		return pointer;
	void *grown = allocate(bytes);
	memcpy(grown, pointer, usable);
	memory_free(pointer);
	return grown;
}

char *memory_text(const char *text)
{
	return text ? memory_bytes(text, strlen(text)) : NULL;
}

char *memory_bytes(const char *bytes, size_t size)
{
	if (size == SIZE_MAX)
		end_process("allocation size overflows");
	char *copy = allocate(size + 1);
	if (size > 0)
		memcpy(copy, bytes, size);
	copy[size] = '\0';
	return copy;
}

void memory_free(void *pointer)
{
	if (!pointer)
		return;
	explicit_bzero(pointer, malloc_usable_size(pointer));
	free(pointer);
}

static void *openssl_new(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return allocate(size);
}

static void *openssl_resize(void *pointer, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	if (size > 0)
		return memory_resize(pointer, size, 1);
	memory_free(pointer);
	return NULL;
}

static void openssl_free(void *pointer, const char *file, int line)
{
	(void)file;
	(void)line;
	memory_free(pointer);
}

void memory_serve_libraries(void)
{
	json_set_alloc_funcs(allocate, memory_free);
	if (CRYPTO_set_mem_functions(openssl_new, openssl_resize, openssl_free) != 1)
		end_process("OpenSSL was used before it was given the allocator");
}
