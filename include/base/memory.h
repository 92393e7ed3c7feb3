/* memory.h - allocation that succeeds or ends the process, and is wiped when freed.
 *
 * Wiping on free is for the libraries: libcurl, jansson and OpenSSL copy tokens into
 * buffers of their own, and get these functions as their allocator. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

/* SIZE zeroed bytes (at least one); the caller's, released with memory_free(). */
void *memory_new(size_t size) __attribute__((returns_nonnull, warn_unused_result));

/* COUNT zeroed items of SIZE bytes; ends the process when the product overflows. */
void *memory_new_array(size_t count, size_t size)
	__attribute__((returns_nonnull, warn_unused_result));

/* POINTER (may be NULL) grown or shrunk to COUNT items of SIZE bytes; takes POINTER. New bytes
 * are not zeroed; a block that moved is wiped at its old place. */
void *memory_resize(void *pointer, size_t count, size_t size)
	__attribute__((returns_nonnull, warn_unused_result));

/* A copy of TEXT, or NULL for NULL. */
char *memory_text(const char *text) __attribute__((warn_unused_result));

/* A copy of SIZE bytes with a NUL behind them. */
char *memory_bytes(const char *bytes, size_t size)
	__attribute__((returns_nonnull, warn_unused_result));

/* Wipes and releases; NULL is fine. */
void memory_free(void *pointer);

/* Makes jansson and OpenSSL allocate here. Call once, before either is used; libcurl is
 * told by http_client_new(). Ends the process when a library refuses. */
void memory_serve_libraries(void);

#endif
