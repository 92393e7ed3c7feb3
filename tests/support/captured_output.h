/* captured_output.h - what a function prints on standard output. */
#ifndef SUPPORT_CAPTURED_OUTPUT_H
#define SUPPORT_CAPTURED_OUTPUT_H

/* The text that PRINT printed. The caller's. */
char *captured_output(void (*print)(const void *context), const void *context);

#endif
