/* cleanup.h - releases what a variable owns on every path out of its block.
 *
 * Needs GNU C (the cleanup attribute and statement expressions). */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

/* Memory of base/memory.h. */
#define cleanup_free __attribute__((cleanup(cleanup_free_target)))
/* A file descriptor; -1 means none. */
#define cleanup_close __attribute__((cleanup(cleanup_close_target)))
/* Any type with `void f(type *)` that releases content. */
#define cleanup_with(f) __attribute__((cleanup(f)))

/* Hands POINTER over: the expression is its value, the variable is NULL afterwards. */
#define TAKE_PTR(pointer)                                                                          \
	__extension__({                                                                            \
		__typeof__(pointer) *take_place_ = &(pointer);                                     \
		__typeof__(pointer) take_value_ = *take_place_;                                    \
		*take_place_ = (__typeof__(pointer))0;                                             \
		take_value_;                                                                       \
	})

void cleanup_free_target(void *pointer_to_pointer);
void cleanup_close_target(const int *fd);

#endif
