#include "edge/chance.h"

#include <sys/random.h>

uint32_t chance_number(void)
{
	uint32_t number = 0;

	/* Before the kernel has randomness retries are not spread, which is all that is lost. */
	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number))
		return 0;
	return number;
}

int64_t chance_between(int64_t first, int64_t last)
{
	return first + chance_number() % (last - first + 1);
}
