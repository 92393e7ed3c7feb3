#include <base/cleanup.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <base/memory.h>

void cleanup_free_target(void *pointer_to_pointer)
{
	void *pointer;

	/* Copied, because reading a char * through a void ** would break the aliasing rules. */
	memcpy(&pointer, pointer_to_pointer, sizeof(pointer));
	memory_free(pointer);
}

void cleanup_close_target(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}
