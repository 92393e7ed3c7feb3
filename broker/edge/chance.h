/* chance.h - numbers that spread retries over time. Not for secrets: see base/digest.h. */
#ifndef EDGE_CHANCE_H
#define EDGE_CHANCE_H

#include <stdint.h>

/* Evenly spread over all 32 bits. */
uint32_t chance_number(void);

/* Evenly spread from FIRST to LAST, both included. */
int64_t chance_between(int64_t first, int64_t last);

#endif
