/* log.h - one JSON line on standard error for each event.
 *
 * Callers give fixed keys and values that hold no secret; values are escaped, so that nothing from
 * outside can break a line or forge a field. A reader that does not read delays nobody: a line that
 * the pipe does not take at once is dropped and counted. */
#ifndef EDGE_LOG_H
#define EDGE_LOG_H

enum log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_ERROR,
};

/* What is written: LEVEL and above. Default: info. */
void log_set_level(enum log_level level);

/* MESSAGE is fixed text; then pairs of key and value (const char *; a NULL value leaves the pair
 * out), ended by NULL. Fields "time", "level" and "message" are added. */
void log_event(enum log_level level, const char *message, ...) __attribute__((sentinel));

#endif
