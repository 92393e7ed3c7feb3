#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <base/digest.h>
#include <base/json.h>
#include <base/memory.h>

/* Runs ACT in a child with its stderr closed; true when that ended by abort(). */
static bool aborts(void (*act)(void))
{
	int status = 0;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		close(STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		act();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFSIGNALED(status))
		assert_int_equal(WEXITSTATUS(status), 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void memory_new__is_zeroed_and_never_empty(void **state)
{
	static const char zeros[100];

	(void)state;
	char *block = memory_new(sizeof(zeros));
	assert_memory_equal(block, zeros, sizeof(zeros));
	memory_free(block);

	char *least = memory_new(0);
	assert_int_equal(least[0], 0);
	memory_free(least);
}

static void memory_new_array__is_zeroed(void **state)
{
	static const uint64_t zeros[7];

	(void)state;
	uint64_t *block = memory_new_array(7, sizeof(*block));
	assert_memory_equal(block, zeros, sizeof(zeros));
	memory_free(block);
}

/* volatile: the compiler must not see that the product overflows. */
static volatile size_t half = SIZE_MAX / 2;

static void ask_for_too_many(void)
{
	memory_free(memory_new_array(half, 3));
}

static void grow_too_far(void)
{
	memory_free(memory_resize(memory_new(1), half, 3));
}

static void memory_new_array__ends_the_process_when_the_product_overflows(void **state)
{
	(void)state;
	assert_true(aborts(ask_for_too_many));
	assert_true(aborts(grow_too_far));
}

static void memory_resize__keeps_the_content(void **state)
{
	(void)state;
	char *block = memory_resize(NULL, 4, 1);
	memcpy(block, "abc", 4);
	for (size_t size = 8; size < 100000; size *= 3) {
		block = memory_resize(block, size, 1);
		assert_string_equal(block, "abc");
		block[size - 1] = 'z';
	}
	block = memory_resize(block, 4, 1);
	assert_string_equal(block, "abc");
	memory_free(block);
}

static void memory_text__copies_and_keeps_null(void **state)
{
	(void)state;
	assert_null(memory_text(NULL));
	char *copy = memory_text("word");
	assert_string_equal(copy, "word");
	memory_free(copy);
}

static void memory_bytes__puts_a_nul_behind(void **state)
{
	(void)state;
	char *copy = memory_bytes("a\0bc", 3);
	assert_memory_equal(copy, "a\0b", 4);
	memory_free(copy);

	char *empty = memory_bytes(NULL, 0);
	assert_string_equal(empty, "");
	memory_free(empty);
}

#ifndef __has_feature
#define __has_feature(feature) 0
#endif

/* The allocator hands a freed block out again, unless a sanitizer keeps it back. Its first 16
 * bytes then hold the allocator's own list. */
static void memory_free__wipes_the_block(void **state)
{
	(void)state;
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
	skip();
#endif
	char *block = memory_resize(NULL, 100, 1);
	volatile uintptr_t place = (uintptr_t)block;
	memset(block, 's', 100);
	memory_free(block);

	char *again = memory_resize(NULL, 100, 1);
	assert_true((uintptr_t)again == place);
	for (size_t i = 16; i < 100; i++)
		assert_int_equal(again[i], 0);
	memory_free(again);
}

static void memory_resize__wipes_the_place_that_a_block_left(void **state)
{
	(void)state;
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
	skip();
#endif
	char *block = memory_resize(NULL, 100, 1);
	volatile uintptr_t place = (uintptr_t)block;
	memset(block, 's', 100);
	block = memory_resize(block, 5000, 1);

	char *again = memory_resize(NULL, 100, 1);
	assert_true((uintptr_t)again == place);
	for (size_t i = 16; i < 100; i++)
		assert_int_equal(again[i], 0);
	memory_free(again);
	memory_free(block);
}

static void serve_and_use(void)
{
	char nonce[NONCE_SIZE];
	char hex[DIGEST_HEX_SIZE];
	size_t size;

	memory_serve_libraries();
	digest_nonce(nonce);
	digest_hex("abc", 3, hex);
	struct json *json = json_object_new();
	json_add_string(json, "nonce", nonce);
	char *text = json_dump(json, &size);
	if (size != strlen(text) || strlen(nonce) != NONCE_SIZE - 1)
		_exit(1);
	memory_free(text);
	json_free(json);
}

static void use_and_serve(void)
{
	char nonce[NONCE_SIZE];

	digest_nonce(nonce);
	memory_serve_libraries();
}

static void memory_serve_libraries__gives_them_an_allocator_that_works(void **state)
{
	(void)state;
	assert_false(aborts(serve_and_use));
}

static void memory_serve_libraries__ends_the_process_when_called_too_late(void **state)
{
	(void)state;
	assert_true(aborts(use_and_serve));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_new__is_zeroed_and_never_empty),
		cmocka_unit_test(memory_new_array__is_zeroed),
		cmocka_unit_test(memory_new_array__ends_the_process_when_the_product_overflows),
		cmocka_unit_test(memory_resize__keeps_the_content),
		cmocka_unit_test(memory_text__copies_and_keeps_null),
		cmocka_unit_test(memory_bytes__puts_a_nul_behind),
		cmocka_unit_test(memory_free__wipes_the_block),
		cmocka_unit_test(memory_resize__wipes_the_place_that_a_block_left),
		cmocka_unit_test(memory_serve_libraries__gives_them_an_allocator_that_works),
		cmocka_unit_test(memory_serve_libraries__ends_the_process_when_called_too_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
