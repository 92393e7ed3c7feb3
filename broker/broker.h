/* broker.h - the controller process: its parts put together, run, and taken apart. */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include <stdbool.h>

struct broker;
struct error;
struct options;

/* OPTIONS is borrowed for the broker's life. NULL with ERR set when it cannot be built. */
struct broker *broker_new(const struct options *options, struct error *err);

/* Runs until SIGTERM or SIGINT. False when the hub cannot be used: ERR says why. */
bool broker_run(struct broker *broker, struct error *err);

/* NULL is fine. */
void broker_free(struct broker *broker);

#endif
