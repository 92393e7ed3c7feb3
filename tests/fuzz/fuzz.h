/* fuzz.h - what a fuzz target is: one function that takes any bytes and must come back.
 *
 * libFuzzer calls it with new inputs; standalone.c calls it with the files of a corpus. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process when a property does not hold, also in release builds. */
static inline void require(bool holds)
{
	if (!holds)
		abort();
}

#endif
