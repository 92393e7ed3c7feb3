#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/memory.h>
#include <base/secret.h>
#include <cmocka.h>

static void secret_from_bytes__copies_and_puts_a_nul_behind(void **state)
{
	char bytes[] = {'a', '\0', 'b', 'x'};

	(void)state;
	cleanup_secret struct secret secret = secret_from_bytes(bytes, 3);
	bytes[0] = 'z';
	assert_int_equal(secret.size, 3);
	assert_memory_equal(secret_expose(&secret), "a\0b", 4);
}

static void secret_from_bytes__of_nothing_is_empty(void **state)
{
	(void)state;
	cleanup_secret struct secret secret = secret_from_bytes("", 0);
	assert_true(secret_is_empty(&secret));
	assert_null(secret.bytes);
	assert_string_equal(secret_expose(&secret), "");
}

static void secret_take__owns_the_bytes(void **state)
{
	(void)state;
	char *bytes = memory_text("token");
	cleanup_secret struct secret secret = secret_take(bytes, 5);
	assert_ptr_equal(secret_expose(&secret), bytes);

	cleanup_secret struct secret empty = secret_take(memory_text(""), 0);
	assert_null(empty.bytes);
}

static void secret_move__leaves_nothing_behind(void **state)
{
	(void)state;
	cleanup_secret struct secret from = secret_from_bytes("token", 5);
	cleanup_secret struct secret to = secret_move(&from);
	assert_true(secret_is_empty(&from));
	assert_string_equal(secret_expose(&from), "");
	assert_string_equal(secret_expose(&to), "token");
}

static void secret_dup__is_a_copy_of_its_own(void **state)
{
	(void)state;
	cleanup_secret struct secret secret = secret_from_bytes("token", 5);
	cleanup_secret struct secret copy = secret_dup(&secret);
	assert_ptr_not_equal(secret.bytes, copy.bytes);
	assert_true(secret_equal(&secret, &copy));

	cleanup_secret struct secret empty = secret_dup(&(struct secret){0});
	assert_true(secret_is_empty(&empty));
}

static void secret_done__is_fine_when_empty_and_twice(void **state)
{
	struct secret secret = secret_from_bytes("token", 5);

	(void)state;
	secret_done(&secret);
	secret_done(&secret);
	assert_true(secret_is_empty(&secret));
}

static void secret_equal__compares_all_bytes(void **state)
{
	(void)state;
	cleanup_secret struct secret a = secret_from_bytes("to\0ken", 6);
	cleanup_secret struct secret same = secret_from_bytes("to\0ken", 6);
	cleanup_secret struct secret other = secret_from_bytes("to\0keN", 6);
	cleanup_secret struct secret shorter = secret_from_bytes("to", 2);
	struct secret empty = {0};

	assert_true(secret_equal(&a, &same));
	assert_false(secret_equal(&a, &other));
	assert_false(secret_equal(&a, &shorter));
	assert_false(secret_equal(&a, &empty));
	assert_true(secret_equal(&empty, &empty));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secret_from_bytes__copies_and_puts_a_nul_behind),
		cmocka_unit_test(secret_from_bytes__of_nothing_is_empty),
		cmocka_unit_test(secret_take__owns_the_bytes),
		cmocka_unit_test(secret_move__leaves_nothing_behind),
		cmocka_unit_test(secret_dup__is_a_copy_of_its_own),
		cmocka_unit_test(secret_done__is_fine_when_empty_and_twice),
		cmocka_unit_test(secret_equal__compares_all_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
