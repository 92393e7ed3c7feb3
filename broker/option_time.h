/* option_time.h - a time on the command line: 30s, 10m, 2h. Pure. */
#ifndef BROKER_OPTION_TIME_H
#define BROKER_OPTION_TIME_H

#include <stdbool.h>
#include <stdint.h>

struct error;

/* From 1s to 24h; else ERROR_INVALID. */
bool option_time_take(const char *value, int64_t *ret_seconds, struct error *err);

#endif
