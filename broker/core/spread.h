/* spread.h - times that are not the same for all who have something to do. Pure. */
#ifndef CORE_SPREAD_H
#define CORE_SPREAD_H

#include <stdint.h>

/* From 0 to WIDTH_MS, as good as drawn, and the same each time for the same KEY and ROUND. */
int64_t spread_ms(const char *key, uint32_t round, int64_t width_ms);

#endif
