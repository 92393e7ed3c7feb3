#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <base/json_memory.h>

enum { MANY = 5000 };

static const unsigned char zeros[JSON_CELL_MAX];
static unsigned char *blocks[MANY];

static size_t size_of(int number)
{
	return (size_t)number * 7 % (JSON_CELL_MAX + 40) + 1;
}

static void json_memory_new__gives_each_its_own_bytes(void **state)
{
	(void)state;
	for (int i = 0; i < MANY; i++) {
		blocks[i] = json_memory_new(size_of(i));
		assert_int_equal((uintptr_t)blocks[i] % 16, 0);
		memset(blocks[i], i % 251 + 1, size_of(i));
	}
	for (int i = 0; i < MANY; i += 2) /* and again where others were freed */
		json_memory_free(blocks[i]);
	for (int i = 0; i < MANY; i += 2) {
		blocks[i] = json_memory_new(size_of(i));
		memset(blocks[i], i % 251 + 1, size_of(i));
	}
	for (int i = 0; i < MANY; i++)
		for (size_t k = 0; k < size_of(i); k++)
			assert_int_equal(blocks[i][k], i % 251 + 1);
	for (int i = 0; i < MANY; i++)
		json_memory_free(blocks[i]);
	assert_int_equal(json_memory_slabs(), 0);
}

static void json_memory_free__wipes(void **state)
{
	(void)state;
	for (size_t size = sizeof(void *) + 1; size <= JSON_CELL_MAX; size++) {
		unsigned char *neighbour = json_memory_new(size); /* keeps the slab in use */
		unsigned char *block = json_memory_new(size);

		memset(block, 0xa5, size);
		json_memory_free(block);
		/* Its first word leads to the next free cell. */
		assert_memory_equal(block + sizeof(void *), zeros, size - sizeof(void *));
		json_memory_free(neighbour);
	}
}

static void json_memory_free__gives_the_slabs_back(void **state)
{
	(void)state;
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < MANY; i++)
			blocks[i] = json_memory_new(JSON_CELL_MAX);
		assert_int_equal(json_memory_slabs(), (MANY + 63) / 64);
		for (int i = 0; i < MANY; i++)
			json_memory_free(blocks[(i * 7 + round) % MANY]);
		assert_int_equal(json_memory_slabs(), 0);
	}
}

static void json_memory_free__takes_nothing_and_what_is_no_cell(void **state)
{
	(void)state;
	json_memory_free(NULL);
	json_memory_free(json_memory_new(0));
	json_memory_free(json_memory_new(JSON_CELL_MAX + 1));
	json_memory_free(json_memory_new(1 << 20));
	assert_int_equal(json_memory_slabs(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_memory_new__gives_each_its_own_bytes),
		cmocka_unit_test(json_memory_free__wipes),
		cmocka_unit_test(json_memory_free__gives_the_slabs_back),
		cmocka_unit_test(json_memory_free__takes_nothing_and_what_is_no_cell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
