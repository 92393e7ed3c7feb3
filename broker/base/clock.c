#include <base/clock.h>

#include <stddef.h>
#include <time.h>

static int64_t system_monotonic_ms(void *context)
{
	struct timespec now = {0};

	(void)context;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_wall_us(void *context)
{
	struct timespec now = {0};

	(void)context;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static const struct clock system_clock = {system_monotonic_ms, system_wall_us, NULL};

const struct clock *clock_system(void)
{
	return &system_clock;
}

int64_t clock_monotonic_ms(const struct clock *clock)
{
	return clock->monotonic_ms(clock->context);
}

int64_t clock_wall_us(const struct clock *clock)
{
	return clock->wall_us(clock->context);
}

int64_t clock_wall_s(const struct clock *clock)
{
	int64_t microseconds = clock_wall_us(clock);
	int64_t seconds = microseconds / 1000000;

	/* Down, not towards zero, also before 1970. */
	return microseconds % 1000000 < 0 ? seconds - 1 : seconds;
}
