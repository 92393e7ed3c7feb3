#include <base/json_memory.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <base/memory.h>

enum {
	CELL_STEP = 16,
	SIZE_COUNT = JSON_CELL_MAX / CELL_STEP,
	SLAB_SIZE = 16 << 10,
	SLAB_COUNT = 4096, /* 64 MiB: a page of a list takes 10; beyond that memory.h serves */
	WARM_MAX = 16,     /* empty slabs that keep their pages */
};

struct cell {
	struct cell *next;
};

/* Cells of one size. Kept apart from them: nothing that is written into a cell reaches it. */
struct slab {
	struct slab *next, *previous; /* of those of its size that have room; or empty ones */
	struct cell *freed;
	unsigned cell_size;   /* 0: it is empty */
	unsigned live, fresh; /* cells in use; cells that were never used lie behind these */
};

static unsigned char *region;
static struct slab slabs[SLAB_COUNT];
static size_t slabs_begun; /* behind these nothing was ever used */
static struct slab *with_room[SIZE_COUNT + 1];
static struct slab *warm, *cold; /* empty ones; cold ones have no pages */
static size_t warm_count, slabs_used;

static void push(struct slab **list, struct slab *slab)
{
	slab->next = *list;
	slab->previous = NULL;
	if (*list)
		(*list)->previous = slab;
	*list = slab;
}

static void drop(struct slab **list, struct slab *slab)
{
	if (slab->next)
		slab->next->previous = slab->previous;
	if (slab->previous)
		slab->previous->next = slab->next;
	else
		*list = slab->next;
}

static struct slab **list_of(const struct slab *slab)
{
	return &with_room[slab->cell_size / CELL_STEP];
}

static bool is_full(const struct slab *slab)
{
	return slab->live == SLAB_SIZE / slab->cell_size;
}

static unsigned char *bytes_of(const struct slab *slab)
{
	return region + (size_t)(slab - slabs) * SLAB_SIZE;
}

static bool has_region(void)
{
	static bool tried;

	if (tried)
		return region != NULL;
	tried = true;
	void *mapped = mmap(NULL, (size_t)SLAB_COUNT * SLAB_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	region = mapped == MAP_FAILED ? NULL : mapped;
	return region != NULL;
}

static struct slab *take_empty(void)
{
	struct slab **list = warm ? &warm : &cold;
	struct slab *slab = *list;

	if (slab) {
		warm_count -= list == &warm;
		drop(list, slab);
		return slab;
	}
	if (!has_region() || slabs_begun == SLAB_COUNT)
		return NULL;
	return &slabs[slabs_begun++];
}

static struct slab *slab_with_room(unsigned cell_size)
{
	struct slab *slab = with_room[cell_size / CELL_STEP];

	if (slab)
		return slab;
	slab = take_empty();
	if (!slab)
		return NULL;
	*slab = (struct slab){.cell_size = cell_size};
	push(list_of(slab), slab);
	slabs_used++;
	return slab;
}

void *json_memory_new(size_t size)
{
	unsigned cell_size = ((unsigned)size + CELL_STEP - 1) / CELL_STEP * CELL_STEP;
	struct slab *slab = NULL;

	if (size > 0 && size <= JSON_CELL_MAX)
		slab = slab_with_room(cell_size);
	if (!slab)
		return memory_resize(NULL, size, 1);

	void *cell = slab->freed;
	if (cell)
		slab->freed = slab->freed->next;
	else
		cell = bytes_of(slab) + (size_t)slab->fresh++ * cell_size;
	slab->live++;
	if (is_full(slab))
		drop(list_of(slab), slab);
	return cell;
}

/* Its pages hold nothing but zeros and the addresses of cells. */
static void make_empty(struct slab *slab)
{
	drop(list_of(slab), slab);
	slab->cell_size = 0;
	slabs_used--;
	if (warm_count < WARM_MAX) {
		warm_count++;
		push(&warm, slab);
		return;
	}
	madvise(bytes_of(slab), SLAB_SIZE, MADV_DONTNEED);
	push(&cold, slab);
}

void json_memory_free(void *block)
{
	size_t offset = (size_t)((uintptr_t)block - (uintptr_t)region);

	if (!region || offset >= (size_t)SLAB_COUNT * SLAB_SIZE) {
		memory_free(block);
		return;
	}
	struct slab *slab = &slabs[offset / SLAB_SIZE];
	struct cell *cell = block;
	if (is_full(slab))
		push(list_of(slab), slab);
	explicit_bzero(cell, slab->cell_size);
	cell->next = slab->freed;
	slab->freed = cell;
	if (--slab->live == 0)
		make_empty(slab);
}

size_t json_memory_slabs(void)
{
	return slabs_used;
}
